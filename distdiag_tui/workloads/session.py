"""One connection to one node: prepared statements, a time limit on every wait, reconnection with back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar, cast

import asyncmy
from asyncmy.errors import MySQLError

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.login import METHODS
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.report import ErrorKey

CONNECT_TIMEOUT = 3.0
_GRACE = 0.5  # the server's own time limit comes first: its error says more than ours
_WATCH_PERIOD = 0.1
_UNKNOWN_VARIABLE: Final = 1193
_GONE: Final = (1049, 1146)  # unknown database, no such table
_DENIED: Final = (1044, 1142, 1143, 1227)  # the account may not use the database, table, column, or do this
_PREPARED: Final = 45  # statements of a connection: OceanBase has open_cursors = 50
_HANDSHAKES = 16  # at a time on one node, so that a thousand clients do not storm it

_T = TypeVar("_T")

Argument = int | str | Decimal
"""What can be bound to a statement's parameter."""


class Result(Protocol):
    """What a statement brought: `rows` is None for one that is no query."""

    @property
    def rows(self) -> Sequence[tuple[Any, ...]] | None: ...
    @property
    def affected_rows(self) -> int: ...


class Statement(Protocol):
    """A statement prepared on one connection."""

    async def execute(self, args: Sequence[Argument]) -> Result: ...
    async def close(self) -> None: ...


class Wire(Protocol):
    """The part of an asyncmy connection in use, with types."""

    async def begin(self) -> None: ...
    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...
    async def query(self, sql: str) -> int: ...
    async def prepare(self, sql: str) -> Statement: ...
    def close(self) -> None: ...


class Node:
    """A server to load, the account used there, and how many may log in at once."""

    def __init__(
        self, endpoint: Endpoint, user: str, password: Secret, program: str = "distdiag-workload"
    ) -> None:
        self.endpoint, self.user, self.password = endpoint, user, password
        self._program = program  # what connections say they belong to
        self.gate = asyncio.Semaphore(_HANDSHAKES)

    @property
    def label(self) -> str:
        """For messages."""
        return self.endpoint.label

    async def connect(self) -> Wire:
        """A connection in autocommit mode. TimeoutError if the server accepts but does not answer."""
        # asyncmy limits only the TCP connect: a frozen server accepts and then never greets
        async with self.gate, asyncio.timeout(CONNECT_TIMEOUT):
            connection = await asyncmy.connect(
                host=self.endpoint.host,
                port=self.endpoint.port,
                user=self.user,
                password=self.password.reveal(),
                autocommit=True,
                program_name=self._program,
                auth_plugin_map=METHODS,
            )
        return cast(Wire, connection)


class Session:
    """A client's connection to one node; what takes too long is cut off by `watch`.

    A lost connection leaves `broken`; `connect` mends it. Errors are asyncmy's, or what a torn stream caused.
    `settings` are SET statements for each connection; see `adjust`.
    """

    def __init__(self, node: Node, timeout: float, settings: Sequence[str] = ()) -> None:
        self._node, self._timeout = node, timeout
        self._settings = settings
        self._clock = asyncio.get_running_loop().time
        self._wire: Wire | None = None
        self._statements: dict[str, Statement] = {}  # the one used last comes last
        self._since = 0.0
        self.timed_out = False

    @property
    def broken(self) -> bool:
        """Not connected, or no longer to be trusted."""
        return self._wire is None

    async def connect(self) -> None:
        """Open the connection; the server is told the time limit as well."""
        self._wire, self.timed_out = await self._node.connect(), False
        try:
            await self._timed(limit_statements(self._wire, self._timeout))
            for setting in self._settings:
                await self._timed(adjust(self._wire.query, setting))
        except BaseException:
            self.close()
            raise

    async def begin(self) -> None:
        await self._timed(self._alive().begin())

    async def commit(self) -> None:
        await self._timed(self._alive().commit())

    async def rollback(self) -> None:
        await self._timed(self._alive().rollback())

    async def clear(self) -> None:
        """After an error: leave the transaction; a session that cannot even roll back is closed."""
        if self.broken:
            return
        try:
            await self.rollback()
        except Exception:  # counted already by the error that brought us here
            self.close()

    async def query(self, sql: str) -> int:
        """Run a statement as text and take in its whole result; returns its rows' number."""
        return await self._timed(self._alive().query(sql))

    async def execute(self, sql: str, args: Sequence[Argument]) -> Result:
        """Run a statement, which is kept prepared: it costs both sides a third less than text."""
        statement = self._statements.pop(sql, None) or await self._prepare(sql)
        self._statements[sql] = statement
        return await self._timed(statement.execute(args))

    def close(self) -> None:
        """Drop the connection at once; the server rolls back."""
        wire, self._wire = self._wire, None
        self._statements.clear()
        self._since = 0.0
        if wire is not None:
            wire.close()

    def cut_if_late(self, now: float) -> None:
        """Called by the watchdog: tear the stream so that the waiting client fails."""
        if self._since and now - self._since > self._timeout + _GRACE:
            self.timed_out = True
            self.close()

    async def _prepare(self, sql: str) -> Statement:
        """In place of the one that was not used for the longest time, if there are as many as may be."""
        wire = self._alive()
        if len(self._statements) >= _PREPARED:
            oldest = self._statements.pop(next(iter(self._statements)))
            await self._timed(oldest.close())
        return await self._timed(wire.prepare(sql))

    def _alive(self) -> Wire:
        if self._wire is None:
            raise ConnectionResetError("the connection was closed")
        return self._wire

    async def _timed(self, waiting: Awaitable[_T]) -> _T:
        self._since = self._clock()
        try:
            return await waiting
        except Exception as error:
            if lost_connection(error):
                self.close()
            raise
        finally:
            self._since = 0.0


async def limit_statements(wire: Wire, seconds: float) -> None:
    """Have OceanBase itself end statements after a time; others do not know the setting."""
    await adjust(wire.query, f"SET ob_query_timeout = {int(seconds * 1e6)}")


async def adjust(run: Callable[[str], Awaitable[object]], setting: str) -> None:
    """Have a SET statement run; a server that has no such variable does without."""
    try:
        await run(setting)
    except MySQLError as error:
        if error_key(error) != _UNKNOWN_VARIABLE:
            raise


async def watch(sessions: Callable[[], Iterable[Session]]) -> None:
    """Cut off late statements, for ever. One task for all: a timer for each statement costs more."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(_WATCH_PERIOD)
        now = clock()
        for session in list(sessions()):
            session.cut_if_late(now)


def error_key(error: Exception) -> ErrorKey:
    """How an error is counted: the server's or client library's code, "timeout", or the exception's name."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, MySQLError) and error.args and isinstance(error.args[0], int):
        return error.args[0]
    return type(error).__name__


def require_data(error: Exception) -> None:
    """WorkloadError for what no further try can mend: the data is not there, or not for this account."""
    key = error_key(error)
    if key in _GONE:
        raise WorkloadError(f"{error.args[-1]}; prepare the workload again") from error
    if key in _DENIED:
        raise WorkloadError(str(error.args[-1])) from error


async def together(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; the first failure ends the others and is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def lost_connection(error: Exception) -> bool:
    """Anything but a plain answer of the server: then nothing is known of the stream's state."""
    key = error_key(error)
    return not isinstance(key, int) or key < 1000 or 2000 <= key < 3000
