"""Starting twice, stopping, letting go, changing: what becomes of a run is certain and is told truly."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import LiveLab, run
from live_load import alive, drop_load, finished, make_ready, one_node, served, until

from distdiag_tui.model.errors import ConfigError, WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.service import workloads as service
from distdiag_tui.service.workloads import Wish, Workloads, end_run
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.protocol import Step
from distdiag_tui.workloads.runner import LoadProcess

SMALL: dict[str, Value] = {"tables": 1, "rows": 200}
QUICK: dict[str, Value] = {"threads": 2, "rate": 20.0, "interval": 0.2}


@pytest.fixture(scope="module")
def pair(lab: LiveLab) -> Iterator[tuple[Target, Target]]:
    """Two nodes of the lab, without the load's database afterwards."""
    targets = one_node(lab.target, 0), one_node(lab.target, 1)
    yield targets
    for target in targets:
        run(drop_load(target))


@pytest.fixture
async def ready(pair: tuple[Target, Target], tmp_path: Path) -> AsyncIterator[Workloads]:
    """The service on a node with data."""
    async with served(pair[0], tmp_path / "runs") as workloads:
        await make_ready(workloads, SMALL)
        yield workloads


async def running(workloads: Workloads, **given: Value) -> LoadProcess:
    """A run that has told its first figures."""
    process = await workloads.start(Wish("oltp", ("run",), QUICK | given))
    await until(lambda: process.record.report is not None or not process.record.active, 20)
    assert process.record.phase == "running", process.record
    return process


async def test_of_two_starts_in_one_console_one_wins(ready: Workloads) -> None:
    starts = (ready.start(Wish("oltp", ("run",), QUICK)) for _ in range(2))
    both = await asyncio.gather(*starts, return_exceptions=True)
    assert len([each for each in both if isinstance(each, WorkloadError)]) == 1
    assert len(ready.active()) == 1
    others: tuple[tuple[Step, ...], ...] = (("prepare",), ("verify",), ("cleanup",))
    for steps in others:
        with pytest.raises(WorkloadError, match=r"oltp is already .* on lab; stop it first: .* stop oltp-"):
            await ready.start(Wish("oltp", steps))


async def test_the_same_kind_on_other_servers_is_welcome(
    ready: Workloads, pair: tuple[Target, Target]
) -> None:
    async with served(pair[1], ready.journal.folder) as other:
        await make_ready(other, SMALL)
        first, second = await running(ready), await running(other)
        assert [each.id for each in ready.runs() if each.active] == [first.record.id]
        assert [each.id for each in other.runs() if each.active] == [second.record.id]


@pytest.mark.parametrize("by", ["its console", "another process"])
async def test_a_stop_reaches_a_run_that_has_hardly_started(ready: Workloads, by: str) -> None:
    process = await ready.start(Wish("oltp", ("run",), QUICK))
    name = process.record.id
    await (ready.stop(name) if by == "its console" else end_run(ready.journal, name))
    assert (await finished(process)).phase == "stopped"
    assert ready.journal.find(name).phase == "stopped"
    assert (await end_run(ready.journal, name)).phase == "stopped"  # again: harmless


async def test_a_run_that_was_let_go_outlives_what_started_it(ready: Workloads) -> None:
    process = await running(ready)
    name, pid = process.record.id, process.pid
    await process.let_go()
    ready.kill()
    assert process._pump is not None
    process._pump.cancel()  # as at the end of a loop
    await asyncio.sleep(0)
    cast(Any, process._process)._transport.close()  # as asyncio does when it drops it: kills what runs
    del process, ready.own[name]
    gc.collect()
    before = ready.journal.find(name).report
    await until(lambda: ready.journal.find(name).report not in (None, before), 5)
    assert alive(pid)
    await ready.stop(name)
    ended = ready.journal.find(name)
    assert ended.phase == "stopped"
    assert ended.report is not None
    assert ended.report.total
    await until(lambda: not alive(pid), 10)


async def test_a_run_that_was_let_go_still_obeys(ready: Workloads) -> None:
    process = await running(ready)
    await process.let_go()
    process.set_threads(3)
    await until(lambda: process.record.report is not None and process.record.report.threads == 3, 5)
    await process.stop()  # as whoever tidies up at the end of a console: not meant for this one
    assert process.record.phase == "running"
    await ready.stop(process.record.id)
    assert (await finished(process)).phase == "stopped"


async def test_what_has_ended_cannot_be_let_go(ready: Workloads) -> None:
    process = await ready.start(Wish("oltp", ("run",), QUICK | {"time": 0.1}))
    await finished(process)
    with pytest.raises(WorkloadError, match="could not be left running: it has ended"):
        await process.let_go()


async def test_a_worker_that_does_not_obey_is_killed(
    ready: Workloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_ORDERLY_SECONDS", 0.3)
    process = await running(ready)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    ended = await end_run(ready.journal, process.record.id)
    assert (ended.phase, ended.message) == ("failed", "its process was killed")
    assert not alive(process.pid)
    assert (await finished(process)).message == "its process was killed"


async def test_changes_are_kept_in_the_record_and_nonsense_is_refused(ready: Workloads) -> None:
    process = await running(ready)
    process.set_threads(5)
    process.set_rate(0)
    await until(lambda: process.record.options["rate"] == 0, 5)
    for record in (process.record, ready.journal.find(process.record.id)):
        assert (record.options["threads"], record.options["rate"]) == (5, 0.0)
    with pytest.raises(ConfigError):
        process.set_threads(0)
    process._send({"threads": 9999})
    await until(lambda: process.refusal != "", 5)
    assert process.refusal == "--threads takes 1 to 1,024, not 9999"
    assert process.record.phase == "running"


async def test_a_run_ends_by_itself_after_its_time(ready: Workloads) -> None:
    record = await finished(await ready.start(Wish("oltp", ("run",), QUICK | {"time": 0.6})))
    assert record.phase == "done"
    assert record.report is not None
    assert record.report.total
    assert record.running_since is not None
    assert record.ended is not None
    assert 0.5 < record.ended - record.running_since < 5
    kept = ready.journal.find(record.id)
    assert kept.report == record.report.without_histogram()
    assert replace(kept, report=None) == replace(record, report=None)


async def test_no_record_has_the_password(ready: Workloads) -> None:
    await running(ready)
    written = b"".join(file.read_bytes() for file in ready.journal.folder.iterdir())
    assert b'"running"' in written
    assert ready.target.password.reveal().encode() not in written
