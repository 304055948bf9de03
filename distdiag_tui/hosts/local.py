"""This machine, from /proc. Everything here may block for a moment: call it in a thread."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from distdiag_tui.hosts import shell

_MOST: Final = 1 << 17  # bytes of one read, of which the kernel often gives no more than a page


def read_text(path: str, folder: int | None = None) -> str:
    """A file of /proc; OSError if it is not there, or its process is not any more."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        parts = iter(lambda: os.read(handle, _MOST), b"")
        return b"".join(parts).decode(errors="replace")
    finally:
        os.close(handle)


def machine_texts() -> dict[str, str]:
    """All that tells of the machine, by path; what this kernel does not have is left out."""
    texts = {}
    for path in shell.FILES:
        with suppress(OSError):
            texts[path] = read_text(path)
    return texts


def device_of(folder: str) -> int | None:
    """The number of the device that holds a folder; None if it is not there."""
    try:
        return os.stat(folder).st_dev  # noqa: PTH116  a number, and no path
    except OSError:
        return None
