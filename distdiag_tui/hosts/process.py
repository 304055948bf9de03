"""A process on this machine, from /proc."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Final

from distdiag_tui.hosts import procfs
from distdiag_tui.hosts.local import read_text
from distdiag_tui.hosts.procfs import Figures
from distdiag_tui.hosts.threads import Threads

_PAGE: Final = os.sysconf("SC_PAGESIZE")
_STOPPED: Final = b"Tt"
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC


class LocalProcess:
    """One process. All may raise OSError: it has ended, or is another user's.

    About `handles` files are kept open. `started` in 1/100 s after the machine's start: that and its id name
    it for good.
    """

    def __init__(self, pid: int, handles: int) -> None:
        self.pid = pid
        with ExitStack() as files:
            self._folder = os.open(f"/proc/{pid}", _FLAGS | os.O_DIRECTORY)
            files.callback(os.close, self._folder)
            self._state = os.open("stat", _FLAGS, dir_fd=self._folder)
            files.callback(os.close, self._state)
            self._threads = Threads(self._folder, handles)
            files.callback(self._threads.close)
            self.started = procfs.started(read_text("stat", self._folder))
            self._files = files.pop_all()
        self._stopped = self._looks = 0

    def figures(self) -> Figures:
        """All of its own."""
        figures = procfs.process(read_text("stat", self._folder))
        figures |= procfs.resident(read_text("statm", self._folder), _PAGE)
        figures |= procfs.own_io(read_text("io", self._folder))
        figures |= self._threads.figures()
        files = os.open("fd", _FLAGS | os.O_DIRECTORY, dir_fd=self._folder)
        try:
            figures["proc_files"] = len(os.listdir(files))  # noqa: PTH208  an open folder
        finally:
            os.close(files)
        return figures | {"proc_stopped": self._stopped, "proc_looks": self._looks}

    def look(self) -> None:
        """See whether it is stopped at this moment."""
        state = os.pread(self._state, 512, 0)
        self._looks += 1
        self._stopped += state[state.rindex(b")") + 2] in _STOPPED

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()
