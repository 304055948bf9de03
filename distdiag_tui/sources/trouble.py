"""What an error of connecting or asking says of a server, in one line."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

from asyncmy.errors import InternalError, MySQLError

from distdiag_tui.model.topology import Status
from distdiag_tui.sources.capability import reason

# Beyond a wrong password: it has expired (1820, 1862); no such cluster or tenant, or the tenant is elsewhere.
ACCESS_DENIED: Final = (1044, 1045, 1698, 1820, 1862, 4669, 5150, 5160)
TIMED_OUT: Final = 4012  # OceanBase's number for a statement that took longer than it may


def diagnose(error: Exception, limit: float = 3.0) -> tuple[Status, str]:
    """Status and one line for an error of connecting or asking, which had `limit` s for it.

    Never holds the password.
    """
    if isinstance(error, TimeoutError):
        return Status.UNREACHABLE, f"no answer within {limit:g} s"
    if isinstance(error, MySQLError) and error.args and error.args[0] in ACCESS_DENIED:
        return Status.REFUSED, reason(error)
    cause = error.__cause__ or error.__context__
    if isinstance(cause, socket.gaierror):  # its errno is not the system's
        return Status.UNREACHABLE, str(cause.strerror).lower()
    if isinstance(cause, OSError) and cause.errno is not None:
        return Status.UNREACHABLE, os.strerror(cause.errno).lower()
    words = (reason(error) if isinstance(error, MySQLError) else str(error)) or type(error).__name__
    return Status.UNREACHABLE, f"not a MySQL server ({words})" if _is_gibberish(error) else words


def timed_out(error: Exception) -> bool:
    """Whether we, or the server itself, had to give up waiting."""
    return isinstance(error, TimeoutError) or (
        isinstance(error, MySQLError) and bool(error.args) and error.args[0] == TIMED_OUT
    )


def _is_gibberish(error: Exception) -> bool:
    """Whether the driver could not make sense of the bytes that came; errors of servers have a number."""
    if isinstance(error, InternalError):
        return not isinstance(error.args[0], int)
    return isinstance(error, (IndexError, struct.error, UnicodeDecodeError))
