"""A process on this machine, from /proc."""

from __future__ import annotations

import os
from typing import Final

from distdiag_tui.hosts import procfs
from distdiag_tui.hosts.local import read_text
from distdiag_tui.hosts.procfs import Figures

_PAGE: Final = os.sysconf("SC_PAGESIZE")
_STOPPED: Final = b"Tt"


class LocalProcess:
    """One process. All may raise OSError: it has ended, or is another user's."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._folder = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._state = os.open("stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
        self._threads: dict[str, tuple[int, int]] = {}
        self._delay = self._runs = 0
        self._stopped = self._watched = 0

    def started(self) -> int:
        """In 1/100 s after the machine's start: with its id that names it for good."""
        return procfs.started(read_text("stat", self._folder))

    def figures(self) -> Figures:
        """All of its own."""
        figures = procfs.process(read_text("stat", self._folder))
        figures |= procfs.resident(read_text("statm", self._folder), _PAGE)
        figures |= procfs.own_io(read_text("io", self._folder))
        files = os.open("fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder)
        try:
            figures["proc_files"] = len(os.listdir(files))  # noqa: PTH208  an open folder
        finally:
            os.close(files)
        self._read_threads()
        return figures | {
            "proc_run_delay": self._delay // 1000,
            "proc_runs": self._runs,
            "proc_stopped": self._stopped,
            "proc_watched": self._watched,
        }

    def watch(self, since: float) -> None:
        """Whether it is stopped at this moment, which is taken for so long as nobody looked: `since` in s."""
        micros = round(since * 1e6)
        state = os.pread(self._state, 512, 0)
        self._watched += micros
        if state[state.rindex(b")") + 2] in _STOPPED:
            self._stopped += micros

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._state)
        os.close(self._folder)

    def _read_threads(self) -> None:
        """Add what each thread waited and ran since the last time: threads come and go, totals only grow."""
        tasks = os.open("task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder)
        before, self._threads = self._threads, {}
        try:
            for thread in os.listdir(tasks):  # noqa: PTH208
                try:
                    _, delay, runs = map(int, read_text(f"{thread}/schedstat", tasks).split())
                except (OSError, ValueError):
                    continue  # it ended just now, or this kernel does not count
                old_delay, old_runs = before.get(thread, (0, 0))
                self._delay += max(delay - old_delay, 0)
                self._runs += max(runs - old_runs, 0)
                self._threads[thread] = delay, runs
        finally:
            os.close(tasks)
