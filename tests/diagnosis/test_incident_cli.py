"""`distdiag incident`, on what a console has kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from findings import finding

from distdiag_tui.cli.app import app
from distdiag_tui.incidents.fact import Fact
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.incidents.store import Papers, open_store
from distdiag_tui.model.errors import DistdiagError

ROOT = Path(__file__).parents[2]


class Command:
    """Runs `distdiag incident` here: a process of its own would only take half a second more."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, expect: int = 0) -> str:
        """What it prints."""
        code = app(["incident", *words], prog_name="distdiag", standalone_mode=False) or 0
        assert code == expect
        return self._capsys.readouterr().out


@pytest.fixture
def distdiag(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def kept() -> None:
    """An open incident, and one that is over."""
    now = time.time()
    found = Incident(
        "inc-aa11", "lab", "n\x1b[31m1", "zone1", "lock_contention", "open", now - 90, now, finding(),
        timeline=(Event(now - 80, "opened", "90 %"),), alone=True,
    )  # fmt: skip
    over = Incident(
        "inc-bb22", "shop", "n2", "zone1", "node_down", "resolved", now - 900, now - 60,
        finding("node_down", "n2"), ended=now - 60,
    )  # fmt: skip
    facts = (Fact("blockers", "Who keeps whom waiting", now, says="session 7 keeps 2 waiting"),)
    open_store().sync("lab", "test", [found, over], [("inc-aa11", Papers(facts))])


def test_nothing_found_is_no_error(distdiag: Command) -> None:
    assert distdiag("list") == "nothing was found yet\n"


@pytest.mark.usefixtures("kept")
def test_they_are_listed_read_known_of_annotated_and_exported(distdiag: Command, tmp_path: Path) -> None:
    listed = distdiag("list", expect=1).splitlines()  # one is open
    assert [line.split()[0] for line in listed] == ["INCIDENT", "inc-bb22", "inc-aa11"]
    assert "n�[31m1" in listed[2]
    assert "for 14m00s" in listed[1]
    assert distdiag("list", "shop").count("\n") == 2
    assert "acknowledged" in distdiag("ack", "inc-aa", "inc-bb22")
    assert json.loads(distdiag("note", "inc-aa", "it was the batch job", "--json"))["acknowledged"]
    document = json.loads(distdiag("show", "inc-aa11", "--json"))
    assert [each["kind"] for each in document["timeline"]] == ["opened", "acknowledged", "note"]
    assert document["facts"][0]["says"] == "session 7 keeps 2 waiting"
    assert document["timeline"][2]["words"] == "it was the batch job"
    text = distdiag("show", "inc-aa11")
    assert "session 7 keeps 2 waiting" in text
    assert "svr_ip" not in text
    files = distdiag("export", "inc-aa11", "--to", str(tmp_path / "out")).split()
    assert [Path(file).name for file in files] == ["inc-aa11.md", "inc-aa11.json"]
    assert Path(files[0]).read_text(encoding="utf-8") == text
    assert json.loads(Path(files[1]).read_text(encoding="utf-8")) == document
    listing = json.loads(distdiag("list", "--json", expect=1))
    assert listing["schema"] == "distdiag.incidents/1"
    assert [each["state"] for each in listing["incidents"]] == ["resolved", "open"]


@pytest.mark.usefixtures("kept")
def test_what_cannot_be_done_is_one_line(distdiag: Command) -> None:
    for words, complaint in (
        (("ack", "inc-"), "several incidents"), (("note", "inc-aa11", " "), "needs some words"),
    ):  # fmt: skip
        with pytest.raises(DistdiagError, match=complaint):
            distdiag(*words)
    ended = subprocess.run(
        [sys.executable, "-m", "distdiag_tui", "incident", "show", "inc-zz"], cwd=ROOT, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr == "distdiag: there is no incident 'inc-zz'; see: distdiag incident list\n"
