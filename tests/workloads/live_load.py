"""A load on the live lab: started with what a test needs, watched, and certain to be gone after it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncmy
from conftest import LiveLab

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.service.workloads import Wish, Workloads, end_run
from distdiag_tui.workloads.database import Prepared
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, checked
from distdiag_tui.workloads.protocol import Step
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess, Order
from distdiag_tui.workloads.session import Node

TABLES, ROWS = 2, 1000


SMALL: dict[str, Value] = {"tables": TABLES, "rows": ROWS, "threads": 6, "interval": 0.2}
"""A quick OLTP load: two small tables, reports five times a second."""


def load_of(
    target: Target,
    options: Mapping[str, Value] = SMALL,
    steps: tuple[Step, ...] = ("prepare", "run"),
    kind: str = "oltp",
    journal: Journal | None = None,
) -> LoadProcess:
    """A run that was not started yet."""
    values = checked(find_kind(kind).options, options)
    servers = tuple(endpoint.address for endpoint in target.endpoints)
    record = RunRecord(f"{kind}-test", kind, target.cluster, servers, steps, values, time.time())
    return LoadProcess(Order(target, record), journal)


def nodes_of(target: Target) -> list[Node]:
    return [Node(endpoint, target.user, target.password) for endpoint in target.endpoints]


async def sql(target: Target, endpoint: Endpoint, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements on one node; the rows of the last."""
    account = {"user": target.user, "password": target.password.reveal()}
    address = {"host": endpoint.host, "port": endpoint.port}
    async with (
        asyncmy.connect(**address, **account, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            await cursor.execute(statement)
        return list(await cursor.fetchall())


async def counts(target: Target) -> list[tuple[int, int]]:
    """(rows, distinct ids in 1..ROWS) of each table on each node."""
    found = []
    for endpoint in target.endpoints:
        for table in range(1, TABLES + 1):
            where = f"COUNT(*), COUNT(DISTINCT CASE WHEN id BETWEEN 1 AND {ROWS} THEN id END)"
            found += await sql(target, endpoint, f"SELECT {where} FROM distdiag_load.oltp{table}")
    return found


@contextmanager
def frozen(lab: LiveLab, index: int) -> Iterator[None]:
    """One node does not move for a while."""
    pid = lab.lab.status()[index].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        _stopped(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stopped(pid: int) -> None:
    """Wait until it is: the signal reaches a thread only when that has its turn."""
    end = time.monotonic() + 20
    while any(_state(task) not in "TtZX" for task in Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.01)


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


@asynccontextmanager
async def running(
    target: Target,
    options: Mapping[str, Value] = SMALL,
    steps: tuple[Step, ...] = ("prepare", "run"),
    kind: str = "oltp",
) -> AsyncIterator[tuple[LoadProcess, Feed]]:
    load = load_of(target, options, steps, kind)
    await load.start()
    feed = Feed(load)
    try:
        yield load, feed
    finally:
        await load.stop()
        feed.close()
        assert not alive(load.pid)


class Feed:
    """Collects a load's reports as the console would, so that a test can ask for those of a moment."""

    def __init__(self, load: LoadProcess) -> None:
        self.seen: list[IntervalReport] = []
        self._load = load
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for report in self._load.reports():
            self.seen.append(report)

    async def over(self, intervals: int, skip: int = 1) -> list[IntervalReport]:
        """The next reports; `skip` leaves out those that began before the question."""
        first = len(self.seen) + skip
        await until(lambda: len(self.seen) >= first + intervals or self._task.done(), 30)
        assert not self._task.done(), f"the load ended: {self._load.record}"
        return self.seen[first : first + intervals]

    async def end(self) -> list[IntervalReport]:
        """Everything, once the load has ended."""
        await asyncio.wait_for(asyncio.shield(self._task), 10)
        return self.seen

    def close(self) -> None:
        self._task.cancel()


def alive(pid: int | None) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ended before, or while it was read
        return False
    return state != "Z"


def mean_tps(reports: list[IntervalReport]) -> float:
    return sum(report.tps for report in reports) / len(reports)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def one_node(target: Target, index: int = 0) -> Target:
    """A cluster of just one of the nodes: quicker to prepare."""
    return replace(target, endpoints=target.endpoints[index : index + 1])


async def drop_load(target: Target) -> None:
    """Remove the load's database from every node, whosever it is."""
    for endpoint in target.endpoints:
        await sql(target, endpoint, "DROP DATABASE IF EXISTS distdiag_load")


async def finished(process: LoadProcess) -> RunRecord:
    """The record of a run at its end."""
    await asyncio.wait_for(process.ended(), 20)
    return process.record


@asynccontextmanager
async def served(target: Target, folder: Path) -> AsyncIterator[Workloads]:
    """The service on a target with a journal of its own; what was started with it is ended."""
    workloads = Workloads(target, Journal(folder))
    try:
        yield workloads
    finally:
        for record in workloads.journal.records():
            await end_run(workloads.journal, record.id)
        for process in workloads.own.values():
            await asyncio.wait_for(process.ended(), 10)
            assert not alive(process.pid)


async def make_ready(workloads: Workloads, wanted: Mapping[str, Value]) -> None:
    """Data of these sizes, if the test before has not left it just so."""
    if await is_ready(workloads, wanted):
        return
    await drop_load(workloads.target)
    record = await finished(await workloads.start(Wish("oltp", ("prepare",), wanted)))
    assert record.phase == "done", record


async def is_ready(workloads: Workloads, wanted: Mapping[str, Value]) -> bool:
    kind, nodes = find_kind("oltp"), nodes_of(workloads.target)
    load = kind.create(nodes, checked(kind.options, wanted))
    with suppress(WorkloadError):
        prepared = await workloads.prepared(kind) == Prepared(wanted, ready=True)
        return prepared and all([check.passed async for check in load.verify(nodes, lambda *_: None)])
    return False
