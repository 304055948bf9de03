"""Bytes that are too many for memory, in files without a name: they end with the process, however it ends."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

FILE: Final = 64 * 2**20  # bytes in one file, which goes when nothing in it is needed any more
PLACE: Final = "/var/tmp"  # noqa: S108  on disk, where /tmp often is memory; $TMPDIR goes before


class Spool:
    """Takes bytes and says how to read them again. Once the disk fails it takes no more."""

    def __init__(self) -> None:
        self.failed = False
        self._file: _File | None = None

    def put(self, data: memoryview) -> Callable[[int, int], bytes] | None:
        """How to read `count` bytes from an offset of the data; None if they could not be written."""
        if self.failed:
            return None
        try:
            if self._file is None or self._file.size >= FILE:
                self._file = _File()
            return self._file.put(data)
        except OSError as error:
            log.warning("the past is kept in memory only, and for less than an hour: %s", error.strerror)
            self.failed, self._file = True, None
            return None


class _File:
    def __init__(self) -> None:
        self.size = 0
        self._handle = -1
        self._handle = _nameless()

    def put(self, data: memoryview) -> Callable[[int, int], bytes]:
        start = self.size
        while self.size - start < len(data):
            self.size += os.pwrite(self._handle, data[self.size - start :], self.size)
        return lambda offset, count: self._read(start + offset, count)

    def _read(self, offset: int, count: int) -> bytes:
        return os.pread(self._handle, count, offset)

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)


def _nameless() -> int:
    """A file of ours alone."""
    import tempfile  # noqa: PLC0415  few need it, and it takes milliseconds

    usual = os.environ.get("TMPDIR") or not os.access(PLACE, os.W_OK | os.X_OK)
    with tempfile.TemporaryFile(dir=None if usual else PLACE) as file:
        return os.dup(file.fileno())
