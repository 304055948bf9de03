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
from typing import Any, Literal

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.protocol import FAREWELL
from distdiag_tui.workloads.report import IntervalReport

SCHEMA = "distdiag.run/1"
KEPT = 20  # ended runs

Phase = Literal["starting", "preparing", "running", "verifying", "cleaning", "done", "stopped", "failed"]
ENDED: tuple[Phase, ...] = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are epoch seconds; `fraction` is how far its step is, 0..1, `words` what that is at.

    `message` is one line: why it failed, or what came of it; `farewell` seconds it may take to end when told.
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
        """The inverse; ValueError, KeyError or TypeError for anything else."""
        if fields.pop("schema") != SCHEMA:
            raise ValueError(f"not a {SCHEMA} record")
        report = fields["report"] and IntervalReport.from_fields(fields["report"])
        lists = {name: tuple(fields[name]) for name in ("servers", "steps")}
        return cls(**{**fields, **lists, "report": report})


class Journal:
    """The records in a folder, by default `runs` in the platform's folder for user state."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _default_folder()

    def records(self) -> list[RunRecord]:
        """All runs, the newest last; those whose process is gone have failed."""
        found = (self._read(file) for file in self.folder.glob("*.json"))
        return sorted((record for record in found if record is not None), key=lambda r: r.started)

    def find(self, name: str) -> RunRecord:
        """The run of that name; WorkloadError names those that go on."""
        records = self.records()
        for record in records:
            if record.id == name:
                return record
        active = ", ".join(record.id for record in records if record.active) or "none"
        raise WorkloadError(f"there is no run {name!r}; running: {active}")

    @contextmanager
    def admit(self, record: RunRecord) -> Iterator[int]:
        """Enter a new run; gives the file descriptor whose lock the run's process is to inherit.

        WorkloadError if a run of the same kind goes on against one of its servers.
        """
        with self._starting():
            self._refuse_double(record)
            self._forget_old()
            lock = os.open(self._lock(record.id), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.write(record)
                yield lock
            finally:
                os.close(lock)

    def write(self, record: RunRecord) -> None:
        """Replace a record at once: a reader sees the old or the new one, whole."""
        file = self._file(record.id)
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(record.to_fields()) + "\n", encoding="utf-8")
        draft.replace(file)

    def stop(self, record: RunRecord) -> None:
        """Ask a run's process to end; it undoes and reports as ever. Harmless if it has ended."""
        if record.pid and self._alive(record.id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGTERM)

    def _read(self, file: Path) -> RunRecord | None:
        try:
            record = RunRecord.from_fields(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # half gone, or another version's
        if record.active and not self._alive(record.id):
            return replace(record, phase="failed", message=record.message or "its process was killed")
        return record

    def _alive(self, run: str) -> bool:
        try:
            lock = os.open(self._lock(run), os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """One start at a time."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.folder / "starting", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise WorkloadError(f"cannot write the folder {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _refuse_double(self, new: RunRecord) -> None:
        for old in self.records():
            if old.active and old.kind == new.kind and set(old.servers) & set(new.servers):
                raise WorkloadError(
                    f"{old.kind} is already {old.phase} on {old.cluster}; stop it first: "
                    f"distdiag workload stop {old.id}"
                )

    def _forget_old(self) -> None:
        ended = [record for record in self.records() if not record.active]
        for record in ended[:-KEPT]:
            self._file(record.id).unlink(missing_ok=True)
            self._lock(record.id).unlink(missing_ok=True)

    def _file(self, run: str) -> Path:
        return self.folder / f"{run}.json"

    def _lock(self, run: str) -> Path:
        return self.folder / f"{run}.lock"


def new_name(kind: str) -> str:
    """A short name for a run, such as oltp-3f9c."""
    return f"{kind}-{secrets.token_hex(2)}"


def _default_folder() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415  costs 20 ms

    return user_state_path("distdiag", appauthor=False) / "runs"
