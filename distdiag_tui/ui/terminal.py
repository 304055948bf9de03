"""What happens when the terminal goes away: the console goes too, at once, whatever SIGHUP is set to."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from distdiag_tui.model.errors import DistdiagError

HANGUP_EXIT = 129
BROWSER = "textual.drivers.web_driver:WebDriver"


def require_terminal() -> None:
    """A DistdiagError unless input and output are a terminal, or textual-serve's browser."""
    if os.environ.get("TEXTUAL_DRIVER") == BROWSER:
        return
    if not (sys.__stdin__ and sys.__stdin__.isatty() and sys.__stderr__ and sys.__stderr__.isatty()):
        raise DistdiagError("this needs a terminal; for scripts use: distdiag watch --json")


def leave_with_terminal(last_words: Callable[[], None]) -> None:
    """From now on end the process when its terminal closes, after calling `last_words` (quick, no awaiting).

    A thread that sleeps in poll(2) sees the hang-up also where SIGHUP is ignored, as under nohup; the
    screen's own reader would spin on end-of-file instead.
    """
    once = threading.Lock()

    def leave(*_: object) -> None:
        if not once.acquire(blocking=False):
            return
        with contextlib.suppress(Exception):  # nothing may keep us here
            last_words()
        _exit()

    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, leave)
    threading.Thread(target=_wait_for_hangup, args=(leave,), name="hangup", daemon=True).start()


def _wait_for_hangup(leave: Callable[[], None]) -> None:
    poller = select.poll()
    poller.register(0, 0)  # hang-up and error are reported without asking for them
    while not any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poller.poll()):
        pass
    leave()


def _exit() -> NoReturn:
    os._exit(HANGUP_EXIT)
