"""Where sysbench is not installed, or does not work: what is said, and what stands in for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LiveLab, run
from live_load import load_of, sql
from sysbench_live import SMALL, failure

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.service.workloads import Wish, in_place
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import checked
from distdiag_tui.workloads.sysbench.config import SCRIPTS
from distdiag_tui.workloads.sysbench.installed import install_command, missing
from distdiag_tui.workloads.sysbench.kind import SYSBENCH, as_oltp

PYTHON_ONLY = {"PATH": str(Path(sys.executable).parent)}


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH with one empty folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, text: str) -> None:
    file = folder / "sysbench"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_the_real_one_is_not_missing() -> None:
    assert missing() == ""


def test_a_missing_one_is_named_with_what_installs_it(nothing: Path) -> None:
    assert missing() == install_command()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'sysbench 1.0.20'", ""),
        ("echo 'sysbench 0.4.12:  multi-threaded system evaluation benchmark'", "is 0.4.12"),
        ("echo 'error while loading shared libraries: libmariadb.so.3' >&2; exit 127", "does not run"),
        ("echo hello", "does not run"),
    ],
)
def test_one_that_cannot_be_used(nothing: Path, text: str, words: str) -> None:
    program(nothing, text)
    said = missing()
    assert words in said
    assert bool(said) is bool(words)
    assert not said or said.endswith(install_command())


def test_it_is_asked_only_once(nothing: Path) -> None:
    program(nothing, f"echo asked >> {nothing}/log; echo 'sysbench 1.0.20'")
    assert [missing(), missing(), missing()] == [""] * 3
    assert (nothing / "log").read_text() == "asked\n"


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian", "apt-get install sysbench"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'", "apt-get install sysbench"),
        ("ID=rocky\nID_LIKE='rhel centos fedora'", "dnf install sysbench"),
        ("ID=unheard", "install the package sysbench, 1.0 or later"),
    ],
)
def test_each_platform_has_its_command(monkeypatch: pytest.MonkeyPatch, release: str, command: str) -> None:
    fields = dict(line.replace("'", "").split("=") for line in release.splitlines())
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: fields)
    assert install_command() == command
    monkeypatch.setattr(sys, "platform", "darwin")
    assert install_command() == "brew install sysbench"


def test_the_list_of_kinds_loads_no_driver_and_runs_no_program() -> None:
    heavy = ("asyncmy", "asyncio", "hdrh", "numpy", "subprocess")
    code = (
        f"import sys, distdiag_tui.workloads.sysbench.kind; print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_wish_has_its_like_in_the_built_in_load(script: str) -> None:
    given = {"script": script, "threads": "3", "rate": "5", "time": "2", "tables": "7", "table_size": "800",
             "interval": "2", "rand_type": "special"}  # fmt: skip
    checked(SYSBENCH.options, given)
    values = checked(find_kind("oltp").options, as_oltp(given))
    assert (values["tables"], values["rows"], values["threads"]) == (7, 800, 3)
    assert (values["rate"], values["time"], values["interval"]) == (5.0, 2.0, 2.0)
    find_kind("oltp").create([], values)


def test_a_wish_is_met_in_place_only_where_it_must(nothing: Path) -> None:
    wish, note = in_place(Wish("sysbench", ("run",), {"script": "oltp_point_select"}))
    assert (wish.kind, wish.given) == ("oltp", {"mix": "point_select"})
    assert note == f"oltp stands in for sysbench, which is not installed: {install_command()}"
    assert in_place(Wish("oltp", ("run",))) == (Wish("oltp", ("run",)), "")
    cleanup = Wish("sysbench", ("cleanup",))
    assert in_place(cleanup) == (cleanup, "")  # needs no program
    with pytest.raises(ConfigError, match="oltp_point_select"):
        in_place(Wish("sysbench", ("run",), {"script": "cpu"}))
    program(nothing, "echo 'sysbench 1.0.20'")
    assert in_place(Wish("sysbench", ("run",))) == (Wish("sysbench", ("run",)), "")


async def test_a_worker_without_it_fails_in_one_line(lab: LiveLab, nothing: Path) -> None:
    message = await failure(load_of(lab.target, SMALL, ("run",), "sysbench"))
    assert message == f"sysbench is not installed: {install_command()}"


@pytest.fixture
def _no_load_afterwards(lab: LiveLab) -> Iterator[None]:
    yield
    for endpoint in lab.target.endpoints:
        run(sql(lab.target, endpoint, "DROP DATABASE IF EXISTS distdiag_load"))


@pytest.mark.usefixtures("_no_load_afterwards")
def test_the_built_in_load_stands_in_and_says_so(lab_env: LiveLab) -> None:
    options = ["--script", "oltp_point_select", "--tables", "2", "--table-size", "300", "--time", "1"]
    done = workload("start", "sysbench", "lab", "--prepare", *options)
    assert done.returncode == 0, done.stderr
    note = f"oltp stands in for sysbench, which is not installed: {install_command()}"
    assert note in done.stderr.splitlines()
    assert done.stdout.splitlines()[-1].startswith("total")
    [record] = json.loads(workload("status", "--json").stdout)["runs"]
    assert (record["kind"], record["note"], record["phase"]) == ("oltp", note, "done")
    assert record["options"]["mix"] == "point_select"
    assert (record["options"]["tables"], record["options"]["rows"]) == (2, 300)
    listed = workload("list").stdout
    assert f"not installed here: {install_command()}; oltp stands in for it" in listed


def workload(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "distdiag_tui", "workload", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | PYTHON_ONLY,
    )  # fmt: skip
