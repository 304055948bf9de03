"""Prometheus for a face: what is sampled goes there, and what was before comes from there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.metrics import Metric
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.snapshot import History, Snapshot, Values
from distdiag_tui.model.topology import Subject
from distdiag_tui.prometheus.backfill import Backfill
from distdiag_tui.prometheus.past import Growing, Past
from distdiag_tui.prometheus.reader import Reader
from distdiag_tui.prometheus.status import WriteStatus, Writing
from distdiag_tui.prometheus.turn import AGAIN, Turn
from distdiag_tui.prometheus.windows import Window, Windows
from distdiag_tui.prometheus.writer import Writer

log = logging.getLogger(__name__)

LATE: Final = 600.0  # s: what went wrong of late is not to be taken for usual


class Looker(Protocol):
    """An engine: its `history` is what is shown of the past, `store` its own of `reach` ticks."""

    history: History

    @property
    def store(self) -> Growing: ...

    @property
    def reach(self) -> int: ...

    def begin_with(self, usual: Mapping[str, Values]) -> None:
        """What servers were like before, by name: metrics (M, n), newest last."""
        ...


@dataclass(frozen=True, slots=True)
class PrometheusStatus:
    """How it goes on. `past`: seconds that were read back; `trouble`: why no more were, in one line."""

    writing: WriteStatus | None = None  # where nothing is to be written
    past: float = 0.0
    trouble: str = ""

    @property
    def words(self) -> str:
        """A few words for the status line, "" where all there was to do is done."""
        if self.writing is not None:
            return self.writing.words
        return "Prometheus cannot be read" if self.trouble else ""

    @property
    def bad(self) -> bool:
        """Whether a person should look."""
        return bool(self.trouble) if self.writing is None else self.writing.trouble


class PrometheusDesk:
    """Begins with the first snapshot; nothing here ever makes anybody wait, or fails.

    The engine is given a history that reaches back further than its own.
    """

    def __init__(self, server: PrometheusServer, engine: Looker) -> None:
        self._server = server
        self._reach = engine.reach
        self._engine = engine
        self._reader = Reader(server)
        self._writer = Writer(server) if server.write else None
        self._tasks: list[asyncio.Task[None]] = []
        self._latest: Snapshot | None = None
        self._turn: Turn | None = None
        self._writing: asyncio.Task[None] | None = None
        self._paused = False
        self._began: float | None = None
        self._reading = False
        self._past: Past | None = None
        self._interval = 1.0
        self._trouble = ""

    @property
    def status(self) -> PrometheusStatus:
        """At this moment."""
        writing = self._writer.status if self._writer else None
        if writing is not None and self._turn is not None and self._turn.held is False:
            writing = replace(writing, state=Writing.ELSEWHERE)
        past = 0.0 if self._past is None else (self._past.first - self._past.begin) * self._interval
        return PrometheusStatus(writing, past, self._trouble)

    def take(self, snapshot: Snapshot) -> None:
        """One tick more."""
        self._latest = snapshot
        if self._began is None:
            self._began, self._interval = snapshot.time, snapshot.interval
            if self._writer is not None:
                self._turn = Turn(self._server, snapshot.cluster)
                self._begin_to_write(self._writer, self._turn)
        waits = self._paused or (self._turn is not None and self._turn.held is False)
        if self._writer is not None and not waits:
            self._writer.take(snapshot)
        if not self._reading and snapshot.complete(self._began) and Subject() in snapshot.values:
            self._reading = True
            seen = snapshot.history.window(Subject(), self._reach, snapshot.tick).shape[1]
            task = asyncio.create_task(self._read(snapshot, snapshot.tick - seen + 1), name="read back")
            self._tasks.append(task)

    def pause(self) -> None:
        """Let another console write, at once: this process is about to be stopped."""
        if self._writer is not None and self._turn is not None and self._writing is not None:
            self._paused = True
            self._writing.cancel()
            self._writer.forget()
            self._turn.release()

    def resume(self) -> None:
        """Write again, once nobody else does."""
        if self._paused and self._writer is not None and self._turn is not None:
            self._paused = False
            self._begin_to_write(self._writer, self._turn)

    def _begin_to_write(self, writer: Writer, turn: Turn) -> None:
        self._writing = asyncio.create_task(self._write(writer, turn, self._writing), name="remote write")
        self._tasks.append(self._writing)

    async def _write(self, writer: Writer, turn: Turn, before: asyncio.Task[None] | None) -> None:
        """Once no other console here writes the same, nor we ourselves as `before`.

        As long as we are refused another one may: its account may be a better one.
        """
        if before is not None:
            await asyncio.wait({before})
        while True:
            if not await turn.come():
                writer.forget()
                while not await turn.come():  # noqa: ASYNC110  another process tells of nothing
                    await asyncio.sleep(AGAIN)
            await writer.run()
            turn.release()
            await asyncio.sleep(writer.pause())

    async def _read(self, snapshot: Snapshot, first: int) -> None:
        """What was before tick `first`, the first one that is known."""
        past = Past(self._engine.store, first, self._reach)
        subjects = 1 + len(snapshot.zones) + sum(1 + len(server.tenants) for server in snapshot.servers)
        try:
            async for piece in Backfill(self._reader, self._server, snapshot, first).pieces(
                Past.room(subjects, self._reach)
            ):
                past.fill(piece.begin, piece.values)
                if piece.values and self._past is None:
                    self._past = self._engine.history = past
        except PrometheusError as error:
            self._trouble = str(error)
            log.info("read back: %s", error)
        if self._past is not None:
            self._engine.begin_with(self._usual(past, snapshot))

    def _usual(self, past: Past, snapshot: Snapshot) -> dict[str, Values]:
        """Of all that was read the older part, if it is the larger one."""
        late = round(LATE / snapshot.interval)
        last = past.first - 1 - (late if past.first - past.begin >= 2 * late else 0)
        servers = ((server.name, Subject(server.zone, server.name)) for server in snapshot.servers)
        return {name: past.window(subject, self._reach, last) for name, subject in servers}

    async def window(self, metric: Metric, subject: Subject, seconds: float, points: int) -> Window:
        """The last hours or days of a metric, server by server. PrometheusError without an answer."""
        if self._latest is None:
            raise PrometheusError("nothing has been sampled yet")
        latest = self._latest
        windows = Windows(self._reader, self._server, latest.cluster)
        return await windows.window(metric, subject, latest.servers, latest.time, seconds, points)

    async def close(self) -> None:
        """End everything; what was not written yet is, if that is quick."""
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("Prometheus", exc_info=outcome)
        if self._turn is not None:
            self._turn.release()
        self._reader.close()
