"""The process that runs the load: `python -m distdiag_tui.workloads.worker`, spoken to in JSON lines.

stdin: first {"endpoints", "user", "password", "config"}, then control lines {"threads": 8}, {"rate": 100} or
{"stop": true}. stdout: interval reports, and events {"event": "preparing", "fraction"}, {"event": "running"},
{"event": "failed", "message", "exit_code"}, {"event": "refused", "message"} for a control line that makes no
sense. It ends when stdin does: its parent is gone.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from typing import Any

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.load import OltpLoad
from distdiag_tui.workloads.oltp.schema import prepare
from distdiag_tui.workloads.oltp.session import Node

_FAREWELL = 0.5  # seconds for the clients to end; a frozen node must not hold us
_STEP = 0.01  # least change of the fraction worth a line
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Entry point of the process; the exit code is the error's, 0 after a stop."""
    _die_with_parent()
    os.set_blocking(sys.stdout.fileno(), False)
    asyncio.run(_serve_and_leave())


def _die_with_parent() -> None:
    """A second belt to the end of stdin: the kernel kills us when the parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _emit(line: str) -> None:
    """Write one line, or drop it if the reader is stuck: the load and our own end must not wait for it.

    A line is shorter than PIPE_BUF, so that it is written whole or not at all.
    """
    try:
        os.write(sys.stdout.fileno(), line.encode() + b"\n")
    except BlockingIOError:
        return
    except BrokenPipeError:
        os._exit(1)


def _event(event: str, **fields: object) -> None:
    _emit(json.dumps({"event": event, **fields}))


class _Job:
    """Prepare, then run; control lines apply to either phase."""

    def __init__(self, request: dict[str, Any]) -> None:
        password = Secret(request["password"])
        endpoints = [Endpoint(**fields) for fields in request["endpoints"]]
        nodes = [Node(endpoint, request["user"], password) for endpoint in endpoints]
        self.config = OltpConfig.from_fields(request["config"])
        self.nodes = nodes
        self.load = OltpLoad(nodes, self.config)
        self._told = -1.0

    async def run(self) -> int:
        """The exit code."""
        try:
            await prepare(self.nodes, self.config, self._progress)
            _event("running")
            async for report in self.load.run():
                _emit(report.to_json())
        except DistdiagError as error:
            _event("failed", message=str(error), exit_code=error.exit_code)
            return error.exit_code
        return 0

    def _progress(self, fraction: float) -> None:
        if fraction - self._told >= _STEP or fraction == 1.0:
            self._told = fraction
            _event("preparing", fraction=fraction)


async def _serve_and_leave() -> None:
    """Leave from within: asyncio.run would wait for threads, such as a look-up of a host name."""
    os._exit(await _serve())


async def _serve() -> int:
    stdin = await _open_stdin()
    job = _Job(json.loads(await stdin.readline()))
    work = asyncio.create_task(job.run())
    control = asyncio.create_task(_obey(stdin, job.load, work))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, control.cancel)
    await asyncio.wait({work, control}, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        return work.result()
    work.cancel()
    await asyncio.wait({work}, timeout=_FAREWELL)
    return 0


async def _open_stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def _obey(stdin: asyncio.StreamReader, load: OltpLoad, work: asyncio.Task[int]) -> None:
    """Apply control lines; returns when the parent has gone or asked to stop and the load has ended."""
    while line := await stdin.readline():
        try:
            stopping = _apply(json.loads(line), load)
        except (DistdiagError, ValueError, TypeError, AttributeError) as error:
            _event("refused", message=str(error))
            continue
        if stopping:
            await asyncio.wait({work}, timeout=_FAREWELL)
            return


def _apply(order: dict[str, Any], load: OltpLoad) -> bool:
    """True for the order to stop."""
    if "threads" in order:
        load.set_threads(int(order["threads"]))
    if "rate" in order:
        load.set_rate(float(order["rate"]))
    if order.get("stop"):
        load.stop()
        return True
    return False


if __name__ == "__main__":
    main()
