"""Start the console quickly: the cluster is sampled while the screen's code is still being loaded."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distdiag_tui.engine import Engine
from distdiag_tui.feed import Feed
from distdiag_tui.model.target import Target
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.ui.terminal import leave_with_terminal, require_terminal

if TYPE_CHECKING:
    from distdiag_tui.service.desk import Desk
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


async def run_console(target: Target, options: ConsoleOptions) -> None:
    """Show the console until the user leaves. DistdiagError without a terminal."""
    require_terminal()
    feed = Feed(Engine(LiveSource(target, options.interval), target.cluster, production=target.production))
    sampling = feed.start()
    desks: list[Desk] = []

    def last_words() -> None:
        for desk in desks:
            desk.workloads.kill()
        options.last_words()

    leave_with_terminal(last_words)
    opening: asyncio.Task[None] | None = None
    try:
        gc.disable()  # imports make many objects that stay and hardly any garbage
        app_class = await asyncio.to_thread(_import_app)
        gc.freeze()
        gc.enable()
        app = app_class(feed, options.theme)
        opening = asyncio.create_task(_open_desk(app, target, options, desks))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.exit)
        sampling.add_done_callback(lambda task: app.exit() if not task.cancelled() else None)
        await app.run_async(mouse=options.mouse)
        for task in (sampling, opening):
            if task.done() and not task.cancelled():
                task.result()
    finally:
        if opening is not None:
            opening.cancel()
        await asyncio.gather(feed.stop(), *(desk.close() for desk in desks))


async def _open_desk(app: ConsoleApp, target: Target, options: ConsoleOptions, desks: list[Desk]) -> None:
    """The workloads, once there is something to see; `desks` gets the desk at once."""
    await app.drawn.wait()
    desk_class, workloads_class = await asyncio.to_thread(_import_desk)
    desk = desk_class(options.workloads or workloads_class(target), asks=options.workloads is None)
    desks.append(desk)
    app.attach(desk)


def _import_desk() -> tuple[type[Desk], type[Workloads]]:
    from distdiag_tui.service.desk import Desk  # noqa: PLC0415
    from distdiag_tui.service.workloads import Workloads  # noqa: PLC0415

    return Desk, Workloads


def _import_app() -> type[ConsoleApp]:
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from distdiag_tui.ui.app import ConsoleApp  # noqa: PLC0415

    return ConsoleApp
