"""Programs we start: none outlives us, and none stays when it is done."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Final

from distdiag_tui.model.inherited import PLAIN

_PR_SET_PDEATHSIG: Final = 1
_LONGEST_ORDER: Final = 1 << 20  # bytes: the first one names every server
_ENVIRONMENT: Final = (*PLAIN, "VIRTUAL_ENV", "KUBECONFIG", "KUBERNETES_SERVICE_HOST",
                       "KUBERNETES_SERVICE_PORT")  # fmt: skip
_LOGIN = ("AWS_", "AZURE_", "AAD_", "CLOUDSDK_", "GOOGLE_", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


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


def environment(*, login: bool) -> dict[str, str]:
    """Only what Python needs: a password in our own environment is not handed on.

    With `login` also what the programs want that log in to a cluster, as kubectl would give it to them.
    """
    prefixes = ("PYTHON", *(_LOGIN if login else ()))
    return {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k.upper().startswith(prefixes)}


async def open_stdin() -> asyncio.StreamReader:
    """For such a program: its orders, in lines of 1 MiB at most."""
    reader = asyncio.StreamReader(_LONGEST_ORDER)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def run_and_leave(serve: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Be such a program, and gone with its exit code at once.

    `asyncio.run` would wait for threads that look up a name or hang on a frozen disk, and for tasks that do
    not hear that they are cancelled.
    """
    asyncio.run(_leave_after(serve))


async def _leave_after(serve: Callable[[], Coroutine[Any, Any, int]]) -> None:
    code = 1
    try:
        code = await serve()
    except Exception:
        traceback.print_exc()
    os._exit(code)
