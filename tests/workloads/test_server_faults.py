"""A server that dies under a workload, while it is prepared and while it runs; in a lab of one node."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import require_extra, run, temporary_home
from live_load import alive, drop_load, finished, make_ready, served, until

from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.errors import ConnectError
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value

SMALL: dict[str, Value] = {"tables": 1, "rows": 200}
QUICK: dict[str, Value] = {"threads": 3, "rate": 60.0, "interval": 0.2}


@pytest.fixture(scope="module")
def solo() -> Iterator[Lab]:
    """A lab of one node that may be broken."""
    require_extra()
    with temporary_home() as home:
        yield Lab(home)


@pytest.fixture
async def asked(solo: Lab, tmp_path: Path) -> AsyncIterator[Workloads]:
    """The service on that node, which runs, whatever the test before did to it."""
    await heal(solo)
    async with served(lab_target(solo.home), tmp_path / "runs") as workloads:
        yield workloads


async def heal(solo: Lab) -> None:
    await asyncio.to_thread(run, solo.up(1))


def kill_server(solo: Lab) -> None:
    (node,) = solo.status()
    assert node.pid is not None
    os.kill(node.pid, signal.SIGKILL)


async def test_a_server_killed_while_it_is_prepared(asked: Workloads, solo: Lab) -> None:
    process = await asked.start(Wish("oltp", ("prepare",), {"tables": 2, "rows": 20_000}))
    await until(lambda: process.record.fraction > 0.02 or not process.record.active, 20)
    assert process.record.phase == "preparing"
    kill_server(solo)
    record = await finished(process)
    assert record.phase == "failed"
    assert record.message.startswith("n1 (127.0.0.1:")
    assert "lost" in record.message.lower() or "connect" in record.message.lower()
    assert len(record.message) < 200
    assert asked.journal.find(record.id).message == record.message
    await until(lambda: not alive(process.pid), 10)
    with pytest.raises(ConnectError, match="n1"):
        await asked.start(Wish("oltp", ("prepare",)))

    await heal(solo)
    again = await finished(await asked.start(Wish("oltp", ("prepare", "verify"), {"rows": 3000})))
    assert (again.phase, again.words) == ("done", "all 2 checks passed")


async def test_a_prepare_on_a_frozen_server_can_be_stopped_and_repeated(asked: Workloads, solo: Lab) -> None:
    await drop_load(asked.target)
    process = await asked.start(Wish("oltp", ("prepare",), {"tables": 1, "rows": 6000}))
    await until(lambda: process.record.fraction > 0.02 or not process.record.active, 20)
    with frozen_server(solo):
        with pytest.raises(ConnectError, match="no answer"):
            await asked.prepared(find_kind("oltp"))
        assert process.record.phase == "preparing"
        await process.stop()
        assert (await finished(process)).phase == "stopped"
        assert not alive(process.pid)
    again = await finished(await asked.start(Wish("oltp", ("prepare", "verify"))))
    assert (again.phase, again.words) == ("done", "all 1 checks passed")


@contextmanager
def frozen_server(solo: Lab) -> Iterator[None]:
    (node,) = solo.status()
    assert node.pid is not None
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


async def test_a_run_outlives_its_server_and_says_so(asked: Workloads, solo: Lab) -> None:
    await make_ready(asked, SMALL)
    process = await asked.start(Wish("oltp", ("run",), QUICK))

    def tps() -> float:
        return process.record.report.tps if process.record.report else 0.0

    await until(lambda: tps() > 0, 10)
    kill_server(solo)
    await until(lambda: process.record.report is not None and process.record.report.errors != {}, 10)
    await until(lambda: tps() == 0, 10)
    shown = asked.journal.find(process.record.id)
    assert shown.phase == "running"
    assert shown.report is not None
    assert shown.report.tps == 0
    await heal(solo)
    await until(lambda: tps() > 0, 20)
    await process.stop()
    assert process.record.phase == "stopped"
    assert process.record.report is not None
    assert process.record.report.total
    assert process.record.report.reconnects >= 1
    checked = await finished(await asked.start(Wish("oltp", ("verify",))))
    assert (checked.phase, checked.words) == ("done", "all 1 checks passed")


async def test_a_run_whose_server_stays_away_can_be_stopped(asked: Workloads, solo: Lab) -> None:
    await make_ready(asked, SMALL)
    process = await asked.start(Wish("oltp", ("run",), QUICK))
    await until(lambda: process.record.report is not None, 10)
    kill_server(solo)
    await process.stop()
    assert process.record.phase == "stopped"
    assert not alive(process.pid)
    cleanup = await finished(await asked.start(Wish("oltp", ("cleanup",))))
    assert cleanup.phase == "failed"
    assert "n1 (127.0.0.1:" in cleanup.message
