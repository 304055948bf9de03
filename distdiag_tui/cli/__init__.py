"""The command line: a thin face over the core."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import NoReturn

from distdiag_tui.log import VARIABLE, open_log
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import plain

LONGEST = 1000  # characters of an error


def main() -> NoReturn:
    """Run `distdiag`. An error that a person can act on is one line on stderr and an exit code."""
    # we add small arrays: a pool of BLAS threads would only cost memory
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # imports make many objects that stay and hardly any garbage
    from typer.exceptions import TyperException  # noqa: PLC0415

    from distdiag_tui.cli.app import app  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    try:
        open_log(os.environ.get(VARIABLE, "info"))
        result = app(prog_name="distdiag", standalone_mode=False)
    except DistdiagError as error:
        _fail(str(error), error.exit_code)
    except TyperException as error:
        _fail(error.format_message(), getattr(error, "exit_code", 2))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except Exception:
        logging.getLogger(__name__).critical("a bug", exc_info=True)
        raise
    sys.exit(result if isinstance(result, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    # it may quote a server: what acts on a terminal must not get there
    print(f"distdiag: {plain(' '.join(message.split()), LONGEST)}", file=sys.stderr)
    sys.exit(code)
