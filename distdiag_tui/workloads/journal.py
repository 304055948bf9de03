"""What was started on this machine, by whichever console or command: one record a run, kept on disk.

A run's process holds a lock as long as it lives, so that nobody takes a dead run for a live one, or another
process that has got its number for the run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.protocol import FAREWELL
from distdiag_tui.workloads.report import IntervalReport

SCHEMA = "distdiag.run/1"
KEPT = 20  # ended runs
KILLED = "its process was killed"

Phase = Literal["starting", "preparing", "running", "verifying", "cleaning", "done", "stopped", "failed"]
ENDED: tuple[Phase, ...] = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are epoch seconds; `fraction` is how far its step is, 0..1, `words` what that is at.

    `message` is one line: why it failed, or what came of it. `note` is one more, on what was started instead
    of what was asked for. `farewell` is how many seconds it may take to end when told.
    """

    id: str
    kind: str
    cluster: str
    servers: tuple[str, ...]
    steps: tuple[str, ...]
    options: Mapping[str, Value]
    started: float
    runner: str = "local"
    pid: int = 0
    phase: Phase = "starting"
    fraction: float = 0.0
    words: str = ""
    message: str = ""
    running_since: float | None = None
    ended: float | None = None
    report: IntervalReport | None = field(default=None)
    note: str = ""
    farewell: float = FAREWELL

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in ENDED

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON, of the schema distdiag.run/1."""
        report = self.report and json.loads(self.report.without_histogram().to_json())
        return {"schema": SCHEMA, **asdict(replace(self, report=None)), "report": report}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> RunRecord:
        """The inverse; ValueError, KeyError, TypeError or AttributeError for anything else."""
        if fields["schema"] != SCHEMA or fields["phase"] not in get_args(Phase):
            raise ValueError(f"not a {SCHEMA} record")
        rest = {name: value for name, value in fields.items() if name != "schema"}
        lists = {name: tuple(fields[name]) for name in ("servers", "steps")}
        report = None if fields["report"] is None else IntervalReport.from_fields(fields["report"])
        return cls(**{**rest, **lists, "report": report})


class Journal:
    """The records in a folder, by default `runs` in the platform's folder for user state."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _default_folder()

    def records(self) -> list[RunRecord]:
        """All runs, the newest last; those whose process is gone have failed."""
        found = (self.look_up(file.stem) for file in self.folder.glob("*.json"))
        return sorted((record for record in found if record is not None), key=lambda r: r.started)

    def find(self, name: str) -> RunRecord:
        """The run of that name; WorkloadError names those that go on."""
        records = self.records()
        for record in records:
            if record.id == name:
                return record
        active = ", ".join(record.id for record in records if record.active) or "none"
        raise WorkloadError(f"there is no run {name!r}; running: {active}")

    def look_up(self, name: str) -> RunRecord | None:
        """The run of that name, or None."""
        record = self.read(name)
        if record is None or not record.active or self._alive(name):
            return record
        record = self.read(name) or record  # it may have ended in order between the two looks
        if record.active:
            return replace(record, phase="failed", message=record.message or KILLED)
        return record

    def read(self, name: str) -> RunRecord | None:
        """The record as its process wrote it, whether or not that still lives; None if there is none."""
        try:
            return RunRecord.from_fields(json.loads(self._file(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # half gone, or another version's

    @contextmanager
    def admit(self, record: RunRecord) -> Iterator[int]:
        """Enter a new run; gives the file descriptor whose lock the run's process is to inherit.

        WorkloadError if a run of the same kind goes on against one of its servers, or if the folder cannot
        be written.
        """
        lock = self._enter(record)
        try:
            yield lock
        finally:
            os.close(lock)

    def write(self, record: RunRecord) -> None:
        """Replace a record at once: a reader sees the old or the new one, whole. OSError if it cannot."""
        file = self._file(record.id)
        draft = self._draft(record.id)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
            new.write(json.dumps(record.to_fields()).encode() + b"\n")
        draft.replace(file)

    def stop(self, record: RunRecord) -> bool:
        """Ask a run's process to end in order; returns whether it could be asked.

        It cannot after its end, nor in the moment before it has written down its process id.
        """
        return self._signal(record, signal.SIGTERM)

    def kill(self, record: RunRecord) -> bool:
        """End a run's process this instant; otherwise as `stop`."""
        return self._signal(record, signal.SIGKILL)

    def _signal(self, record: RunRecord, number: signal.Signals) -> bool:
        if not record.pid or not self._alive(record.id):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)
        return True

    def _alive(self, name: str) -> bool:
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

    def _enter(self, record: RunRecord) -> int:
        """The descriptor of the new run's lock, held."""
        try:
            with self._alone():
                self._refuse_double(record)
                self._forget_old()
                return self._begin(record)
        except OSError as error:
            raise WorkloadError(f"cannot write the folder {self.folder}: {error.strerror}") from error

    def _begin(self, record: RunRecord) -> int:
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

    def _refuse_double(self, new: RunRecord) -> None:
        for old in self.records():
            alike = old.kind == new.kind and set(old.servers) & set(new.servers)
            if old.active and (alike or old.id == new.id):
                raise WorkloadError(
                    f"{old.kind} is already {old.phase} on {old.cluster}; stop it first: "
                    f"distdiag workload stop {old.id}"
                )

    def _forget_old(self) -> None:
        ended = [record.id for record in self.records() if not record.active]
        for name in ended[:-KEPT]:
            for file in (self._file(name), self._draft(name), self._lock(name)):
                file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _draft(self, name: str) -> Path:
        return self.folder / f"{name}.new"

    def _lock(self, name: str) -> Path:
        return self.folder / f"{name}.lock"


def new_name(kind: str) -> str:
    """A short name for a run, such as oltp-3f9c."""
    return f"{kind}-{secrets.token_hex(2)}"


def _default_folder() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415  costs 20 ms

    return user_state_path("distdiag", appauthor=False) / "runs"
