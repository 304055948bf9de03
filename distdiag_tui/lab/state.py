"""What the lab remembers between commands: its nodes, their ports and processes, and the password.

Reading it costs next to nothing, because `distdiag connect lab` does so before its first frame.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from distdiag_tui.model.errors import LabError
from distdiag_tui.model.target import Endpoint, Secret, Target

SCHEMA = 1
CLUSTER = "lab"
HOST = "127.0.0.1"
# a name becomes a folder that is filled and removed: nothing else may come out of the file
_NAME = re.compile(r"n[1-9][0-9]?")
NO_LAB = "no lab is running; start one with: distdiag lab up"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One server: `pid` and `started` (seconds since the epoch) are None when it was stopped on purpose."""

    name: str
    zone: str
    port: int
    pid: int | None = None
    started: float | None = None


@dataclass(frozen=True, slots=True)
class LabState:
    """All nodes in order, and the version of the file's layout."""

    nodes: tuple[NodeRecord, ...]
    schema: int = SCHEMA

    def with_node(self, node: NodeRecord) -> LabState:
        """A copy where `node` takes the place of the record of that name."""
        return replace(self, nodes=tuple(node if old.name == node.name else old for old in self.nodes))

    @property
    def running(self) -> bool:
        """Whether at least one node was started and not stopped since (it may have crashed)."""
        return any(node.pid is not None for node in self.nodes)


def lab_home() -> Path:
    """The lab's folder: $DISTDIAG_LAB_HOME, or `lab` in the platform's folder for user state."""
    if chosen := os.environ.get("DISTDIAG_LAB_HOME"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_state_path  # noqa: PLC0415  costs 20 ms

    return user_state_path("distdiag", appauthor=False) / "lab"


def node_folder(home: Path, name: str) -> Path:
    """Where the node of that name keeps its data and logs."""
    return home / name


def load(home: Path) -> LabState | None:
    """The remembered lab, or None if there is none. LabError if the file is unreadable or not ours."""
    path = _state_file(home)
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LabError(f"cannot read the lab state {path}: {error.strerror}") from error
    except ValueError as error:
        raise LabError(
            f"the lab state {path} is corrupt; remove the lab with: distdiag lab down --purge"
        ) from error


def _parse(data: object) -> LabState:
    match data:
        case {"schema": int(schema), "nodes": [_, *_] as rows} if schema == SCHEMA:
            return LabState(tuple(map(_record, rows)))
    raise ValueError("not a lab's state, or another version's")


def _record(row: object) -> NodeRecord:
    match row:
        case {
            "name": str(name),
            "zone": str(zone),
            "port": int(port),
            "pid": int() | None as pid,
            "started": int() | float() | None as started,
        } if _NAME.fullmatch(name) and 0 < port < 65536 and (pid is None or pid > 1):
            return NodeRecord(name, zone, port, pid, started)
    raise ValueError("not a node")


def save(home: Path, state: LabState) -> None:
    """Replace the state file at once: a reader or a crash sees the old or the new one, whole."""
    _write_private(_state_file(home), json.dumps(asdict(state), indent=1) + "\n")


def load_password(home: Path) -> Secret | None:
    """The password of root on every node, or None before the lab's first start."""
    try:
        return Secret((home / "password").read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise LabError(f"cannot read the lab's password file {home / 'password'}") from error


def create_password(home: Path) -> Secret:
    """Choose a random password and keep it in a file only the user can read."""
    password = secrets.token_urlsafe(24)
    _write_private(home / "password", password + "\n")
    return Secret(password)


def lab_target(home: Path | None = None) -> Target:
    """How to connect to the running lab; LabError if none was started."""
    home = home or lab_home()
    state = load(home)
    if state is None or not state.running:
        raise LabError(NO_LAB)
    password = load_password(home)
    if password is None:
        raise LabError(missing_password(home))
    endpoints = tuple(Endpoint(HOST, node.port, node.name, node.zone) for node in state.nodes)
    return Target(CLUSTER, endpoints, "root", password, home=home)


def missing_password(home: Path) -> str:
    """The message for a lab whose servers have a password that nobody knows any more."""
    return f"the lab's password file {home / 'password'} is gone; start anew with: distdiag lab down --purge"


def forget(home: Path) -> None:
    """Remove the state, the password and, if nothing else is in it, the lab's folder."""
    for name in ("state.json", "password", "lock"):
        (home / name).unlink(missing_ok=True)
    with suppress(OSError):
        home.rmdir()


class LabLock:
    """Held by the one command that may start or stop nodes; freed by the kernel if that command dies."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        self._fd: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free. LabError if the folder cannot be written."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LabError(f"cannot write the lab folder {self._path.parent}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # `down --purge` may have removed the file between the open and the lock
            if os.fstat(fd).st_ino == self._path.stat().st_ino:
                self._fd, fd = fd, -1
        except (BlockingIOError, FileNotFoundError):
            pass
        finally:
            if fd >= 0:
                os.close(fd)
        return self._fd is not None

    def release(self) -> None:
        """Give the lock back; harmless if it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _state_file(home: Path) -> Path:
    return home / "state.json"


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}") from error
