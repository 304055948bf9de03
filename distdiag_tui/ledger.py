"""Records of what processes of ours do, a file each, which outlive every console and every process.

The process that works on a record holds a lock as long as it lives, so that nobody takes a dead one for a
living one, or another process that has got its number for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import secrets
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from distdiag_tui.model.errors import DistdiagError


class Record(Protocol):
    """What a ledger keeps. `started` in epoch seconds; `pid` is 0 until the process has told its own."""

    @property
    def id(self) -> str: ...
    @property
    def started(self) -> float: ...
    @property
    def pid(self) -> int: ...
    @property
    def active(self) -> bool:
        """Whether a process works on it, or should."""
        ...

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON."""
        ...


R = TypeVar("R", bound=Record)


class Ledger(ABC, Generic[R]):
    """The records in a folder. A subclass says how one is read, and what becomes of a dead process's."""

    kept = 20
    """Ended records."""

    error: type[DistdiagError] = DistdiagError

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int, int], R]] = {}

    @abstractmethod
    def parse(self, fields: dict[str, Any]) -> R:
        """The inverse of `to_fields`; ValueError, KeyError, TypeError or AttributeError for anything else."""

    @abstractmethod
    def died(self, record: R) -> R:
        """What is true of an active record whose process is gone."""

    @abstractmethod
    def refuse(self, new: R) -> None:
        """DistdiagError if it does not go together with one that is active."""

    def records(self) -> list[R]:
        """All of them, the newest last."""
        found = (self.look_up(file.stem) for file in self.folder.glob("*.json"))
        return sorted((record for record in found if record is not None), key=lambda r: r.started)

    def look_up(self, name: str) -> R | None:
        """The record of that name as things are, or None."""
        record = self.read(name)
        if record is None or not record.active or self.alive(name):
            return record
        record = self.read(name) or record  # it may have ended in order between the two looks
        return self.died(record) if record.active else record

    def read(self, name: str) -> R | None:
        """The record as its process wrote it, whether or not that still lives; None if there is none."""
        try:
            with self._file(name).open(encoding="utf-8") as file:
                about = os.fstat(file.fileno())
                version = about.st_ino, about.st_mtime_ns, about.st_size  # each one is a file of its own
                if (known := self._read.get(name)) is None or known[0] != version:
                    known = self._read[name] = version, self.parse(json.load(file))
                return known[1]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._read.pop(name, None)
            return None  # half gone, or another version's

    @contextmanager
    def admit(self, record: R) -> Iterator[int]:
        """Enter a new record; gives the file descriptor whose lock its process is to inherit.

        `error` if the folder cannot be written, or what `refuse` raises.
        """
        lock = self._enter(record)
        try:
            yield lock
        finally:
            os.close(lock)

    def take_over(self, name: str) -> int | None:
        """The descriptor of a lock whose holder died, now held by us; None if somebody else holds it."""
        try:
            return try_lock(self._lock(name))
        except BlockingIOError:
            return None

    def write(self, record: R) -> None:
        """Replace a record at once: a reader sees the old or the new one, whole. OSError if it cannot."""
        replace_file(self._file(record.id), self._draft(record.id), record.to_fields(), self.settle)

    def settle(self, descriptor: int) -> None:
        """Called before a new version takes the place of the old one."""

    def stop(self, record: R) -> bool:
        """Ask a record's process to end in order; returns whether it could be asked.

        It cannot after its end, nor in the moment before it has written down its process id.
        """
        return self._signal(record, signal.SIGTERM)

    def kill(self, record: R) -> bool:
        """End a record's process this instant; otherwise as `stop`."""
        return self._signal(record, signal.SIGKILL)

    def alive(self, name: str) -> bool:
        """Whether the process of that record lives."""
        try:
            lock = os.open(self._lock(name), os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _signal(self, record: R, number: signal.Signals) -> bool:
        if not record.pid or not self.alive(record.id):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)
        return True

    def _enter(self, record: R) -> int:
        """The descriptor of the new record's lock, held."""
        try:
            with self._alone():
                self.refuse(record)
                self._forget_old()
                return self._begin(record)
        except OSError as error:
            raise self.error(f"cannot write the folder {self.folder}: {error.strerror}") from error

    def _begin(self, record: R) -> int:
        lock = os.open(self._lock(record.id), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # before there is a record, which would look dead
            self.write(record)
        except BaseException:
            os.close(lock)
            raise
        return lock

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One entry at a time; never held across an await, or a second start would block its own loop."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.folder / "starting", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _forget_old(self) -> None:
        ended = [record.id for record in self.records() if not record.active]
        for name in ended[: -self.kept]:
            for file in self.folder.glob(f"{name}.*"):
                file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _draft(self, name: str) -> Path:
        return self.folder / f"{name}.new"

    def _lock(self, name: str) -> Path:
        return self.folder / f"{name}.lock"


def try_lock(file: Path) -> int:
    """A descriptor that holds the file's lock until it is closed; BlockingIOError if somebody else does."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def replace_file(
    file: Path,
    draft: Path,
    document: Mapping[str, Any],
    settle: Callable[[int], object] = lambda _descriptor: None,
) -> None:
    """A JSON file only its owner can read, replaced at once; `settle` comes before. OSError if it cannot."""
    replace_bytes(file, draft, json.dumps(document).encode() + b"\n", settle)


def replace_bytes(
    file: Path, draft: Path, content: bytes, settle: Callable[[int], object] = lambda _descriptor: None
) -> None:
    """The same of any file. A draft that cannot be finished is removed."""
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
            new.write(content)
            settle(new.fileno())
        draft.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def file_stem(text: str) -> str:
    """A file's name, of its own for every text, whatever is in that."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def new_name(kind: str) -> str:
    """A short name for something that is started, such as oltp-3f9c."""
    return f"{kind}-{secrets.token_hex(2)}"


def user_name() -> str:
    """Who works here; "" where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def state_folder(name: str) -> Path:
    """A folder of that name in the platform's folder for user state."""
    from platformdirs import user_state_path  # noqa: PLC0415  costs 20 ms

    return user_state_path("distdiag", appauthor=False) / name
