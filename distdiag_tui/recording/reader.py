"""Recorded runs as they lie on disk: a folder each, with run.json, samples.npz.xz and load.npz.xz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from distdiag_tui.model.errors import RecordingError
from distdiag_tui.recording.layout import Table
from distdiag_tui.recording.load import unpack_reports
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.recording.unpacking import table, unpack
from distdiag_tui.sources.frame import Frame
from distdiag_tui.workloads.report import IntervalReport

RUN: Final = "run.json"
SAMPLES: Final = "samples.npz.xz"
LOAD: Final = "load.npz.xz"
CHUNKS: Final = "chunk-*.npz"
PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Recording:
    """A run on disk. `info` is None of one that was cut off, whose folder ends in `.part`."""

    folder: Path
    info: RunInfo | None

    def frames(self) -> list[Frame]:
        """In order of time. RecordingError if a file is damaged."""
        data = _archive(self.folder / SAMPLES)
        return read_chunks(self.folder) if data is None else unpack(data)

    def table(self) -> Table | None:
        """The samples as arrays, for those who need no frames; None if there are none. Errors as above."""
        data = _archive(self.folder / SAMPLES)
        return None if data is None else table(data)

    def reports(self) -> list[IntervalReport]:
        """Of the workload, in order of time; none if there was none. Errors as above."""
        data = _archive(self.folder / LOAD)
        return [] if data is None else unpack_reports(data)

    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())


def open_recording(folder: Path) -> Recording:
    """RecordingError if there is none."""
    info = read_info(folder)
    if info is None and not any(folder.glob(CHUNKS)):
        raise RecordingError(f"there is no recorded run in {folder}")
    return Recording(folder, info)


def read_info(folder: Path) -> RunInfo | None:
    """What run.json says, None without it; RecordingError if it is damaged."""
    data = _read(folder / RUN)
    if data is None:
        return None
    try:
        return RunInfo.from_json(data.decode("utf-8", "replace"))
    except RecordingError as error:
        raise RecordingError(f"{folder / RUN}: {error}") from None


def recordings_below(folder: Path) -> list[Recording]:
    """All whole runs at or below a folder, by name; RecordingError for a damaged one."""
    found = [(file.parent, read_info(file.parent)) for file in sorted(folder.rglob(RUN))]
    return [Recording(run, info) for run, info in found if info is not None and run.suffix != PART]


def read_chunks(folder: Path) -> list[Frame]:
    """The frames of a run that is not whole yet."""
    return [frame for file in sorted(folder.glob(CHUNKS)) for frame in unpack(file.read_bytes())]


def _archive(file: Path) -> bytes | None:
    """Older runs are not in xz."""
    data = _read(file)
    return _read(file.with_suffix("")) if data is None else data


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordingError(f"cannot read {file}: {error.strerror}") from error
