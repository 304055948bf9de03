"""`distdiag connect` and `distdiag demo`: the console on a cluster."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distdiag_tui.model.target import Target
from distdiag_tui.ui.launch import ConsoleOptions, run_console
from distdiag_tui.ui.terminal import require_terminal

if TYPE_CHECKING:
    from distdiag_tui.lab.cluster import Lab


def run_connect(target: Target, options: ConsoleOptions) -> None:
    """Show the console until the user leaves."""
    asyncio.run(run_console(target, options))


@dataclass(frozen=True, slots=True)
class Demo:
    """`nodes` None: as many as the lab has, else 3; `load`: options of the built-in load, None for no load;
    `keep`: leave the lab up."""

    nodes: int | None
    load: Mapping[str, object] | None
    keep: bool


def run_demo(demo: Demo, options: ConsoleOptions) -> None:
    """Lab up, built-in load, console; afterwards everything that was started here is stopped again."""
    from distdiag_tui.cli.lab import end_injections, progress, tell  # noqa: PLC0415
    from distdiag_tui.lab.cluster import Lab  # noqa: PLC0415

    require_terminal()
    lab = Lab(notice=tell)
    ours = not demo.keep and not _is_there(lab)
    try:
        if ours:
            _leave_in_order()
        with progress() as report:
            asyncio.run(lab.up(demo.nodes, None, report))
        asyncio.run(_console_with_load(lab if ours else None, demo.load, options))
    finally:
        if ours and _is_there(lab):
            end_injections(lab.home)
            tell("stopping the lab; its data stays for the next time")
            asyncio.run(lab.down())


def _is_there(lab: Lab) -> bool:
    """Whether any node runs, starts, or is frozen."""
    return any(node.pid is not None for node in lab.status())


def _leave_in_order() -> None:
    """On TERM, and when the terminal closes: the console's own ways come only with it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))


async def _console_with_load(
    ours: Lab | None, load: Mapping[str, object] | None, options: ConsoleOptions
) -> None:
    from distdiag_tui.config import resolve_target  # noqa: PLC0415
    from distdiag_tui.service.workloads import Wish, Workloads  # noqa: PLC0415

    target = resolve_target("lab")
    workloads = Workloads(target)
    try:
        if load is not None:
            await workloads.start(Wish("oltp", ("prepare", "run"), load))
        last_words = ours.terminate if ours is not None else options.last_words
        await run_console(target, replace(options, workloads=workloads, last_words=last_words))
    finally:
        for process in workloads.active():
            await process.stop()
