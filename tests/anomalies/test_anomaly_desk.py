"""What the console's desk of anomalies keeps: its board, the scenario, and what others left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from distdiag_tui.anomalies import launch
from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection, Injections, refuse_together
from distdiag_tui.cli.injecting import Follower, stop_everything
from distdiag_tui.model.errors import AnomalyError, ConfigError, KubernetesError, RefusedError
from distdiag_tui.model.marks import INJECTED, REVERTED
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.service import anomalies as service
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.service.anomaly_desk import AnomalyDesk

SERVERS = (Endpoint("127.0.0.1", 1, "n1"), Endpoint("127.0.0.1", 2, "n2"))
HANG = Dose("node_hang", "n2", seconds=30)


@pytest.fixture
def desk(tmp_path: Path) -> AnomalyDesk:
    """Of a lab that was removed with all its nodes."""
    target = Target("lab", SERVERS, home=tmp_path / "lab")
    return AnomalyDesk(Anomalies(target, Injections(tmp_path / "injections")))


def entered(desk: AnomalyDesk, dose: Dose, name: str, **known: object) -> Injection:
    """A record in the ledger, as a supervisor would have written it."""
    (record,) = desk.anomalies.check([dose])
    record = replace(record, id=name, **known)  # type: ignore[arg-type]
    desk.anomalies.ledger.folder.mkdir(exist_ok=True)
    desk.anomalies.ledger.write(record)
    return record


def test_the_board_has_what_ended_newest_first_with_its_marks(desk: AnomalyDesk) -> None:
    first = entered(desk, HANG, "node_hang-1", phase="ended", started=1.0, applied=2.0, reverted=3.0)
    second = entered(desk, HANG, "node_hang-2", phase="failed", started=4.0)
    desk.look()
    assert desk.board.ended == (second, first)
    assert [(mark.time, mark.glyph) for mark in desk.board.marks] == [(2.0, INJECTED), (3.0, REVERTED)]


def test_the_catalogue_says_what_can_be_made_here(desk: AnomalyDesk) -> None:
    desk.look()
    views = {view.anomaly.id: view for view in desk.board.catalogue}
    assert [means.injector for means in views["node_hang"].means] == ["signals"]
    assert views["node_hang"].refused == ""
    remote = AnomalyDesk(Anomalies(Target("shop", SERVERS), desk.anomalies.ledger))
    remote.look()
    views = {view.anomaly.id: view for view in remote.board.catalogue}
    assert views["node_hang"].means == ()
    assert "it needs Kubernetes" in views["node_hang"].refused
    assert "allow_anomalies" in remote.board.forbidden


def test_a_scenario_takes_each_dose_once_and_only_where_it_may_run(desk: AnomalyDesk) -> None:
    desk.add([HANG, replace(HANG, start=60.0)])
    with pytest.raises(ConfigError, match="already"):
        desk.add([replace(HANG, severity="high")])
    desk.add([replace(HANG, severity="high")], instead=HANG)
    assert [dose.severity for dose in desk.board.planned] == ["medium", "high"]
    with pytest.raises(ConfigError, match="n9"):
        desk.add([Dose("node_hang", "n9")])
    remote = AnomalyDesk(Anomalies(Target("shop", SERVERS, production=True), desk.anomalies.ledger))
    with pytest.raises(RefusedError, match="production"):
        remote.add([HANG])


async def test_servers_of_one_cluster_merge_together_and_only_once(desk: AnomalyDesk) -> None:
    ledger, message = desk.anomalies.ledger, "both want the cluster's compaction: one at a time"
    shop = Anomalies(Target("shop", SERVERS, allow_anomalies=True), ledger)
    merges = [Dose("major_compaction", each.name) for each in SERVERS]
    with pytest.raises(AnomalyError, match=message):
        shop.inject(merges)
    with pytest.raises(AnomalyError, match=message):
        await shop.plan(merges)
    assert ledger.records() == []
    refuse_together(shop.check([merges[0], Dose("slow_sql", "n2"), Dose("memory_pressure", "n2")]))
    refuse_together(desk.anomalies.check(merges))  # each node of a lab is a cluster of its own
    (other,) = Anomalies(Target("another", SERVERS, allow_anomalies=True), ledger).check(merges[1:])
    first, second = shop.check(merges)
    refuse_together([first, other])
    with ledger.admit(first), pytest.raises(AnomalyError, match=f"→n2 and {first.id} {message}"):
        ledger.refuse(second)


async def until(desk: AnomalyDesk, name: str, true: Callable[[Injection], object]) -> Injection:
    """The record once something is true of it."""
    async with asyncio.timeout(20):
        while not true(record := desk.anomalies.ledger.find(name)):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.05)
    return record


async def test_a_server_that_a_supervisor_starts_does_not_pass_for_it(desk: AnomalyDesk) -> None:
    (record,) = desk.anomalies.inject([replace(HANG, start=60.0)])
    waiting = await until(desk, record.id, lambda found: found.pid)
    process = Path(f"/proc/{waiting.pid}")
    (lock,) = [fd for fd in (process / "fd").iterdir() if fd.readlink().name == f"{record.id}.lock"]
    flags = (process / "fdinfo" / lock.name).read_text().partition("flags:")[2].split()[0]
    assert int(flags, 8) & os.O_CLOEXEC
    await desk.anomalies.stop([record.id])


async def test_nothing_is_kept_of_supervisors_that_have_ended(
    desk: AnomalyDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_EVERY", 0.02)
    (record,) = desk.anomalies.inject([replace(HANG, start=60.0)])
    minder = desk.anomalies._minders[record.id]
    beating = asyncio.create_task(desk.anomalies.beat())
    await desk.anomalies.stop([record.id])
    async with asyncio.timeout(20):
        while desk.anomalies._minders:  # noqa: ASYNC110  its process may outlive its last word
            await asyncio.sleep(0.02)
    beating.cancel()
    assert minder._pipe.closed
    minder.release()  # as a thread may do that has just looked


def test_what_another_console_has_undone_meanwhile_is_not_undone_again(desk: AnomalyDesk) -> None:
    left = entered(desk, HANG, "node_hang-1", phase="active", applied=1.0)
    ended = entered(desk, HANG, "node_hang-1", phase="ended", applied=1.0, reverted=2.0)
    ledger = desk.anomalies.ledger
    assert launch.undo(left, desk.anomalies.target, ledger) is None
    assert ledger.find(ended.id) == ended


def test_a_process_that_has_the_number_of_a_dead_supervisor_is_not_ended(
    desk: AnomalyDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_launch", lambda *_, **__: SimpleNamespace(release=lambda: None))
    with subprocess.Popen(["sleep", "60"]) as other:
        left = entered(desk, HANG, "node_hang-1", phase="active", applied=1.0, pid=other.pid)
        assert launch.undo(left, desk.anomalies.target, desk.anomalies.ledger) is not None
        ledger = desk.anomalies.ledger
        assert not ledger.stop(ledger.find(left.id))
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("detach", [False, True])
async def test_an_interrupt_before_the_supervisor_has_begun_is_not_lost(
    desk: AnomalyDesk, *, detach: bool
) -> None:
    records = desk.anomalies.inject([replace(HANG, start=60.0)])
    follower = Follower(desk.anomalies, records, as_json=False)
    follower.interrupt()
    async with asyncio.timeout(20):
        await follower.follow(("waiting", "applying") if detach else ())
    ended = await until(desk, records[0].id, lambda found: not found.active)
    assert (ended.why, ended.applied) == ("it was stopped", None)


async def test_what_was_left_behind_elsewhere_hides_nothing_that_is_undone(
    desk: AnomalyDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {"cluster": "shop", "address": "10.0.0.9:2881", "home": "", "server": "s9"}
    entered(desk, HANG, "node_hang-1", phase="active", applied=1.0)
    entered(desk, HANG, "node_hang-9", phase="active", applied=1.0, **where)
    swept: list[bool] = []

    async def sweep(*, others: bool) -> tuple[list[object], list[object]]:
        swept.append(others)
        raise KubernetesError("the API server does not answer")

    message = "node_hang→s9 was left behind on shop: distdiag anomaly stop-all shop undoes it"
    began = time.monotonic()
    with pytest.raises(AnomalyError) as told:
        await desk.anomalies.stop(["node_hang-9"])
    assert (str(told.value), time.monotonic() - began < 5) == (message, True)
    monkeypatch.setattr(desk.anomalies, "sweep", sweep)
    with pytest.raises(AnomalyError) as told:
        await stop_everything(desk.anomalies, others=True)
    assert str(told.value) == f"{message}; the API server does not answer"
    assert capsys.readouterr().out == "node_hang-1 ended\n"
    assert swept == [True]


async def test_a_supervisor_that_dies_at_its_start_is_not_started_all_the_time(
    desk: AnomalyDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = entered(desk, HANG, "node_hang-1", phase="active", applied=1.0)
    started: list[str] = []
    monkeypatch.setattr(launch, "undo", lambda record, *_: started.append(record.id))
    monkeypatch.setattr(service, "STOP_SECONDS", 0.3 - record.means.lingers)
    with pytest.raises(AnomalyError, match="is not undone: the process that minds it was killed"):
        await desk.anomalies.stop([record.id])
    assert started == [record.id]


async def test_what_a_dead_supervisor_left_is_undone_in_the_background(desk: AnomalyDesk) -> None:
    entered(desk, HANG, "node_hang-1", phase="active", applied=time.time())
    desk.look()
    assert [record.phase for record in desk.board.active] == ["orphaned"]
    end = time.monotonic() + 20
    while desk.board.active:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
        desk.look()
    assert [record.phase for record in desk.board.ended] == ["ended"]
    assert await desk.close() == []
