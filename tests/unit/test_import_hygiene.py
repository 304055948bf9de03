"""What a bare import may pull in, and the arrows of the architecture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FACES = ("textual", "rich", "typer", "pydantic", "platformdirs", "psutil", "pylibseekdb")


def imported(module: str, suspects: tuple[str, ...]) -> list[str]:
    """Which of the suspects are loaded after importing the module in a new interpreter."""
    code = f"import sys, json, {module}; print(json.dumps([m for m in {suspects} if m in sys.modules]))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    found: list[str] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize(
    "module",
    ["engine", "sources.live", "feed", "store", "model.snapshot", "recording.reader", "hosts.opening"],
)
def test_the_core_knows_no_screen(module: str) -> None:
    assert imported(f"distdiag_tui.{module}", FACES) == []


@pytest.mark.parametrize("module", ["store", "model.metrics", "model.snapshot"])
def test_what_holds_figures_knows_no_database(module: str) -> None:
    assert imported(f"distdiag_tui.{module}", ("asyncmy", "asyncio")) == []


def test_the_command_line_starts_light() -> None:
    heavy = (
        "textual",
        "numpy",
        "asyncmy",
        "pydantic",
        "rich",
        "psutil",
        "platformdirs",
        "kubernetes_asyncio",
    )
    assert imported("distdiag_tui.cli.app", heavy) == []


def test_planning_jobs_and_watching_a_run_does_not_pay_for_kubernetes() -> None:
    modules = "distdiag_tui.service.workloads, distdiag_tui.workloads.k8s.manifests"
    assert imported(modules, ("kubernetes_asyncio", "aiohttp", "asyncmy")) == []


def test_diagnosis_starts_light() -> None:
    heavy = ("importlib.metadata", "statistics", "email", "asyncio", "tempfile")
    assert imported("distdiag_tui.learning.use", heavy) == []


def test_a_way_to_machines_is_paid_for_by_who_takes_it() -> None:
    heavy = ("asyncssh", "requests", "prometheus_api_client", "kubernetes_asyncio", "aiohttp", "psutil")
    assert imported("distdiag_tui.hosts.opening", heavy) == []


def test_asking_for_the_lab_does_not_pay_for_profiles() -> None:
    assert imported("distdiag_tui.config.resolve", ("pydantic", "platformdirs", "dotenv", "asyncmy")) == []


def test_the_arrows_point_down() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip("needs import-linter, of the extra dev")
    ended = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stdout
