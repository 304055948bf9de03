"""Consoles of one user on one machine: one of them writes, and the next one goes on where it ends."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from receiver import Receiver, becomes, receiver
from told import Ticks

from distdiag_tui.model.target import Secret
from distdiag_tui.prometheus import turn as turns
from distdiag_tui.prometheus import writer as writers
from distdiag_tui.prometheus.status import Writing
from distdiag_tui.prometheus.turn import Turn
from distdiag_tui.prometheus.writer import instance
from distdiag_tui.service import prometheus_desk
from distdiag_tui.service.prometheus_desk import PrometheusDesk

OTHER = """
import asyncio, sys
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.prometheus.turn import Turn
print(asyncio.run(Turn(PrometheusServer(sys.argv[1]), "shop").come()), flush=True)
sys.stdin.read()
"""


class Console:
    """A desk, and the engine before it."""

    def __init__(self, found: Receiver, cluster: str, token: str = "") -> None:
        self.ticks = Ticks(cluster=cluster)
        self.desk = PrometheusDesk(replace(found.server, token=Secret(token)), self.ticks.engine)
        assert self.desk._writer is not None
        self.desk._writer._every = 0.02
        self.desk.take(self.ticks.next())

    @property
    def state(self) -> Writing:
        assert self.desk.status.writing is not None
        return self.desk.status.writing.state


def points(found: Receiver, cluster: str) -> list[tuple[int, float]]:
    return list(found.points("distdiag_tick_interval_seconds", cluster=cluster))


async def test_one_writes_and_the_next_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_desk, "AGAIN", 0.02)
    async with receiver() as found:
        first = Console(found, "shop")
        await becomes(lambda: first.state is Writing.ON)
        second, elsewhere = Console(found, "shop"), Console(found, "stock")
        await becomes(lambda: second.state is Writing.ELSEWHERE)
        await becomes(lambda: elsewhere.state is Writing.ON)
        status = second.desk.status
        assert (status.words, status.bad) == ("Prometheus fed by another console", False)
        for _ in range(3):
            second.desk.take(second.ticks.next())
        await first.desk.close()
        await becomes(lambda: second.state is Writing.ON)
        before = points(found, "shop")
        latest = second.ticks.next()
        second.desk.take(latest)
        await becomes(lambda: len(points(found, "shop")) > len(before))
        assert [moment for moment, _ in points(found, "shop")[len(before) :]] == [round(latest.time * 1000)]
        await second.desk.close()
        await elsewhere.desk.close()
        whose = {dict(key)["instance"] for key in found.taken}
        assert whose == {instance()}


async def test_one_that_is_stopped_by_hand_lets_the_next_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_desk, "AGAIN", 0.02)
    async with receiver() as found:
        first = Console(found, "shop")
        await becomes(lambda: first.state is Writing.ON)
        second = Console(found, "shop")
        await becomes(lambda: second.state is Writing.ELSEWHERE)
        first.desk.pause()
        first.desk.take(first.ticks.next())
        await becomes(lambda: second.state is Writing.ON)
        first.desk.resume()
        await becomes(lambda: first.state is Writing.ELSEWHERE)
        second.desk.pause()
        await becomes(lambda: first.state is Writing.ON)
        before = points(found, "shop")
        latest = first.ticks.next()
        first.desk.take(latest)
        await becomes(lambda: len(points(found, "shop")) > len(before))
        assert [moment for moment, _ in points(found, "shop")[len(before) :]] == [round(latest.time * 1000)]
        first.desk.resume()  # it was not stopped
        await second.desk.close()
        await first.desk.close()


async def test_one_that_is_refused_lets_another_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the console that was begun once the password in the configuration was right."""
    monkeypatch.setattr(prometheus_desk, "AGAIN", 0.02)
    monkeypatch.setattr(writers, "BACK_OFF", (0.1, 0.1))
    async with receiver() as found:

        def only_the_right_one() -> web.Response:
            return web.Response(status=204 if found.headers[-1]["Authorization"] == "Bearer right" else 401)

        found.always = only_the_right_one
        first = Console(found, "shop", "wrong")
        await becomes(lambda: first.state is Writing.REFUSED)
        second = Console(found, "shop", "right")
        await becomes(lambda: second.state is Writing.ON)
        await becomes(lambda: first.state is Writing.ELSEWHERE)
        await second.desk.close()
        await becomes(lambda: first.state is Writing.REFUSED)
        await first.desk.close()


async def test_another_process_keeps_it_until_it_dies() -> None:
    async with receiver() as found:
        command = [sys.executable, "-c", OTHER, found.server.url]
        other = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        try:
            assert other.stdout is not None
            assert await other.stdout.readline() == b"True\n"
            turn = Turn(found.server, "shop")
            assert (await turn.come(), turn.held) == (False, False)
            labelled = Turn(replace(found.server, labels={"replica": "b"}), "shop")
            assert await labelled.come()
            labelled.release()
        finally:
            other.kill()
            await other.wait()
        assert await turn.come()
        turn.release()
        assert turn.held is None


async def test_without_a_state_folder_it_is_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(turns, "state_folder", lambda name: tmp_path / "file" / name)
    async with receiver() as found:
        assert await Turn(found.server, "shop").come()


def test_users_of_one_machine_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    ann = instance()
    monkeypatch.setenv("LOGNAME", "bob")
    assert (ann.partition("@")[0], instance().partition("@")[0]) == ("ann", "bob")
