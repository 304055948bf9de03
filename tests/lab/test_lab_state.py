"""What the lab remembers: whole or refused, private, and cheap to read."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

from distdiag_tui.lab import state
from distdiag_tui.lab.state import LabLock, LabState, NodeRecord
from distdiag_tui.model.errors import LabError

RUNNING = LabState((NodeRecord("n1", "zone1", 21001, 4711, 1.5), NodeRecord("n2", "zone2", 21002)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def test_what_is_saved_is_loaded(home: Path) -> None:
    state.save(home, RUNNING)
    assert state.load(home) == RUNNING
    assert [path.name for path in home.iterdir()] == ["state.json"]


def test_files_are_for_the_user_alone(home: Path) -> None:
    state.save(home, RUNNING)
    state.create_password(home)
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}


def test_there_is_no_lab_at_first(home: Path) -> None:
    assert state.load(home / "none") is None
    with pytest.raises(LabError, match=r"^no lab is running; start one with: distdiag lab up$"):
        state.lab_target(home)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "\ufeff\x00",
        '{"schema": 1}',
        '{"schema": 1, "nodes": []}',
        '{"schema": 2, "nodes": [{"name": "n1", "zone": "z", "port": 1, "pid": null, "started": null}]}',
        '{"schema": 1, "nodes": [{"name": "../n1", "zone": "z", "port": 1, "pid": null, "started": null}]}',
        '{"schema": 1, "nodes": [{"name": "n1", "zone": "z", "port": "1", "pid": null, "started": null}]}',
        '{"schema": 1, "nodes": [{"name": "n1", "zone": "z", "port": 1, "pid": -1, "started": 1.0}]}',
        '{"schema": 1, "nodes": [{"name": "n1"}]}',
    ],
)
def test_a_corrupt_file_is_one_clear_line_that_names_it(home: Path, text: str) -> None:
    (home / "state.json").write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as caught:
        state.load(home)
    assert str(home / "state.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_corrupt_too(home: Path) -> None:
    (home / "state.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabError, match="corrupt"):
        state.load(home)


def test_the_target_has_every_node_and_hides_the_password(home: Path) -> None:
    state.save(home, RUNNING)
    password = state.create_password(home)
    target = state.lab_target(home)
    assert (target.cluster, target.user, target.password) == ("lab", "root", password)
    assert [(e.address, e.name, e.zone) for e in target.endpoints] == [
        ("127.0.0.1:21001", "n1", "zone1"),
        ("127.0.0.1:21002", "n2", "zone2"),
    ]
    assert password.reveal() not in repr(target)


def test_a_stopped_lab_is_no_target(home: Path) -> None:
    state.save(home, LabState((NodeRecord("n1", "zone1", 21001),)))
    state.create_password(home)
    with pytest.raises(LabError, match="no lab is running"):
        state.lab_target(home)


def test_a_lost_password_is_named(home: Path) -> None:
    state.save(home, RUNNING)
    with pytest.raises(LabError, match=r"password file .* is gone"):
        state.lab_target(home)


def test_each_lab_has_its_own_long_password(home: Path) -> None:
    first = state.create_password(home)
    assert state.load_password(home) == first
    assert len(first.reveal()) >= 24
    assert state.create_password(home) != first


def test_the_home_is_chosen_by_the_environment_else_by_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert state.lab_home() == tmp_path / "state" / "distdiag" / "lab"
    monkeypatch.setenv("DISTDIAG_LAB_HOME", str(tmp_path / "mine"))
    assert state.lab_home() == tmp_path / "mine"


def test_the_lock_is_held_by_one(home: Path) -> None:
    first, second = LabLock(home), LabLock(home)
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


def test_a_lock_on_a_removed_file_does_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def purged_just_before(fd: int, operation: int) -> None:
        (home / "lock").unlink()
        flock(fd, operation)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", purged_just_before)
    assert not LabLock(home).try_acquire()
    monkeypatch.setattr(fcntl, "flock", flock)
    assert LabLock(home).try_acquire()


@pytest.mark.parametrize("module", ["distdiag_tui.lab", "distdiag_tui.lab.state"])
def test_reading_the_state_imports_nothing_heavy(module: str) -> None:
    heavy = ("psutil", "asyncio", "asyncmy", "typer", "platformdirs", "pylibseekdb", "subprocess")
    code = f"import sys, json, {module}; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []
