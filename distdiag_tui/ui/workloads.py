"""The workloads pane: what can run, what is prepared, and how what runs is doing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from textual.binding import Binding, BindingType

from distdiag_tui.model.text import duration, figure
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.facts import Fact, fact_lines, rule
from distdiag_tui.ui.messages import KindOrdered
from distdiag_tui.ui.spark import bars, nice_ceiling

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.service.desk import KindView
    from distdiag_tui.ui.scene import Scene
    from distdiag_tui.workloads.journal import RunRecord
    from distdiag_tui.workloads.report import IntervalReport

NAME: Final = 9
ROOMY: Final = 66  # cells from which every figure has room
GLYPHS: Final = {"running": "▶", "failed": "✗", "stopped": "■", "done": "■"}
STYLES: Final = {"running": "busy", "failed": "bad"}
BAR: Final = 10  # cells of a progress bar

KEYS: Final = (("⏎", "start or change"), ("x", "stop"), ("[ ]", "threads"), ("n", "new"), ("v", "verify"),
               ("c", "clean up"), ("Tab", "pane"), ("?", "help"), ("q", "quit"))  # fmt: skip


class WorkloadsPane(ScenePane):
    """One row a kind, and below them what is known about the selected one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x,delete", "order('stop')", "stop", show=False),
        Binding("right_square_bracket", "order('more')", "more threads", show=False),
        Binding("left_square_bracket", "order('fewer')", "fewer threads", show=False),
        Binding("n", "order('new')", "another run", show=False),
        Binding("v", "order('verify')", "verify the data", show=False),
        Binding("c", "order('cleanup')", "clean up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="workloads")
        self._chosen = 0

    @property
    def chosen(self) -> KindView | None:
        """The selected kind."""
        views = self._scene.workloads
        return views[min(self._chosen, len(views) - 1)] if views else None

    def action_move(self, _: int, rows: int) -> None:
        """Up and down."""
        self._chosen = min(max(0, len(self._scene.workloads) - 1), max(0, self._chosen + rows))
        self.redraw()

    def action_open(self) -> None:
        """Start the selected workload, or change it while it runs."""
        self.action_order("open")

    def action_order(self, order: str) -> None:
        """Ask the app to do something with the selected workload."""
        if self.chosen is not None:
            self.post_message(KindOrdered(order, self.chosen))

    def redraw(self) -> None:
        """Draw the rows and the details."""
        width, height = self.size
        self.entitle("Workloads", _running_words(self._scene.workloads))
        if width < NAME + 4 or height < 1:
            return
        views, chosen = self._scene.workloads, self.chosen
        if chosen is None:
            self.draw([(Run("…", "muted"),)])
            return
        first = max(0, self._chosen - height + 1)
        shown = views[first : first + height]
        lines = [_row(view, width, chosen=self._name_style(view is chosen)) for view in shown]
        if height > len(views) + 1:
            lines.append(rule(width))
            lines += fact_lines(_facts(chosen, self._scene), width)
        lines += [(Run(" " * width),)] * (height - len(lines))
        self.draw(lines[:height])

    def _name_style(self, chosen: bool) -> str:
        if not chosen:
            return "title"
        return "chosen" if self.has_focus else "chosen-muted"


def _running_words(views: tuple[KindView, ...]) -> str:
    active = sum(view.active for view in views)
    return f"{active} running" if active else ""


def _row(view: KindView, width: int, *, chosen: str) -> Line:
    """One kind in exactly `width` cells."""
    run = view.run
    glyph, style = _glyph(view)
    head = (Run(f"{glyph} ", style), Run(fit(view.kind.id, NAME), chosen), Run(" "))
    room = width - NAME - 3
    if run is None or (not run.active and run.phase != "failed"):
        return (*head, Run(fit(_idle_words(view), room), "muted"))
    if run.phase == "failed":
        return (*head, Run(fit(f"failed: {run.message}", room), "bad"))
    if run.phase != "running":
        return (*head, *_progress(run, room))
    return (*head, *_figures(view, room))


def _glyph(view: KindView) -> tuple[str, str]:
    if view.run is None:
        return " ", ""
    if view.active and view.run.phase != "running":
        return "◔", "busy"
    return GLYPHS[view.run.phase], STYLES.get(view.run.phase, "muted")


def _idle_words(view: KindView) -> str:
    if view.prepared is None:
        return "not installed" if view.missing else "not prepared"
    from distdiag_tui.workloads.options import worded  # noqa: PLC0415  not needed for a start

    state = "" if view.prepared.ready else "half prepared: "
    where = f" on {', '.join(view.where)}" if view.where else ""
    return f"{state}{worded(view.prepared.sizes)}{where}"


def _progress(run: RunRecord, room: int) -> Line:
    """A bar, the percentage, and which step it is."""
    full = round(run.fraction * BAR)
    bar = "█" * full + "░" * (BAR - full)
    words = fit(f" {run.fraction:4.0%} {run.phase}", room - BAR)
    return (Run(bar, "busy"), Run(words, "value"))


def _figures(view: KindView, room: int) -> Line:
    """Threads, throughput, latency, and a sparkline in what is left."""
    report = view.run.report if view.run else None
    if report is None:
        return (Run(fit("starting", room), "muted"),)
    cells = f"{report.threads:>3}× {_words(report.tps, ''):>6} tps"
    latency = f" {_words(_known(report.p95), 's'):>7}"
    if room >= ROOMY - NAME:
        errors = sum(report.errors.values())
        latency = f" p95{latency}  errors {errors:<4}  {duration(report.elapsed):>6}"
    spark = room - len(cells) - len(latency) - 1
    if spark < 4:
        return (Run(fit(cells + latency, room), "value"),)
    return (Run(cells, "value"), Run(" "), Run(_spark(view.past, spark), "spark"), Run(latency, "value"))


def _words(value: float, unit: str) -> str:
    return " ".join(figure(value, unit)).strip()


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _spark(past: tuple[float, ...], width: int) -> str:
    shown = np.array(past[-width:], dtype=float)
    if not len(shown):
        return " " * width
    return bars(shown, nice_ceiling(float(shown.max())))[0].rjust(width)


def _facts(view: KindView, scene: Scene) -> list[Fact]:
    """What is known about one kind."""
    facts = [*_run_facts(view, scene.snapshot), ("data", _data_words(view))]
    return [*facts, ("", scene.trouble)] if scene.trouble else facts


def _data_words(view: KindView) -> str:
    if view.missing and view.prepared is None:
        return view.missing
    return _idle_words(view) if view.prepared is not None else "not prepared"


def _run_facts(view: KindView, snapshot: Snapshot | None) -> list[Fact]:
    run = view.run
    if run is None:
        return [("what", view.kind.about)]
    if run.phase == "failed":
        return [("", run.message)]
    now = snapshot.time if snapshot else run.started
    span = duration((run.ended or now) - (run.running_since or run.started))
    lines = [("state", f"{run.phase} {span}  ({run.id})")]
    if where := _where(run, snapshot):
        lines.append(("servers", where))
    if run.note:
        lines.append(("note", run.note))
    if run.words:
        lines.append(("at" if run.active else "result", run.words))
    return lines + (_report_facts(run.report) if run.report is not None else [])


def _where(run: RunRecord, snapshot: Snapshot | None) -> str:
    """The servers a run keeps to, "" for all of them."""
    names = {server.address: server.name for server in snapshot.servers} if snapshot else {}
    return "" if set(names) <= set(run.servers) else ", ".join(names.get(a, a) for a in run.servers)


def _report_facts(report: IntervalReport) -> list[Fact]:
    times = " ".join(_words(_known(value), "s") for value in (report.p50, report.p95, report.p99))
    lines = [("p50 95 99", times)]
    extra = "  ".join(f"{name} {_words(value, '')}" for name, value in report.figures.items())
    if extra:
        lines.append(("measured", extra))
    errors = " ".join(f"{key}×{count}" for key, count in report.errors.items()) or "none"
    back = f", {report.reconnects} reconnects" if report.reconnects else ""
    return [*lines, ("errors", errors + back)]
