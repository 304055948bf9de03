"""`distdiag connect` and `distdiag demo`: the console on a cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distdiag_tui.model.target import Target
from distdiag_tui.model.text import figure
from distdiag_tui.ui.launch import ConsoleOptions, run_console
from distdiag_tui.ui.terminal import require_terminal

if TYPE_CHECKING:
    from distdiag_tui.lab.cluster import Lab
    from distdiag_tui.workloads.oltp.config import OltpConfig
    from distdiag_tui.workloads.report import IntervalReport
    from distdiag_tui.workloads.runner import LoadProcess


def run_connect(target: Target, options: ConsoleOptions) -> None:
    """Show the console until the user leaves."""
    asyncio.run(run_console(target, options))


@dataclass(frozen=True, slots=True)
class Demo:
    """`nodes` None: as many as the lab has, else 3; `load` None: no load; `keep`: leave the lab up."""

    nodes: int | None
    load: OltpConfig | None
    keep: bool


def run_demo(demo: Demo, options: ConsoleOptions) -> None:
    """Lab up, built-in load, console; afterwards everything that was started here is stopped again."""
    from distdiag_tui.cli.lab import progress, tell  # noqa: PLC0415
    from distdiag_tui.lab.cluster import Lab  # noqa: PLC0415

    require_terminal()
    lab = Lab(notice=tell)
    ours = not demo.keep and not any(node.state == "running" for node in lab.status())
    try:
        with progress() as report:
            asyncio.run(lab.up(demo.nodes, None, report))
        asyncio.run(_console_with_load(lab if ours else None, demo.load, options))
    finally:
        if ours:
            tell("stopping the lab; its data stays for the next time")
            asyncio.run(lab.down())


async def _console_with_load(ours: Lab | None, config: OltpConfig | None, options: ConsoleOptions) -> None:
    from distdiag_tui.lab.state import lab_target  # noqa: PLC0415
    from distdiag_tui.workloads.runner import LoadProcess  # noqa: PLC0415

    target = lab_target()
    load = LoadProcess()
    words = LoadWords(load)
    if config is not None:
        await load.start(target, config)
    reading = asyncio.create_task(words.read())

    def last_words() -> None:
        load.kill()
        if ours is not None:
            ours.terminate()

    try:
        await run_console(target, replace(options, load_words=words, last_words=last_words))
    finally:
        reading.cancel()
        await load.stop()


class LoadWords:
    """What the status line says of a load."""

    def __init__(self, load: LoadProcess) -> None:
        self._load = load
        self._last: IntervalReport | None = None

    async def read(self) -> None:
        """Follow the load's reports to its end."""
        async for report in self._load.reports():
            self._last = report

    def __call__(self) -> str:
        """A few words, or none while there is no load."""
        state = self._load.state
        if state.phase == "preparing":
            return f"load: preparing tables {state.fraction:.0%}"
        if state.phase == "failed":
            return f"load failed: {state.message}"
        if state.phase != "running" or self._last is None:
            return ""
        tps, p95 = self._last.tps, " ".join(figure(self._last.p95, "s"))
        return f"load {self._last.threads}× {tps:.0f} tps p95 {p95}"
