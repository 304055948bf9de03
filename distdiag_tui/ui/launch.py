"""Start the console quickly: the cluster is sampled while the screen's code is still being loaded."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from distdiag_tui.engine import Engine
from distdiag_tui.engine.live import live_engine
from distdiag_tui.feed import Feed
from distdiag_tui.hosts.opening import open_source
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Target
from distdiag_tui.prometheus import missing
from distdiag_tui.ui.terminal import leave_with_terminal, require_terminal

if TYPE_CHECKING:
    from distdiag_tui.diagnosis.diagnoser import Diagnoser
    from distdiag_tui.model.prometheus import PrometheusServer
    from distdiag_tui.service.anomaly_desk import AnomalyDesk
    from distdiag_tui.service.desk import Desk
    from distdiag_tui.service.incident_desk import IncidentDesk
    from distdiag_tui.service.prometheus_desk import PrometheusDesk
    from distdiag_tui.service.workloads import Workloads
    from distdiag_tui.ui.app import ConsoleApp


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """`last_words` runs when the terminal vanishes, after our workloads were ended.

    `workloads`: those that whoever opens the console has started already, and stops again.
    """

    interval: float = 1.0
    theme: str = ""
    mouse: bool = False
    workloads: Workloads | None = None
    last_words: Callable[[], None] = _nothing


@dataclass
class Desks:
    """Those that are there already."""

    workloads: Desk | None = None
    anomalies: AnomalyDesk | None = None
    incidents: IncidentDesk | None = None
    prometheus: PrometheusDesk | None = None

    async def close(self) -> None:
        """Stop what was started here; what takes long to undo is named, and goes on without us."""
        desks = (self.workloads, self.incidents, self.prometheus)
        closing = [desk.close() for desk in desks if desk is not None]
        if self.anomalies is not None:
            closing.append(self.anomalies.leave(partial(print, file=sys.stderr)))
        await asyncio.gather(*closing)


async def run_console(target: Target, options: ConsoleOptions) -> None:
    """Show the console until the user leaves. DistdiagError without a terminal."""
    require_terminal()
    feed = Feed(live_engine(open_source(target, options.interval), target))
    sampling = feed.start()
    desks = Desks()

    def last_words() -> None:  # what is injected is undone by its supervisors, which see us go
        if desks.workloads is not None:
            desks.workloads.workloads.kill()
        options.last_words()

    leave_with_terminal(last_words)
    opening: asyncio.Task[None] | None = None
    try:
        gc.disable()  # imports make many objects that stay and hardly any garbage
        app_class = await asyncio.to_thread(_import_app)
        gc.freeze()
        gc.enable()
        app = app_class(feed, options.theme)
        opening = asyncio.create_task(_open_desks(app, feed, target, options, desks))
        opening.add_done_callback(partial(_tell_failure, app))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.exit)
        sampling.add_done_callback(lambda task: app.exit() if not task.cancelled() else None)
        await app.run_async(mouse=options.mouse)
        for task in (sampling, opening):
            if task.done() and not task.cancelled():
                task.result()
    finally:
        if opening is not None:
            opening.cancel()
        await asyncio.gather(feed.stop(), desks.close())


def _tell_failure(app: ConsoleApp, opening: asyncio.Task[None]) -> None:
    """What is open stays so; the fault itself is raised when the user leaves."""
    if not opening.cancelled() and (error := opening.exception()) is not None:
        app.tell(f"not everything could be opened: {error}", bad=True)


async def _open_desks(
    app: ConsoleApp, feed: Feed, target: Target, options: ConsoleOptions, desks: Desks
) -> None:
    """Diagnosis, workloads, anomalies, once there is something to see; `desks` gets each at once."""
    await app.drawn.wait()
    if target.prometheus is not None:
        desks.prometheus = await _open_prometheus(app, feed.engine, target.prometheus)
    desks.incidents = await asyncio.to_thread(_make_incident_desk, target)
    app.attach_incidents(desks.incidents)
    feed.engine.diagnoser, trouble = await asyncio.to_thread(_make_diagnoser)
    if trouble:
        app.tell(trouble, bad=True)
    asks = options.workloads is None
    desk_class, workloads_class = await asyncio.to_thread(_import_desk)
    desks.workloads = desk_class(options.workloads or workloads_class(target), asks=asks)
    app.attach(desks.workloads)
    try:
        desks.anomalies = await asyncio.to_thread(_make_anomaly_desk, target, asks)
    except ConfigError as error:  # nobody knows how long an injection may last: there are none
        app.tell(str(error), bad=True)
    else:
        app.attach_anomalies(desks.anomalies)


async def _open_prometheus(
    app: ConsoleApp, engine: Engine, server: PrometheusServer
) -> PrometheusDesk | None:
    """It begins with the next tick. None, and the reason told, without what it needs."""
    if what := await asyncio.to_thread(missing):
        app.tell(f"nothing goes to Prometheus, or comes from there, without: {what}", bad=True)
        return None
    desk_class = await asyncio.to_thread(_import_prometheus_desk)

    desk = desk_class(server, engine)
    app.attach_prometheus(desk)
    return desk


def _import_prometheus_desk() -> type[PrometheusDesk]:
    from distdiag_tui.service.prometheus_desk import PrometheusDesk  # noqa: PLC0415

    return PrometheusDesk


def _make_diagnoser() -> tuple[Diagnoser, str]:
    from distdiag_tui.learning.use import diagnoser_in_use  # noqa: PLC0415

    return diagnoser_in_use()


def _import_desk() -> tuple[type[Desk], type[Workloads]]:
    from distdiag_tui.service.desk import Desk  # noqa: PLC0415
    from distdiag_tui.service.workloads import Workloads  # noqa: PLC0415

    return Desk, Workloads


def _make_incident_desk(target: Target) -> IncidentDesk:
    from distdiag_tui.incidents.store import open_store  # noqa: PLC0415
    from distdiag_tui.service.incident_desk import IncidentDesk  # noqa: PLC0415

    return IncidentDesk(target.cluster, target, open_store())


def _make_anomaly_desk(target: Target, asks: bool) -> AnomalyDesk:
    from distdiag_tui.config import longest_anomaly  # noqa: PLC0415
    from distdiag_tui.service.anomalies import Anomalies  # noqa: PLC0415
    from distdiag_tui.service.anomaly_desk import AnomalyDesk  # noqa: PLC0415

    return AnomalyDesk(Anomalies(target, longest=longest_anomaly()), asks=asks)


def _import_app() -> type[ConsoleApp]:
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from distdiag_tui.ui.app import ConsoleApp  # noqa: PLC0415

    return ConsoleApp
