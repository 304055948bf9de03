"""A console on a stage: the real engine, feed and app, over a source whose every tick the test gives."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast
from unittest.mock import patch

import numpy as np
from staged_anomalies import StagedAnomalyDesk
from staged_incidents import StagedEngine, StagedIncidentDesk
from textual.events import Key
from textual.pilot import Pilot

from distdiag_tui.feed import Feed
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, HOST_COLUMNS, LEVELS
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Host, Server, Status, Tenant
from distdiag_tui.service.desk import Desk, KindView
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.sources.frame import Frame, Sample
from distdiag_tui.ui.app import ConsoleApp
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.kinds import KINDS

OF_HOSTS = [COLUMN_INDEX[column] for column in HOST_COLUMNS]
START = 1_700_000_000  # tick and epoch second of the first frame: 22:13:20 UTC
TENANTS = (Tenant(1, "sys"), Tenant(1002, "shop"))
COUNTS = (40000, 40002, 40004, 40006, 40008, 40018)
MICROSECONDS = 900  # that a statement takes
NARROW, WIDE = (80, 24), (160, 48)


def server(name: str, zone: str = "zone1", **known: object) -> Server:
    """A healthy server."""
    facts: dict[str, object] = {
        "status": Status.UP,
        "product": "seekdb 1.3.0",
        "role": "leader",
        "uptime": 3725.0,
        "latency": 0.0042,
        "age": 0.1,
        "tenants": TENANTS,
        **known,
    }
    return Server(name, f"{name}:2881", zone, **facts)  # type: ignore[arg-type]


def three_servers() -> list[Server]:
    """One in each of three zones."""
    return [server(f"n{number}", f"zone{number}") for number in (1, 2, 3)]


class StagedSource:
    """Yields what `put` gave it, and then waits; an exception that was put is raised."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Frame | Exception] = asyncio.Queue()

    def put(self, item: Frame | Exception) -> None:
        """The next frame, or the fault that ends the source."""
        self._queue.put_nowait(item)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Frames as the test gives them."""
        while True:
            item = await self._queue.get()
            if isinstance(item, Exception):
                raise item
            yield item


class StagedDesk(Desk):
    """Workloads that are as the test says; what is asked for is kept in `asked`, or raises `wrong`."""

    def __init__(self, *, production: bool = False) -> None:
        target = Target("shop", (Endpoint("127.0.0.1", 1),), production=production)
        super().__init__(Workloads(target, Journal(Path("/nowhere"))))
        self.views = tuple(KindView(kind) for kind in KINDS)
        self.asked: list[tuple[str, object]] = []
        self.wrong: DistdiagError | None = None
        self.note = ""
        self.running: list[RunRecord] = []
        self.refused: list[str] = []
        self.answers = asyncio.Event()  # cleared, a start takes until it is set
        self.answers.set()

    def look(self) -> None:
        """Nothing changes by itself."""

    def refusals(self) -> list[str]:
        """What the test says, once."""
        told, self.refused = self.refused, []
        return told

    def ask(self) -> None:
        """There is no cluster to ask."""

    def show(self, kind: str, **known: object) -> None:
        """One kind looks different from now on."""
        self.views = tuple(
            replace(view, **known) if view.kind.id == kind else view  # type: ignore[arg-type]
            for view in self.views
        )

    async def start(self, wish: Wish, *, insist: bool) -> str:
        """Keep the wish."""
        await self.answers.wait()
        self._keep("start insisting" if insist else "start", wish)
        return self.note

    async def stop(self, run: str) -> None:
        """Keep the name."""
        self._keep("stop", run)

    def change(self, run: str, given: Mapping[str, str]) -> None:
        """Keep what was given."""
        self._keep("change", (run, dict(given)))

    def ours(self, run: str) -> bool:
        """All that the test says."""
        return any(record.id == run for record in self.running)

    def to_ask_about(self) -> list[RunRecord]:
        """The same."""
        return self.running

    async def let_go(self) -> None:
        """Keep that it happened."""
        self._keep("let go", "")

    def _keep(self, what: str, of: object) -> None:
        if self.wrong is not None:
            raise self.wrong
        self.asked.append((what, of))


class Stage:
    """A cluster that moves only when told to. Change `servers` and `latency` between ticks."""

    def __init__(self, servers: Iterable[Server] | None = None, *, production: bool = False) -> None:
        self.servers = three_servers() if servers is None else list(servers)
        self.machines: dict[str, Host] = {}
        self.busy = True  # False: totals stand still and levels are constant
        self.source = StagedSource()
        self.engine = StagedEngine(self.source, "shop", production=production)
        self.feed = Feed(self.engine)
        self.desk = StagedDesk(production=production)
        self.anomalies = StagedAnomalyDesk(production=production)
        self.incidents = StagedIncidentDesk()
        self.clock = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def latest(self) -> Snapshot:
        """The newest snapshot."""
        assert self.feed.latest is not None
        return self.feed.latest

    def change(self, name: str, /, **facts: object) -> None:
        """Something is different about a server from the next tick on."""
        self.servers = [
            replace(each, **facts) if each.name == name else each  # type: ignore[arg-type]
            for each in self.servers
        ]

    async def tick(self, count: int = 1) -> None:
        """Seconds pass. Returns when the feed has handed over the last one."""
        if self._task is None:
            self._task = self.feed.start()
        for _ in range(count):
            self.source.put(self.frame())
            self.clock += 1
        while self.feed.latest is None or self.feed.latest.tick < START + self.clock - 1:
            assert not self._task.done()
            await asyncio.sleep(0)

    def frame(self) -> Frame:
        """What the servers say now."""
        samples = {
            each.name: self._sample(number)
            for number, each in enumerate(self.servers, 1)
            if each.status.answers
        }
        tick = START + self.clock
        return Frame(tick, float(tick), 1.0, tuple(self.servers), samples, 0.0142, machines=self.machines)

    def _sample(self, weight: int) -> Sample:
        now = self.clock if self.busy else 0
        waves = now + 3 * math.sin(now / 4)  # seconds that never run backwards, but not evenly
        columns = np.empty((len(TENANTS), len(COLUMNS)))
        for index, column in enumerate(COLUMNS):
            columns[:, index] = 40 if column in LEVELS else 10 * weight * waves
        columns[:, OF_HOSTS] = np.nan
        for count in COUNTS:
            columns[:, COLUMN_INDEX[count]] = 100 * weight * waves
            columns[:, COLUMN_INDEX[count + 1]] = 100 * weight * waves * MICROSECONDS
        return Sample(tuple(tenant.id for tenant in TENANTS), columns, float(self.clock), 1)

    @asynccontextmanager
    async def console(
        self, size: tuple[int, int] = WIDE, *, past: int = 90, theme: str = ""
    ) -> AsyncIterator[Pilot[None]]:
        """The console, once it has drawn `past` ticks."""
        try:
            if past:
                await self.tick(past)
            app = ConsoleApp(self.feed, theme)
            app.attach(self.desk)
            app.attach_anomalies(self.anomalies)
            app.attach_incidents(self.incidents)
            # Textual's own wait looks at the processor's load; ours, `settled`, at the queues
            idle = patch.multiple("textual.pilot", wait_for_idle=_at_once)
            stays = patch("distdiag_tui.ui.app.NOTICE_SECONDS", 600.0)  # however long it takes to draw
            with idle, stays, patch("textual.app.wait_for_idle", _at_once):
                async with app.run_test(size=size) as pilot:
                    await settled(pilot)
                    yield pilot
        finally:
            await self.feed.stop()

    async def shown(self, pilot: Pilot[None], count: int = 1) -> None:
        """Let seconds pass, until they are on the screen."""
        await self.tick(count)
        await settled(pilot)


async def _at_once(*_: float) -> None:
    await asyncio.sleep(0)


async def settled(pilot: Pilot[None]) -> None:
    """Wait until all messages are handled and drawn, also those sent after drawing."""
    for _ in range(4):
        await pilot.pause()


async def resized(pilot: Pilot[None], width: int, height: int) -> None:
    """Another size of the terminal, once the screen has it: Textual waits a moment for the next one."""
    await pilot.resize_terminal(width, height)
    while pilot.app.screen._compositor.size != (width, height):
        assert pilot.app._exception is None
        await pilot.pause()
    await settled(pilot)


async def burst(pilot: Pilot[None], *keys: str) -> None:
    """Keys that come faster than they are handled, as when text is pasted or a line lags."""
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        driver.send_message(Key(key, key if len(key) == 1 else None))
    screens = None
    while screens != (screens := list(pilot.app.screen_stack)):  # what comes or goes has messages of its own
        await settled(pilot)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Keys, and all that follows from them."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def console_of(pilot: Pilot[None]) -> ConsoleApp:
    """The app under test, by its own type."""
    return cast("ConsoleApp", pilot.app)


def on_main(pilot: Pilot[None]) -> bool:
    """Whether the main screen is the one in front."""
    return pilot.app.screen is console_of(pilot).main


def rows_of(pilot: Pilot[None]) -> list[str]:
    """The rows of the screen, as the compositor gives them to the terminal."""
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def text_of(pilot: Pilot[None]) -> str:
    """The whole screen."""
    return "\n".join(rows_of(pilot))


def row_with(pilot: Pilot[None], words: str) -> str:
    """The first row that holds the words."""
    return next(row for row in rows_of(pilot) if words in row)
