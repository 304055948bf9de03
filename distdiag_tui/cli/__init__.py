"""The command line: a thin face over the core."""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from distdiag_tui.log import VARIABLE, open_log
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import plain

LONGEST = 1000  # characters of an error

log = logging.getLogger(__name__)


def main() -> NoReturn:
    """Run `distdiag`. An error that a person can act on is one line on stderr and an exit code."""
    # we add small arrays: a pool of BLAS threads would only cost memory
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # imports make many objects that stay and hardly any garbage
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a locale without our glyphs still gets the words
    from distdiag_tui.cli.app import app  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    try:
        open_log(os.environ.get(VARIABLE, "info"))
        result = app(prog_name="distdiag", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        _end(error)
        raise
    sys.exit(result if isinstance(result, int) else 0)


def _end(error: BaseException) -> None:
    """Leave with the exit code of what a person can act on; comes back for anything else."""
    from typer.exceptions import Abort, TyperException  # noqa: PLC0415

    unread = error.__context__ if isinstance(error, SystemExit) else error  # typer takes it for a failure
    if isinstance(unread, BrokenPipeError):  # as behind `| head`
        _write_no_more()
        sys.exit(128 + signal.SIGPIPE)
    if isinstance(error, (KeyboardInterrupt, Abort)):  # Ctrl-C, and Ctrl-D at a prompt
        sys.exit(130)
    if isinstance(error, DistdiagError):
        _fail(str(error), error.exit_code)
    if isinstance(error, TyperException):
        message = error.format_message()
        if message.startswith("Usage: "):  # a word is missing: the message is the whole help
            print(message, file=sys.stderr)
            sys.exit(error.exit_code)
        _fail(message, error.exit_code)
    if isinstance(error, OSError):
        log.critical("the system refuses", exc_info=True)
        _write_no_more()
        words = error.strerror or str(error) or type(error).__name__
        _fail(f"{words}: {error.filename}" if error.filename else words, 2)
    if isinstance(error, Exception):
        log.critical("a bug", exc_info=True)


def _write_no_more() -> None:
    """What is left in the buffer would fail once more at the end."""
    with suppress(OSError), Path(os.devnull).open("w", encoding="ascii") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _fail(message: str, code: int) -> NoReturn:
    # it may quote a server: what acts on a terminal must not get there
    print(f"distdiag: {plain(' '.join(message.split()), LONGEST)}", file=sys.stderr)
    sys.exit(code)
