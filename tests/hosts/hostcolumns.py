"""Raw columns of samples by name, and a process with a name of its own to be read."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from distdiag_tui.model.metrics import COLUMN_INDEX
from distdiag_tui.model.topology import Server, Status
from distdiag_tui.sources.frame import Sample

PORT = 2881


def column(sample: Sample, name: str) -> float:
    """Of the one row."""
    return float(sample.columns[0, COLUMN_INDEX[f"host.{name}"]])


def server(name: str, host: str = "127.0.0.1", port: int = PORT) -> Server:
    """One that answers."""
    return Server(name, f"{host}:{port}", "zone1", Status.UP)


@dataclass
class Observer:
    """A process whose name no other has, started as a server would be."""

    program: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def observer(folder: Path, port: int = PORT, name: str = "") -> AsyncIterator[Observer]:
    """Waits for a line that never comes."""
    program = folder / (name or f"obs{id(folder) % 10**9}")
    if not program.exists():
        shutil.copy("/bin/sh", program)
    process = await asyncio.create_subprocess_exec(
        str(program), "-c", "read line", "x", "-p", str(port), stdin=asyncio.subprocess.PIPE
    )
    try:
        yield Observer(program.name, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
