"""Which server processes are ours. A process is only ever signalled after it was identified here."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from distdiag_tui.lab.binary import check_psutil
from distdiag_tui.lab.state import NodeRecord, node_folder

if TYPE_CHECKING:
    import psutil

_SAME_START = 1.0  # seconds by which two readings of one process's start may differ


def find(home: Path, nodes: tuple[NodeRecord, ...]) -> dict[str, psutil.Process]:
    """The live server process of each node that has one, by node name.

    A node whose recorded process is gone is looked for among all processes by its folder, because a
    command killed right after starting a server had no time to write the process id down.
    """
    check_psutil()
    found = {node.name: process for node in nodes if (process := recorded(home, node))}
    missing = {str(node_folder(home, node.name)): node.name for node in nodes if node.name not in found}
    return found | (_search(missing) if missing else {})


def recorded(home: Path, node: NodeRecord) -> psutil.Process | None:
    """The process written down for `node`, if that id still belongs to the very same server."""
    import psutil  # noqa: PLC0415

    if node.pid is None or node.started is None:
        return None
    with suppress(psutil.Error):
        process = psutil.Process(node.pid)
        same = abs(process.create_time() - node.started) < _SAME_START
        if same and base_dir(process) == str(node_folder(home, node.name)) and is_alive(process):
            return process
    return None


def _search(folders: dict[str, str]) -> dict[str, psutil.Process]:
    import psutil  # noqa: PLC0415

    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            name = folders.get(base_dir(process) or "")
            if name and is_alive(process):
                found[name] = process
    return found


def base_dir(process: psutil.Process) -> str | None:
    """The folder a server was started for; None for every other program."""
    return _option(process.cmdline(), "--base-dir")


def claimed_ports() -> set[int]:
    """Ports of all servers on this machine, also of those that start now and do not listen yet."""
    import psutil  # noqa: PLC0415

    ports = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            port = _option(process.cmdline(), "--port") or ""
            ports |= {int(port)} if port.isdecimal() else set()
    return ports


def _option(command: list[str], name: str) -> str | None:
    if not command or Path(command[0]).name != "seekdb" or name not in command[:-1]:
        return None
    return command[command.index(name) + 1]


def is_alive(process: psutil.Process) -> bool:
    """Whether any of it still runs; a child that has ended is collected on the way."""
    import psutil  # noqa: PLC0415

    with suppress(psutil.NoSuchProcess):
        if process.is_running() and not _is_dead(process):
            return True
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    return False


def _is_dead(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415

    # the main thread of a server dies first; until the others have followed, its port stays taken
    return process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) and process.num_threads() <= 1


def is_frozen(process: psutil.Process) -> bool:
    """Whether it was stopped by a signal (SIGSTOP)."""
    import psutil  # noqa: PLC0415

    return process.status() == psutil.STATUS_STOPPED


def thaw(process: psutil.Process) -> None:
    """Let a process that was stopped by a signal go on; one that is only about to stop does not stop then."""
    import psutil  # noqa: PLC0415

    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGCONT)  # without a look: threads that run take a while to stop


def terminate(process: psutil.Process) -> None:
    """Ask for a clean stop; psutil checks once more that the id was not given to another process."""
    import psutil  # noqa: PLC0415

    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
        thaw(process)


def kill(process: psutil.Process) -> None:
    """End it at once."""
    import psutil  # noqa: PLC0415

    with suppress(psutil.NoSuchProcess):
        process.kill()


def listens(process: psutil.Process, port: int) -> bool:
    """Whether this very process accepts connections on `port`, rather than some other program."""
    import psutil  # noqa: PLC0415

    with suppress(psutil.Error):
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in process.net_connections("tcp")
        )
    return False
