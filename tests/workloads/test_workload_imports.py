"""What the commands and the service may load: drivers belong into the worker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DRIVERS = ("asyncmy", "hdrh", "numpy", "textual", "rich", "platformdirs", "psutil")  # typer takes pydantic
MODULES = ("service.workloads", "workloads.runner", "workloads.kinds", "workloads.journal", "cli.workload")


def loaded(code: str, suspects: tuple[str, ...] = DRIVERS) -> list[str]:
    """Which of the suspects are there after that code, in a new interpreter."""
    program = f"import sys, json\n{code}\nprint(json.dumps([m for m in {suspects} if m in sys.modules]))"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    found: list[str] = json.loads(ended.stdout.splitlines()[-1])
    return found


def command(*words: str) -> str:
    return f"from distdiag_tui.cli.app import app\napp(['workload', *{words}], standalone_mode=False)"


def test_the_console_side_is_light() -> None:
    assert loaded("import " + ", ".join(f"distdiag_tui.{module}" for module in MODULES)) == []


@pytest.mark.parametrize("words", [["list", "oltp"], ["list", "--json"]])
def test_listing_is_light(words: list[str]) -> None:
    assert loaded(command(*words)) == []


def test_to_see_what_runs_only_the_folder_must_be_found() -> None:
    assert loaded(command("status")) == ["platformdirs"]


def test_the_console_starts_without_the_workloads() -> None:
    """Before the screen is there nothing of them is needed; afterwards, the light half at most."""
    code = "import distdiag_tui.cli.app, distdiag_tui.cli.console"
    assert loaded(code, ("hdrh", "distdiag_tui.workloads.worker", "distdiag_tui.workloads.database")) == []


def test_a_pane_of_workloads_would_not_load_a_driver() -> None:
    code = """
from distdiag_tui.model.target import Target
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.journal import Journal
from pathlib import Path
assert Workloads(Target("lab", ()), Journal(Path("nowhere"))).runs() == []
"""
    assert loaded(code) == []
