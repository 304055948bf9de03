"""`distdiag lab sim` as a person uses it."""

from __future__ import annotations

import asyncio
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from standin import client, rows

from distdiag_tui.cli.app import app
from distdiag_tui.config.resolve import resolve_target
from distdiag_tui.model.errors import DistdiagError, LabError
from distdiag_tui.sim.state import claimed, sim_home

COMMAND: Final = (sys.executable, "-m", "distdiag_tui", "lab", "sim")


def test_it_says_where_it_is_is_found_by_name_and_leaves_nothing(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[step]]\nat = 0\ndo = "stop_zone"\nzone = "zone2"\n')
    words = (
        *COMMAND,
        "--version",
        "4.3.3",
        "--servers",
        "4",
        "--zones",
        "2",
        "--obproxy",
        "0",
        "--script",
        script,
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told: list[str] = []
        while not told or "stop_zone" not in told[-1]:
            told.append(process.stdout.readline())
        target = resolve_target("sim")
        shown = asyncio.run(asked(target))
        with pytest.raises(LabError, match="running already"), claimed(sim_home()):
            pass
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    text = "".join(told) + rest
    assert (process.returncode, errors) == (0, "")
    assert shown == [("5.7.25-OceanBase-v4.3.3.1", 4)]
    assert "not a database" in text
    assert target.endpoints[0].address in text
    assert target.password.reveal() not in text
    assert list(sim_home().iterdir()) == []
    with pytest.raises(LabError, match="distdiag lab sim"):
        resolve_target("sim")


async def asked(target: object) -> list[tuple[object, ...]]:
    """What the stand-in is, and that its password is nobody else's."""
    assert stat.S_IMODE((sim_home() / "password").stat().st_mode) == 0o600
    async with client(target) as cursor:  # type: ignore[arg-type]
        return await rows(cursor, "select version(), count(*) from oceanbase.DBA_OB_SERVERS")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--version", "4.2.4"), "no stand-in for version 4.2.4; there is 4.2.1"),
        (("--zones", "5", "--servers", "3"), "5 zones need at least as many servers"),
        (("--address", "0.0.0.0"), "on this machine only"),
        (("--script", "/nowhere.toml"), "cannot read /nowhere.toml"),
    ],
)
def test_bad_input_is_one_line(options: tuple[str, ...], words: str) -> None:
    with pytest.raises(DistdiagError, match=words) as refused:
        app(["lab", "sim", *options], standalone_mode=False)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


def test_ports_that_there_are_not_are_told_in_a_line() -> None:
    words = (*COMMAND, "--address", "127.0.0.1", "--port", "65000", "--servers", "99")
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    (line,) = ended.stderr.splitlines()
    assert line.startswith("distdiag: there is no port 655")
