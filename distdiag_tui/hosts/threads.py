"""How long a process's threads waited for a CPU: the kernel counts that by thread only."""

from __future__ import annotations

import os
from typing import Final

from distdiag_tui.hosts.procfs import Figures

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC


class Threads:
    """Of one process, whose open folder is given. Totals only grow, while threads come and go.

    Up to `handles` files stay open: to open one takes five times as long as to read it.
    """

    def __init__(self, process: int, handles: int) -> None:
        self._folder = os.open("task", _FLAGS | os.O_DIRECTORY, dir_fd=process)
        self._most = handles
        self._open: dict[str, int] = {}
        self._before: dict[str, tuple[int, int]] = {}
        self._delay = self._runs = 0

    def figures(self) -> Figures:
        """What they waited (ns in the kernel) and how often they ran, since this is looked at."""
        names = os.listdir(self._folder)  # noqa: PTH208  an open folder
        for gone in self._open.keys() - set(names):
            os.close(self._open.pop(gone))
        now = {name: figures for name in names if (figures := self._read(name)) is not None}
        for name, (delay, runs) in now.items():
            old_delay, old_runs = self._before.get(name, (0, 0) if self._before else (delay, runs))
            self._delay += max(delay - old_delay, 0)
            self._runs += max(runs - old_runs, 0)
        self._before = now
        return {"proc_run_delay": self._delay // 1000, "proc_runs": self._runs} if now else {}

    def close(self) -> None:
        """Let go of the files."""
        for handle in (*self._open.values(), self._folder):
            os.close(handle)
        self._open = {}

    def _read(self, name: str) -> tuple[int, int] | None:
        """Delay and runs; None if the thread has just ended, or this kernel does not count."""
        handle = self._open.get(name)
        try:
            if handle is None:
                handle = os.open(f"{name}/schedstat", _FLAGS, dir_fd=self._folder)
                if len(self._open) >= self._most:
                    try:
                        return _parse(os.read(handle, 128))
                    finally:
                        os.close(handle)
                self._open[name] = handle
            return _parse(os.pread(handle, 128, 0))
        except (OSError, ValueError):
            return None


def _parse(schedstat: bytes) -> tuple[int, int]:
    _, delay, runs = schedstat.split()
    return int(delay), int(runs)
