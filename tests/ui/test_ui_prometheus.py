"""What Prometheus adds to the screen: how writing goes, and hours and days of a metric."""

from __future__ import annotations

import asyncio
from typing import cast
from unittest.mock import patch

import numpy as np
import pytest
from staged import WIDE, Stage, console_of, press, row_with, rows_of, settled, text_of
from textual.pilot import Pilot

from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.metrics import Metric
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Subject
from distdiag_tui.prometheus.status import WriteStatus, Writing
from distdiag_tui.prometheus.windows import Window
from distdiag_tui.service.prometheus_desk import PrometheusDesk, PrometheusStatus


class StagedPrometheus:
    """Says what a test wants."""

    def __init__(self) -> None:
        self.status = PrometheusStatus(WriteStatus(Writing.ON, lag=1.2))
        self.asked: list[tuple[str, float]] = []
        self.answer: dict[str, float] = {"n1": 5.0, "n2": 7.0}
        self.error = ""
        self.answers = asyncio.Event()  # cleared, it takes until it is set
        self.answers.set()

    def take(self, snapshot: Snapshot) -> None:
        """One tick more."""

    async def window(self, metric: Metric, subject: Subject, seconds: float, points: int) -> Window:
        """Of some servers."""
        self.asked.append((metric.id, seconds))
        await self.answers.wait()
        if self.error:
            raise PrometheusError(self.error)
        step = seconds / (points - 1)
        values = {name: np.full(points, value) for name, value in self.answer.items()}
        return Window(1_700_000_000 - seconds, step, values)


def attached(pilot: Pilot[None]) -> StagedPrometheus:
    staged = StagedPrometheus()
    console_of(pilot).attach_prometheus(cast("PrometheusDesk", staged))
    return staged


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (WriteStatus(Writing.ON, lag=1.2), "Prometheus 1s"),
        (WriteStatus(Writing.ON, lag=3.0, late=2, refused=5), "Prometheus 3s, 7 refused"),
        (WriteStatus(Writing.OFF), "Prometheus receiver off"),
        (WriteStatus(Writing.UNREACHABLE), "Prometheus unreachable"),
    ],
)
async def test_the_status_line_says_how_writing_goes(status: WriteStatus, words: str) -> None:
    stage = Stage()
    async with stage.console((200, 48)) as pilot:
        attached(pilot).status = PrometheusStatus(status)
        await stage.shown(pilot)
        assert f" {words} " in text_of(pilot)


async def test_the_past_that_was_read_is_shown_at_once() -> None:
    stage = Stage()
    async with stage.console(WIDE, past=5) as pilot:
        assert console_of(pilot).scene.span == 60
        attached(pilot).status = PrometheusStatus(None, past=290.0)
        await stage.shown(pilot)
        assert console_of(pilot).scene.span == 300


async def test_w_walks_through_hours_and_days() -> None:
    stage = Stage()
    async with stage.console(WIDE) as pilot:
        staged = attached(pilot)
        await press(pilot, "2", "enter")
        for words, seconds in (("6 hours", 21600), ("1 day", 86400), ("7 days", 604800)):
            await press(pilot, "w")
            await settled(pilot)
            assert words in text_of(pilot)
            assert staged.asked[-1] == ("qps", seconds)
            assert row_with(pilot, "● n2").count("7.00 /s") == 3
        await press(pilot, "right")
        await settled(pilot)
        assert staged.asked[-1][0] == "sql_rt"
        assert "7 days" in text_of(pilot)
        await press(pilot, "w")
        assert "7 days" not in text_of(pilot)


async def test_an_answer_that_comes_too_late_is_not_shown() -> None:
    stage = Stage()
    async with stage.console(WIDE) as pilot:
        staged = attached(pilot)
        staged.answers.clear()
        await press(pilot, "2", "enter", *["w"] * 4, "right")
        staged.answers.set()
        await settled(pilot)
        assert "SQL time · SQL" in text_of(pilot)
        assert "7 days" not in text_of(pilot)
        assert "7.00" not in row_with(pilot, "● n2")


async def test_hours_are_put_into_columns_once() -> None:
    stage = Stage()
    async with stage.console(WIDE) as pilot:
        attached(pilot)
        await press(pilot, "2", "enter", "w")
        with patch.object(Window, "at", side_effect=AssertionError):
            await stage.shown(pilot, 2)
            assert row_with(pilot, "● n2").count("7.00 /s") == 3
        stage.servers = stage.servers[1:]
        await stage.shown(pilot)
        assert row_with(pilot, "● n2").count("7.00 /s") == 3


async def test_without_an_answer_the_live_span_stays_and_the_reason_is_told() -> None:
    stage = Stage()
    async with stage.console(WIDE) as pilot:
        await press(pilot, "2", "enter", "w")
        await settled(pilot)
        assert "set PROMETHEUS_URL" in rows_of(pilot)[46]
        staged = attached(pilot)
        staged.error = "Prometheus does not answer in time"
        await press(pilot, "w")
        await settled(pilot)
        assert staged.error in rows_of(pilot)[46]
        staged.error, staged.answer = "", {}
        await press(pilot, "w")
        await settled(pilot)
        assert "Prometheus has no QPS" in rows_of(pilot)[46]
        assert "6 hours" not in text_of(pilot)
