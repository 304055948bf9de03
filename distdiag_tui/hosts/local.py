"""This machine, from /proc. Everything here may block for a moment: call it in a thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Final

from distdiag_tui.hosts import procfs
from distdiag_tui.hosts.procfs import Figures

_MOST: Final = 1 << 17  # bytes of one read, of which the kernel often gives no more than a page
_PRESSURES: Final = ("cpu", "io", "memory")
_MACHINE: Final[tuple[tuple[str, Callable[[str], Figures]], ...]] = (
    ("/proc/stat", procfs.cpu),
    ("/proc/loadavg", procfs.load),
    ("/proc/meminfo", procfs.memory),
    ("/proc/vmstat", procfs.swapping),
    ("/proc/net/dev", procfs.network),
    ("/proc/net/snmp", procfs.tcp),
)


def read_text(path: str, folder: int | None = None) -> str:
    """A file of /proc; OSError if it is not there, or its process is not any more."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        parts = iter(lambda: os.read(handle, _MOST), b"")
        return b"".join(parts).decode(errors="replace")
    finally:
        os.close(handle)


def machine_figures(elapsed: int) -> Figures:
    """All but disks; what this kernel does not have is left out. `elapsed` is the time now, in µs."""
    figures: Figures = {"machines": 1.0, "elapsed": elapsed}
    for path, parse in _MACHINE:
        figures |= _try(path, parse)
    for name in _PRESSURES:
        found = _try(f"/proc/pressure/{name}", partial(procfs.pressure, name))
        if found:
            figures |= found | {"pressure_elapsed": elapsed}
    return figures


def disk_figures(device: tuple[int, int], elapsed: int) -> Figures:
    """Of one device, by its numbers."""
    found = _try("/proc/diskstats", lambda text: procfs.disk(text, device))
    return found | {"disk_elapsed": elapsed} if found else {}


def device_of(folder: str) -> tuple[int, int] | None:
    """The numbers of the device that holds a folder; None if it is not there."""
    try:
        number = os.stat(folder).st_dev  # noqa: PTH116  a number, and no path
    except OSError:
        return None
    return os.major(number), os.minor(number)


def _try(path: str, parse: Callable[[str], Figures]) -> Figures:
    try:
        return parse(read_text(path))
    except (OSError, ValueError, KeyError, IndexError):
        return {}
