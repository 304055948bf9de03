"""`distdiag workload` as a person or a script runs it, against one node of the lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from conftest import run
from live_load import alive

from distdiag_tui.cli import main
from distdiag_tui.config.environment import environment as settings
from distdiag_tui.service.workloads import end_run
from distdiag_tui.workloads.journal import Journal, RunRecord

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "distdiag_tui", "workload")
SMALL = ("--tables", "1", "--rows", "200")
QUICK = ("--threads", "2", "--rate", "20", "--interval", "0.2")


def environment(**more: str) -> dict[str, str]:
    """This process's environment with the package importable from any folder."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "300", **more}


def at_once(*words: str) -> subprocess.CompletedProcess[str]:
    """`distdiag workload ...` in this process, for what starts no run: a fifth of the time."""
    out, err = StringIO(), StringIO()
    settings.cache_clear()
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["distdiag", "workload", *words])
        with pytest.raises(SystemExit) as left:
            main()
    settings.cache_clear()
    code = left.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def workload(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`distdiag workload ...` to its end."""
    return subprocess.run(
        [*COMMAND, *words], env=environment(**more), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def going_on(*words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A running `distdiag workload ...`, killed afterwards if it has not ended."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def one_line(ended: subprocess.CompletedProcess[str], code: int) -> str:
    """What it says of its failure: a single line on stderr, and nothing else."""
    assert (ended.returncode, ended.stdout) == (code, ""), ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("distdiag: ")
    return line.removeprefix("distdiag: ")


def documents(text: str) -> list[dict[str, Any]]:
    """JSON lines, each of which names its schema."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(document["schema"].startswith("distdiag.") for document in found)
    return found


def the_run() -> RunRecord:
    """The run started last."""
    return Journal().records()[-1]


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def fresh() -> None:
    """The run started last tells new figures."""
    before = the_run().report
    soon(lambda: the_run().report not in (None, before), 5)


def end_everything() -> None:
    """Stop what the test has started; its processes must be gone soon."""
    for record in Journal().records():
        run(end_run(Journal(), record.id))
        if record.pid:
            soon(partial(gone, record.pid), 3)


def gone(pid: int) -> bool:
    return not alive(pid)
