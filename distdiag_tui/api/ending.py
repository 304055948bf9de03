"""How a service ends: on Ctrl-C, TERM, and the end of its terminal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Final

EXIT: Final = {signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGHUP: 129}
"""Its exit code by what ended it."""


def on_end(end: Callable[[signal.Signals], object]) -> None:
    """Call `end` with each such signal from now on, but for what nohup has us ignore."""
    loop = asyncio.get_running_loop()
    for number in EXIT:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end, number)
