"""Everything that can be known to go wrong before a server is started: folder, disk, memory, ports."""

from __future__ import annotations

import random
import shutil
import socket
import tempfile
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from distdiag_tui.lab.processes import claimed_ports
from distdiag_tui.model.errors import LabError

MAX_NODES = 16
MIB = 1024 * 1024
DISK_PER_NODE = 500 * MIB  # a fresh node writes 385 MiB; the rest is for logs
MEMORY_PER_NODE = 700 * MIB  # resident after start: about 640 MiB
_PORTS = range(21000, 31000)  # below the range the kernel takes for outgoing connections


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of memory that programs can still take, and of free disk where the lab lives."""

    memory: int
    disk: int


def measure(home: Path) -> Room:
    """The machine's room now, `home` being an existing folder."""
    import psutil  # noqa: PLC0415

    return Room(psutil.virtual_memory().available, shutil.disk_usage(home).free)


def check_room(room: Room, *, starting: int, new: int, home: Path) -> None:
    """LabError unless `starting` nodes, `new` of them without data yet, fit."""
    if room.disk < new * DISK_PER_NODE:
        raise LabError(_lack("disk", f" in {home}", room.disk, new * DISK_PER_NODE, new))
    if room.memory < starting * MEMORY_PER_NODE:
        raise LabError(_lack("memory", "", room.memory, starting * MEMORY_PER_NODE, starting))


def _lack(what: str, where: str, have: int, need: int, nodes: int) -> str:
    count = "1 node needs" if nodes == 1 else f"{nodes} nodes need"
    return f"too little {what}{where}: {count} {need // MIB} MB, {have // MIB} MB are free"


def prepare_home(home: Path) -> None:
    """Create the lab's folder, for the user alone, and prove that it can be written."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise LabError(f"cannot write the lab folder {home}: {error.strerror}") from error


def choose_ports(count: int, base: int | None, taken: Collection[int]) -> list[int]:
    """Free ports in a row for new nodes: from `base` if given (LabError if one is in use), else anywhere."""
    if base is not None:
        return _explicit_ports(base, count, taken)
    taken = {*taken, *claimed_ports()}
    for first in random.sample(_PORTS, 200):
        row = list(range(first, first + count))
        if not taken.intersection(row) and all(is_free(port) for port in row):
            return row
    raise LabError(f"no {count} free ports in a row between {_PORTS.start} and {_PORTS.stop}")


def _explicit_ports(base: int, count: int, taken: Collection[int]) -> list[int]:
    if not 1024 <= base <= 65536 - count:
        raise LabError(f"port {base} does not do: {count} ports from 1024 to 65535 are needed from there on")
    row = list(range(base, base + count))
    for port in row:
        if port in taken:
            raise LabError(f"port {port} is in use by another node of the lab")
        require_free(port)
    return row


def require_free(port: int, whose: str = "") -> None:
    """LabError naming the port, and its holder where the system shows it, unless a server can bind it."""
    if not is_free(port):
        raise LabError(f"port {port}{whose} is in use{_holder(port)}")


def is_free(port: int) -> bool:
    """Whether a server could listen there now, on all addresses as it does."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
        # as servers do: a connection of a former server that lingers in TIME_WAIT is no obstacle
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    import psutil  # noqa: PLC0415

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""
