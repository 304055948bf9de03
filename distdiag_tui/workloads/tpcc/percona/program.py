"""One tpcc_start at work against one server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.inherited import plain_environment
from distdiag_tui.workloads.children import dies_with_us
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.percona.output import Beat, Complaint, read_line
from distdiag_tui.workloads.tpcc.percona.relay import relay
from distdiag_tui.workloads.tpcc.schema import DATABASE

PROGRAM: Final = "tpcc_start"
_LONGEST: Final = 7 * 86400  # seconds it would run for; we end it

Hear = Callable[[Beat | Complaint | str], None]
"""Told each interval and each error, and one sentence if the program ends by itself."""


@asynccontextmanager
async def tpcc_start(
    node: Node, warehouses: int, threads: int, interval: int, hear: Hear
) -> AsyncIterator[None]:
    """It runs as long as this lasts, with reports each `interval` seconds, and dies with us."""
    async with relay(node) as socket:
        process = await _launch(node, socket, ("-w", warehouses, "-c", threads, "-i", interval))
        listening = asyncio.create_task(_listen(process, node, hear))
        try:
            yield
        finally:
            listening.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _launch(node: Node, socket: Path, options: tuple[str | int, ...]) -> asyncio.subprocess.Process:
    way = ("-h", "localhost", "-S", str(socket), "-u", node.user, "-d", DATABASE)
    try:
        return await asyncio.create_subprocess_exec(
            *(PROGRAM, *way, *map(str, options), "-r", "0", "-l", str(_LONGEST)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=plain_environment(),
            preexec_fn=dies_with_us(),
        )
    except OSError as error:
        raise WorkloadError(f"{PROGRAM} does not start: {error.strerror}") from error


async def _listen(process: asyncio.subprocess.Process, node: Node, hear: Hear) -> None:
    assert process.stdout is not None
    last = ""
    async for line in process.stdout:
        said = read_line(line.decode(errors="replace"))
        last = said.words if isinstance(said, Complaint) else last
        if said is not None:
            hear(said)
    code = await process.wait()
    hear(f"{node.label}: {PROGRAM} ended by itself: {last or f'exit code {code}'}")
