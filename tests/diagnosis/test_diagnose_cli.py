"""`distdiag diagnose` on runs that were recorded on a real lab, and where nobody answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from distdiag_tui.cli.app import app
from distdiag_tui.learning.registry import models_folder
from distdiag_tui.model.errors import ConnectError, ModelError, RecordingError

RUNS = Path(__file__).parents[1] / "data" / "lab" / "runs" / "round3"
STORM = RUNS / "connection_storm-n3-medium-tpcc-r1"


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def diagnose(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diagnose", *arguments], standalone_mode=False)


def test_a_line_of_json_for_each_change() -> None:
    result = diagnose("--from", str(STORM), "--json")
    assert result.return_value == 1
    lines = [json.loads(line) for line in result.output.splitlines()]
    first = next(line for line in lines if line["cause"] == "connection_storm")
    assert first["schema"] == "distdiag.finding/1"
    assert (first["change"], first["server"], first["rank"]) == ("found", "n3", 1)
    assert not first["calibrated"]
    assert 0 < first["confidence"] <= 1
    assert first["since"] < first["time"]
    assert first["title"] == "Connection storm"
    assert {each["metric"] for each in first["evidence"]} & {"logon_rate", "other_rate"}
    assert all(each["now"] > each["before"] for each in first["evidence"][:2])
    assert first["advice"]["check"]
    assert all(each["sql"].lower().startswith(("select", "show")) for each in first["advice"]["sql"])
    assert not any("{here}" in each["sql"] for each in first["advice"]["sql"])


def test_the_same_for_people() -> None:
    result = diagnose("--from", str(STORM))
    assert result.return_value == 1
    (line,) = [line for line in result.output.splitlines() if " found   n3: Connection storm ~" in line]
    assert "since" in line
    assert " → " in line


def test_a_hung_server_is_seen_by_its_silence() -> None:
    result = diagnose("--from", str(RUNS / "node_hang-n2-medium-tpcc-r1"), "--json")
    said = {line["cause"]: line["said"] for line in map(json.loads, result.output.splitlines())}
    assert "no answer" in said["node_hung"]


def test_when_nothing_is_wrong_that_is_said() -> None:
    result = diagnose("--from", str(RUNS / "change2-rate12-tpcc-r1"), "--json")
    causes = {json.loads(line)["cause"] for line in result.output.splitlines()}
    assert not causes & {"node_down", "node_hung", "lock_contention", "slow_sql", "connection_storm"}


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    for arguments, error in (
        (("--from", str(tmp_path)), RecordingError),
        (("127.0.0.1:1", "--for", "0.5", "--interval", "0.2"), ConnectError),
        (("--from", str(STORM), "--model", "none-such"), ModelError),
    ):
        assert isinstance(diagnose(*arguments).exception, error)
    assert diagnose("lab", "--from", str(STORM)).exception is not None


def test_a_model_that_cannot_be_read_leaves_the_rules(tmp_path: Path) -> None:
    folder = models_folder()
    folder.mkdir(parents=True)
    (folder / "mine.json").write_text("no model")
    (folder / "history").write_text("mine\n")
    result = diagnose("--from", str(STORM))
    assert result.return_value == 1
    assert "the rules are used, for" in result.stderr
