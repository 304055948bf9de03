"""The console application: snapshots and keys become scenes, which screens draw."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.style import Style
from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from distdiag_tui.feed import Feed
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.ui.actions import ACTIONS, bindings
from distdiag_tui.ui.colourless import Colourless
from distdiag_tui.ui.happenings import event_marks
from distdiag_tui.ui.messages import (
    AnomalyOrdered,
    IncidentOrdered,
    KindOrdered,
    MetricOpened,
    SubjectChosen,
    SubjectWanted,
    Ticked,
    TopologyOrdered,
)
from distdiag_tui.ui.overlay import Overlay
from distdiag_tui.ui.palette import styles
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.screens import PANES, ExactScreen, MainScreen
from distdiag_tui.ui.themes import DEFAULT, FOR_FEW_COLOURS, find_theme, load_theme, theme_files
from distdiag_tui.ui.topology import TopologyPane

if TYPE_CHECKING:
    from distdiag_tui.model.marks import Mark
    from distdiag_tui.service.anomaly_desk import AnomalyDesk
    from distdiag_tui.service.desk import Desk
    from distdiag_tui.service.incident_desk import IncidentDesk
    from distdiag_tui.service.prometheus_desk import PrometheusDesk
    from distdiag_tui.ui.diagnosing import Diagnosing
    from distdiag_tui.ui.injecting import Injecting
    from distdiag_tui.ui.ordering import Ordering

NOTICE_SECONDS: Final = 8.0


class ConsoleApp(App[None]):
    """The console on a feed.

    Without a `theme` it takes one that suits the terminal.
    """

    CSS_PATH = "app.tcss"
    TITLE = "distdiag"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, feed: Feed, theme: str = "") -> None:
        super().__init__()
        self._feed = feed
        self._ordering: Ordering | None = None  # until there is a desk: it is not needed for a start
        self._injecting: Injecting | None = None  # as well
        self._diagnosing: Diagnosing | None = None  # as well
        self.prometheus: PrometheusDesk | None = None  # where one is configured
        self.drawn = asyncio.Event()  # set once the first snapshot is on the screen
        self.looks: dict[str, Style] = {}  # by name, see palette.LOOKS
        self.scene = Scene()
        self.marks: tuple[Mark, ...] = ()  # those that are known from the start, as in a recording
        self._first = 0.0  # epoch s of the first snapshot
        self._fading: asyncio.TimerHandle | None = None  # ends the notice in the scene
        self.main = MainScreen()
        if self.no_color:
            self._filters[:] = [Colourless()]
        few_colours = self.console.color_system == "standard"
        fitting = FOR_FEW_COLOURS if few_colours else DEFAULT
        self._begin_with(load_theme(find_theme(theme or fitting)))

    def attach(self, desk: Desk) -> None:
        """From now on workloads are shown, and can be started."""
        from distdiag_tui.ui.ordering import Ordering  # noqa: PLC0415  not needed for a start

        self._ordering = Ordering(self, desk)
        desk.ask()

    def attach_anomalies(self, desk: AnomalyDesk) -> None:
        """From now on anomalies are shown, and can be injected."""
        from distdiag_tui.ui.injecting import Injecting  # noqa: PLC0415  not needed for a start

        self._injecting = Injecting(self, desk)
        desk.begin()

    def attach_incidents(self, desk: IncidentDesk, *, asks: bool = True) -> None:
        """From now on incidents are shown; without `asks` there is no server to ask, as in a replay."""
        from distdiag_tui.ui.diagnosing import Diagnosing  # noqa: PLC0415  not needed for a start

        self._diagnosing = Diagnosing(self, desk, asks=asks)
        desk.begin()

    def attach_prometheus(self, desk: PrometheusDesk) -> None:
        """From now on it is given what is sampled, and shown how that goes."""
        self.prometheus = desk
        if self.scene.snapshot is not None:
            desk.take(self.scene.snapshot)

    def get_default_screen(self) -> Screen[None]:
        """The main screen."""
        return self.main

    def on_mount(self) -> None:
        """From now on every snapshot becomes a message; the first one is often there already."""
        self._feed.listen(lambda snapshot: self.post_message(Ticked(snapshot)))
        self.app_suspend_signal.subscribe(self, self._about_to_stop, immediate=True)
        self.app_resume_signal.subscribe(self, self._go_on)

    def _about_to_stop(self, _: object) -> None:
        if self.prometheus is not None:
            self.prometheus.pause()

    def _go_on(self, _: object) -> None:
        if self.prometheus is not None:
            self.prometheus.resume()

    # -- what comes in ------------------------------------------------------------------------------

    @on(Ticked)
    def _take(self, event: Ticked) -> None:
        self._first = self._first or event.snapshot.time
        if self._ordering is not None:
            self._ordering.look()
        if self._injecting is not None:
            self._injecting.desk.take(event.snapshot)
        if self._diagnosing is not None:
            self._diagnosing.desk.take(event.snapshot)
        if self.prometheus is not None:
            self.prometheus.take(event.snapshot)
        if not self.drawn.is_set():
            self.call_after_refresh(self.drawn.set)
        if not self.scene.paused:
            past = 0.0 if self.prometheus is None else self.prometheus.status.past
            self._set(self.scene.with_snapshot(event.snapshot, event.snapshot.time - self._first + past))
        elif self._injecting is not None or self._diagnosing is not None:
            self._set(self.scene)  # the picture is held, but what is injected, or wrong, must be seen

    @on(KindOrdered)
    def _order(self, event: KindOrdered) -> None:
        if self._ordering is not None:
            self._ordering.order(event.order, event.view)

    @on(AnomalyOrdered)
    def _order_anomaly(self, event: AnomalyOrdered) -> None:
        if self._injecting is not None:
            self._injecting.order(event.order, event.row, event.severity)

    @on(IncidentOrdered)
    def _order_incident(self, event: IncidentOrdered) -> None:
        if self._diagnosing is not None:
            self._diagnosing.order(event.order, event.incident)

    async def write_note(self, incident: str) -> None:
        """Let the person write a note on an incident; returns when the next key goes there."""
        if self._diagnosing is not None:
            await self._diagnosing.write_note(incident)

    @on(SubjectChosen)
    def _choose(self, event: SubjectChosen) -> None:
        self._set(replace(self.scene, subject=event.subject))

    @on(TopologyOrdered)
    def _look_further(self, event: TopologyOrdered) -> None:
        from distdiag_tui.ui.looking import look  # noqa: PLC0415  not needed for a start

        look(self, event.order)

    async def pick_order(self) -> None:
        """Let the person pick an order of servers; returns when the next key goes there."""
        from distdiag_tui.ui.looking import pick_order  # noqa: PLC0415  not needed for a start

        if self.scene.snapshot is not None:
            await pick_order(self)

    @on(SubjectWanted)
    async def _go(self, event: SubjectWanted) -> None:
        await self.action_back()
        self.main.activate("topology")
        if not self.main.topology.reveal(event.subject):
            self.tell(f"{event.subject.title} is in no row of the topology as it is now")

    @on(MetricOpened)
    def _open_metric(self, event: MetricOpened) -> None:
        from distdiag_tui.ui.detail import MetricScreen  # noqa: PLC0415  not needed for a start

        self.push_screen(MetricScreen(event.metric, self.scene))

    def _set(self, scene: Scene) -> None:
        marks = list(self.marks)
        if scene.snapshot is not None and scene.snapshot.events:
            marks += event_marks(scene.snapshot, scene.subject)
        if self._ordering is not None:
            desk = self._ordering.desk
            scene = replace(scene, workloads=desk.views, trouble=desk.trouble)
            marks += desk.marks
        if self._injecting is not None:
            board = self._injecting.desk.board
            scene = replace(scene, board=board)
            marks += board.marks
        if self._diagnosing is not None:
            scene = replace(scene, incidents=self._diagnosing.desk.board)
        if self.prometheus is not None:
            scene = replace(scene, prometheus=self.prometheus.status)
        self.scene = replace(scene, marks=tuple(sorted(marks, key=lambda mark: mark.time)))
        top = next(screen for screen in reversed(self.screen_stack) if isinstance(screen, ExactScreen))
        top.show(self.scene)  # a change below it would repaint all of it
        if isinstance(self.screen, Overlay):
            self.screen.show(self.scene)

    # -- keys ---------------------------------------------------------------------------------------

    def action_move(self, columns: int, rows: int) -> None:
        """Move the selection of the active pane."""
        if self.screen is self.main:
            self.main.active.action_move(columns, rows)

    def action_open(self) -> None:
        """From the topology to the metrics, from a metric, workload or incident to its own screen."""
        if self.screen is not self.main:
            return
        if isinstance(self.main.active, TopologyPane):
            self.main.activate("metrics")
        else:
            self.main.active.action_open()

    def action_switch(self, step: int = 1) -> None:
        """The next pane, or the one before."""
        if self.screen is self.main:
            self.main.switch(step)

    def action_pane(self, name: str) -> None:
        """A pane by name."""
        if self.screen is self.main:
            self.main.activate(name)

    async def action_back(self) -> None:
        """Leave the screen of a metric; the one below catches up. A second key finds that it is left."""
        if self.screen is not self.main:
            await self.pop_screen()
            self._set(self.scene)

    def action_zoom(self, step: int) -> None:
        """A longer or shorter time span."""
        self._set(self.scene.zoomed(step))

    def action_pause(self) -> None:
        """Hold the picture, or go on with the newest."""
        paused = not self.scene.paused
        snapshot = self.scene.snapshot if paused else self._feed.latest
        self._set(replace(self.scene, paused=paused, snapshot=snapshot))

    def action_every(self) -> None:
        """All metrics, or those of the first look."""
        self.main.metrics.toggle_every()

    def action_worst(self) -> None:
        """Select the server that needs attention first."""
        self.main.topology.choose_worst()

    async def action_filter(self) -> None:
        """Narrow the active pane."""
        if self.screen is self.main:
            await self.main.open_filter()

    async def action_quit(self) -> None:
        """Leave."""
        from distdiag_tui.ui.leaving import Leaving  # noqa: PLC0415  not needed for a start

        workloads = self._ordering.desk if self._ordering is not None else None
        anomalies = self._injecting.desk if self._injecting is not None else None
        Leaving(self, workloads, anomalies).begin()

    def tell(self, words: str, *, bad: bool = False) -> None:
        """Words for the person, which go away by themselves: in the status line, or if bad above the keys."""
        if self._fading is not None:
            self._fading.cancel()
        # ticks there may be no more, and a timer of Textual's would do only where it has begun itself
        self._fading = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self.call_later, self._forget)
        self._set(replace(self.scene, notice="" if bad else words, wrong=words if bad else ""))

    def _forget(self) -> None:
        self._set(replace(self.scene, notice="", wrong=""))

    def action_clear(self) -> None:
        """Clear the active pane's filter, and what is told."""
        self._forget()
        if self.screen is self.main:
            self.main.close_filter(clear=True)

    def action_help(self) -> None:
        """Show the keys."""
        from distdiag_tui.ui.help import HelpScreen  # noqa: PLC0415  not needed for a start

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    # -- themes and commands ------------------------------------------------------------------------

    def action_theme(self) -> None:
        """The next theme of our own and the user's."""
        names = list(theme_files())
        here = names.index(self.theme) if self.theme in names else -1
        before = self._fading
        next(filter(self._use_theme, (*names[here + 1 :], *names[: here + 1])), None)
        if self._fading is before:  # nothing to complain of on the way
            self.tell(f"theme {self.theme}")

    def _begin_with(self, theme: Theme) -> None:
        """Set the first theme without what a change of theme sets off: nothing is styled yet."""
        self.register_theme(theme)
        self.set_reactive(ConsoleApp.theme, theme.name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.looks = styles(self.theme_variables)

    def _use_theme(self, name: str) -> bool:
        """Whether it can be used: what is wrong with a theme of the user's own is told, and all goes on."""
        try:
            theme = load_theme(find_theme(name))
        except ConfigError as error:
            self.tell(str(error), bad=True)
            return False
        self.register_theme(theme)
        self.theme = name
        self.looks = styles(self.get_css_variables())  # `theme_variables` is still the last theme's
        return True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action by name, where the panes are in sight theirs too, and every theme."""
        for action in ACTIONS:
            if name := action.name or action.bar:
                run = partial(self.call_later, self.run_action, action.action)
                yield SystemCommand(name, action.about, run)
        if screen is self.main:
            yield from self._commands_of_panes()
        yield SystemCommand("screenshot", "Save the screen as an SVG file here.", self.action_save_screenshot)
        for name in theme_files():
            yield SystemCommand(f"theme {name}", "Use this theme.", lambda name=name: self._use_theme(name))

    def action_save_screenshot(self) -> None:
        """Write the screen as SVG into the current folder and say where."""
        try:
            self.tell(f"saved {self.save_screenshot()}")
        except OSError as error:
            self.tell(f"the screen is not saved: {error}", bad=True)

    def _commands_of_panes(self) -> Iterator[SystemCommand]:
        for name, pane in zip(PANES, self.main.panes, strict=True):
            for binding in pane.BINDINGS:
                if isinstance(binding, Binding) and binding.description:
                    run = partial(self.call_later, self._act_in, name, binding.action)
                    yield SystemCommand(f"{name}: {binding.description}", "", run)

    async def _act_in(self, name: str, action: str) -> None:
        self.main.activate(name)
        await self.main.active.run_action(action)
