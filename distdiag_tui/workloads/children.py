"""Programs we start: none outlives us."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def dies_with_us() -> Callable[[], None] | None:
    """For a child, before it becomes its program: the kernel is to kill it when we die (Linux).

    Elsewhere it ends with its next report, which nobody reads (SIGPIPE).
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(1)

    return before_exec
