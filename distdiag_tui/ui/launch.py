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
from distdiag_tui.service.desk import Desk
from distdiag_tui.service.workloads import Workloads
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.ui.terminal import leave_with_terminal, require_terminal

if TYPE_CHECKING:
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
    workloads = options.workloads or Workloads(target)
    desk = Desk(workloads, asks=options.workloads is None)

    def last_words() -> None:
        workloads.kill()
        options.last_words()

    leave_with_terminal(last_words)
    try:
        gc.disable()  # imports make many objects that stay and hardly any garbage
        app_class = await asyncio.to_thread(_import_app)
        gc.freeze()
        gc.enable()
        app = app_class(feed, desk, options.theme)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.exit)
        sampling.add_done_callback(lambda task: app.exit() if not task.cancelled() else None)
        await app.run_async(mouse=options.mouse)
        if sampling.done() and not sampling.cancelled():
            sampling.result()
    finally:
        await asyncio.gather(feed.stop(), desk.close())


def _import_app() -> type[ConsoleApp]:
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from distdiag_tui.ui.app import ConsoleApp  # noqa: PLC0415

    return ConsoleApp
