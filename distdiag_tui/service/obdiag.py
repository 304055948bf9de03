"""OceanBase's own diagnostic program, where it is installed: run on request, its output taken as it comes.

It knows the cluster from its own configuration (~/.obdiag/config.yml): nothing of ours is handed to it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from distdiag_tui.diagnosis.cause import Obdiag
from distdiag_tui.incidents.fact import Probe
from distdiag_tui.model.text import duration, plain
from distdiag_tui.workloads.children import dies_with_us, environment

PROGRAM: Final = "obdiag"
LIMIT: Final = 900.0
"""Seconds after which it is ended: gathering from many servers takes minutes."""
KEPT: Final = 400
"""Lines of its output, the newest."""

_WIDTH: Final = 400  # characters of a line
_TELL_EVERY: Final = 0.2  # seconds
_LONGEST: Final = 1 << 16  # bytes without a line break that are taken for a line
_GRACE: Final = 2.0  # seconds to end in order
_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]")
_ERROR: Final = re.compile(r"\[ERROR\]\s*(.*)")

Tell = Callable[[Probe], None]


def find_obdiag() -> str:
    """Where the program is; "" if it is not installed."""
    return shutil.which(PROGRAM) or ""


async def run_obdiag(
    program: str,
    what: Obdiag,
    folder: Path,
    tell: Tell,
    *,
    limit: float = LIMIT,
    clock: Callable[[], float] = time.time,
) -> Probe:
    """Run it in `folder`, which gets the files that it makes; `tell` hears of progress.

    Never raises for trouble of the program. When it is cancelled, the program is ended first.
    """
    probe = Probe(what.line, clock(), "running")
    tell(probe)
    try:
        _prepare(folder)
        process = await asyncio.create_subprocess_exec(
            program,
            *what.args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment(login=False),
            cwd=folder,
            start_new_session=True,
            preexec_fn=dies_with_us(),
        )
    except OSError as error:
        return replace(probe, state="failed", ended=clock(), trouble=f"it does not start: {error.strerror}")
    lines: deque[str] = deque(maxlen=KEPT)
    trouble = ""
    try:
        async with asyncio.timeout(limit):
            await _follow(process, lines, lambda: tell(replace(probe, lines=tuple(lines))))
            await process.wait()
    except TimeoutError:
        trouble = f"it took longer than {duration(limit)} and was ended"
    finally:
        await _end(process)
    trouble = trouble or _complaint(process.returncode or 0, lines)
    if _has_files(folder):
        lines.append(f"its files are in {folder}")
    return replace(
        probe,
        state="failed" if trouble else "done",
        lines=tuple(lines),
        ended=clock(),
        trouble=trouble,
    )


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


async def _follow(process: asyncio.subprocess.Process, lines: deque[str], told: Callable[[], None]) -> None:
    """Take its output line by line; what a carriage return writes over is not kept."""
    assert process.stdout is not None
    rest, untold, last = "", False, time.monotonic()
    while True:
        block = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_TELL_EVERY):
                block = await process.stdout.read(4096)
        if block:
            *whole, rest = (rest + block.decode(errors="replace")).split("\n")
            if len(rest) > _LONGEST:
                whole, rest = [*whole, rest], ""
            lines.extend(clean for line in whole if (clean := _clean(line)))
            untold = untold or bool(whole)
        if untold and time.monotonic() - last >= _TELL_EVERY:
            last, untold = time.monotonic(), False
            told()
        if block == b"":
            break
    if clean := _clean(rest):
        lines.append(clean)


def _clean(line: str) -> str:
    r"""Inert, and without colours.

    >>> _clean("10 %\r 50 %\r\x1b[32mdone\x1b[0m \x07\r")
    'done �'
    """
    parts = [part for part in _COLOUR.sub("", line).split("\r") if part.strip()]
    return plain(parts[-1], _WIDTH).rstrip() if parts else ""


def _complaint(code: int, lines: deque[str]) -> str:
    """It ends with 0 whatever happened, and says [ERROR] in its output."""
    said = next((found[1] for line in lines if (found := _ERROR.search(line))), "")
    if said:
        return said
    return f"it ended with code {code}" if code else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it with all that it has started, in order if it can."""
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await process.wait()
    _signal(process, signal.SIGKILL)  # also what it has left behind in its session
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
