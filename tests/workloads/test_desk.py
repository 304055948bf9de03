"""What the console shows of workloads, made from the records of runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.service.desk import Desk
from distdiag_tui.service.workloads import Workloads
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess, Order

RUN = RunRecord("oltp-1", "oltp", "shop", ("n1:1",), ("prepare", "run"), {}, 10.0, phase="preparing")


class Recorded(Workloads):
    """Workloads whose records the test gives."""

    def __init__(self) -> None:
        super().__init__(Target("shop", (Endpoint("n1", 1), Endpoint("n2", 1))), Journal(Path("/nowhere")))
        self.records: list[RunRecord] = []

    def runs(self) -> list[RunRecord]:
        """These."""
        return self.records


class Counting(Desk):
    """Counts how often the cluster is asked."""

    asked = 0

    def ask(self) -> None:
        """Only counted."""
        self.asked += 1


def test_the_cluster_is_asked_anew_when_a_run_gets_to_another_step() -> None:
    workloads = Recorded()
    desk = Counting(workloads)
    for phase in ("preparing", "preparing", "running", "running", "done", "done"):
        workloads.records = [replace(RUN, phase=phase)]
        desk.look()
    assert desk.asked == 3


def test_a_row_for_each_run_that_goes_on_else_one_with_the_latest() -> None:
    workloads = Recorded()
    desk = Counting(workloads)
    other = replace(RUN, id="oltp-2", phase="running", started=11.0)
    workloads.records = [RUN, other]
    desk.look()
    assert [view.run.id for view in desk.views if view.run] == ["oltp-1", "oltp-2"]
    workloads.records = [replace(RUN, phase="done"), replace(other, phase="failed")]
    desk.look()
    assert [view.run.id for view in desk.views if view.run] == ["oltp-2"]
    assert [view.kind.id for view in desk.views] == ["oltp", "sysbench", "tpcc", "tpch"]


def test_what_a_run_would_not_do_is_given_once() -> None:
    workloads = Recorded()
    process = LoadProcess(Order(workloads.target, RUN))
    workloads.own[RUN.id] = process
    desk = Counting(workloads)
    process.refusal = "half a transaction"
    assert desk.refusals() == ["oltp-1: half a transaction"]
    assert desk.refusals() == []


def test_marks_and_the_past_of_a_run() -> None:
    workloads = Recorded()
    desk = Counting(workloads)
    run = replace(RUN, phase="running", running_since=12.0)
    for second, tps in ((13.0, 50.0), (13.0, 50.0), (14.0, 60.0)):
        workloads.records = [replace(run, report=IntervalReport(second, second - 12, 8, tps, 900.0))]
        desk.look()
    assert desk.views[0].past == (50.0, 60.0)  # a report that was seen before counts once
    workloads.records = [replace(run, phase="done", ended=15.0)]
    desk.look()
    assert [(mark.time, mark.glyph, mark.words) for mark in desk.marks] == [
        (12.0, "▶", "oltp"),
        (15.0, "■", "oltp"),
    ]
