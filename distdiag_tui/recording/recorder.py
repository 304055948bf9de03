"""Takes a run in and puts it on disk, so that a crash costs little and a half run never looks whole."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.errors import RecordingError
from distdiag_tui.recording.load import pack_reports
from distdiag_tui.recording.packing import pack, squeezed
from distdiag_tui.recording.reader import CHUNKS, LOAD, PART, RUN, SAMPLES, read_chunks
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.sources.frame import Frame
from distdiag_tui.workloads.report import IntervalReport

CHUNK_SECONDS: Final = 60.0
"""Of samples are in memory only."""


class Recorder:
    """One run. Until `finish` all is in a folder with `.part` behind its name, a file each minute.

    A thread writes those: of a thousand servers one takes 6 s, and a disk may take its time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._draft = folder, folder.with_name(folder.name + PART)
        self._clock = time.time() - elapsed()
        self._frames: list[Frame] = []
        self._chunks = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._writing: Future[None] | None = None
        try:
            shutil.rmtree(self._draft, ignore_errors=True)
            self._draft.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._draft.mkdir(mode=0o700)
        except OSError as error:
            raise _cannot(self._draft, error) from error

    def add(self, frame: Frame) -> None:
        """The next frame; RecordingError if the disk was full when those before it were written."""
        if self._writing is not None and self._writing.done():
            self._written()
        self._frames.append(frame)
        if frame.time - self._frames[0].time >= CHUNK_SECONDS:
            self._flush()

    def finish(self, info: RunInfo, reports: Sequence[IntervalReport] = ()) -> None:
        """Make it whole, in place of an older one of that name. To be called in a thread: it compresses.

        RecordingError if it cannot be written.
        """
        self._written()
        frames = [*read_chunks(self._draft), *self._frames]
        try:
            if frames:
                _write(self._draft / SAMPLES, squeezed(pack(frames, self._clock)))
            if reports:
                _write(self._draft / LOAD, squeezed(pack_reports(reports)))
            _write(self._draft / RUN, info.to_json().encode())
            for chunk in self._draft.glob(CHUNKS):
                chunk.unlink()
            shutil.rmtree(self.folder, ignore_errors=True)
            self._draft.rename(self.folder)
            _settle(self.folder.parent)
        except OSError as error:
            raise _cannot(self.folder, error) from error

    def flush(self) -> None:
        """What is in memory goes to disk: for a run that is given up."""
        if self._frames:
            self._flush()
        self._written()

    def _flush(self) -> None:
        self._written()
        self._writing = self._thread.submit(self._write_chunk, self._chunks, self._frames)
        self._chunks += 1
        self._frames = []

    def _write_chunk(self, number: int, frames: Sequence[Frame]) -> None:
        name = CHUNKS.replace("*", f"{number:05d}")
        try:
            _write(self._draft / name, pack(frames, self._clock))
        except OSError as error:
            raise _cannot(self._draft, error) from error

    def _written(self) -> None:
        """Once the file that is being written is there."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()


def _write(file: Path, data: bytes) -> None:
    """Whole and on the disk, or not there."""
    draft = file.with_name(file.name + ".new")
    with draft.open("wb") as new:
        new.write(data)
        new.flush()
        os.fsync(new.fileno())
    draft.replace(file)


def _settle(folder: Path) -> None:
    """So that a power cut does not lose a name in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot(path: Path, error: OSError) -> RecordingError:
    return RecordingError(f"cannot write {path}: {error.strerror}")
