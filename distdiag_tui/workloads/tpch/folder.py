"""A private folder for DuckDB's files, removed afterwards: even if we are killed, namely by the next."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from distdiag_tui.model.errors import WorkloadError

_PREFIX: Final = "distdiag-tpch-"
_LOCK: Final = "lock"
_YOUNG: Final = 60  # seconds in which its owner may not have got to locking it


@contextmanager
def private_folder(need: float = 0.0) -> Iterator[Path]:
    """A new folder where temporary files go; WorkloadError if less than `need` bytes are free there."""
    where = Path(tempfile.gettempdir())
    _sweep(where)
    free = shutil.disk_usage(where).free
    if free < need:
        raise WorkloadError(
            f"this takes about {need / 1e9:.1f} GB in {where}, where {free / 1e9:.1f} GB are free; "
            "TMPDIR names another folder"
        )
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(where: Path) -> None:
    """Remove what killed processes of ours have left: nobody holds its lock."""
    for file in where.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            about = file.stat()
            if about.st_uid == os.getuid() and time.time() - about.st_mtime > _YOUNG and _unlocked(file):
                shutil.rmtree(file.parent, ignore_errors=True)
        except OSError:
            continue  # somebody else was quicker


def _unlocked(file: Path) -> bool:
    lock = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
