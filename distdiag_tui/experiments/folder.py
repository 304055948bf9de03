"""An experiment on disk: its plan in experiment.json, schema distdiag.experiment/1, and a folder a run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distdiag_tui.experiments.plan import Plan
from distdiag_tui.ledger import try_lock
from distdiag_tui.model.errors import RecordingError
from distdiag_tui.recording.reader import read_info
from distdiag_tui.recording.run import RunInfo

SCHEMA: Final = "distdiag.experiment/1"

PLAN: Final = "experiment.json"


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the runs of an experiment are."""

    path: Path

    def run(self, cell: str) -> Path:
        """The folder of a cell's run."""
        return self.path / cell

    def info(self, cell: str) -> RunInfo | None:
        """What came of a cell, None as long as nothing did; one whose record is damaged counts as not run."""
        try:
            return read_info(self.run(cell))
        except RecordingError:
            return None

    def done(self, cell: str) -> bool:
        """Whether it need not be run again."""
        info = self.info(cell)
        return info is not None and info.outcome == "done"

    def plan(self) -> dict[str, Any]:
        """The plan as it was written down, a plain object; RecordingError if there is none."""
        found = self._stored()
        if found is None:
            raise RecordingError(f"there is no experiment in {self.path}")
        return found

    def begin(self, plan: Plan) -> None:
        """Write the plan down, or see that it is the one that is there. RecordingError if it is another."""
        ours = json.loads(json.dumps(plan.to_fields()))
        stored = self._stored()
        if stored is None:
            self._store(ours)
        elif stored != ours:
            raise RecordingError(
                f"{self.path} has another plan ({_difference(stored, ours)} differ): give another --out"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """By one process at a time; RecordingError if there is another, or the folder cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = try_lock(self.path / "lock")
        except BlockingIOError:
            raise RecordingError(f"another process is at work on {self.path}") from None
        except OSError as error:
            raise RecordingError(f"cannot write {self.path}: {error.strerror}") from error
        try:
            yield
        finally:
            os.close(lock)

    def _stored(self) -> dict[str, Any] | None:
        try:
            fields = json.loads((self.path / PLAN).read_text(encoding="utf-8"))
            if fields.pop("schema") != SCHEMA or not isinstance(fields["cells"], list):
                raise RecordingError(f"{self.path / PLAN} is of another version")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise RecordingError(f"cannot read {self.path / PLAN}: {error}") from None
        return dict(fields)

    def _store(self, fields: dict[str, Any]) -> None:
        draft = self.path / f"{PLAN}.new"
        try:
            draft.write_text(json.dumps({"schema": SCHEMA, **fields}, indent=1) + "\n", encoding="utf-8")
            draft.replace(self.path / PLAN)
        except OSError as error:
            raise RecordingError(f"cannot write {self.path}: {error.strerror}") from error


def _difference(stored: dict[str, Any], ours: dict[str, Any]) -> str:
    """The names of what is not the same."""
    return ", ".join(name for name in ours if stored.get(name) != ours[name]) or "versions"
