"""Injections by Chaos Mesh with their supervisor, a process of its own: stopped, killed, out of touch."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chaosworld import SERVER, World, stand_in
from live_load import until

from distdiag_tui.anomalies.chaos.manifests import INJECTION, OWNER
from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.model.target import Target
from distdiag_tui.service.anomalies import Anomalies

PATIENCE = 40.0  # s; generous, for machines that are busy


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with stand_in(tmp_path) as found:
        yield found


@pytest.fixture
def service(tmp_path: Path) -> Anomalies:
    target = Target("obcluster", (SERVER,), kube={"cluster": "obcluster"}, allow_anomalies=True)
    return Anomalies(target, Injections(tmp_path / "injections"))


async def begun(service: Anomalies, anomaly: str, seconds: float = 60.0) -> Injection:
    """Of high severity, once it is active, or was."""
    [record] = service.inject([Dose(anomaly, SERVER.address, "high", seconds)])
    await until(lambda: service.ledger.find(record.id).phase not in ("waiting", "applying"), PATIENCE)
    found = service.ledger.find(record.id)
    assert found.phase == "active", found
    return found


async def test_it_is_made_and_stopped(world: World, service: Anomalies) -> None:
    record = await begun(service, "network_partition")
    await until(lambda: service.ledger.find(record.id).words == "injected into 1 pod", PATIENCE)
    [item] = await world.chaos.items("networkchaos")
    assert item["metadata"]["labels"]["distdiag/injection"] == record.id
    await until(lambda: bool(service.ledger.find(record.id).events), PATIENCE)
    assert "Applied" in " ".join(service.ledger.find(record.id).events)
    [ended] = await service.stop([record.id])
    assert ended.phase == "ended"
    assert await world.chaos.names() == []


async def test_a_killed_supervisor_is_made_up_for(
    world: World, service: Anomalies, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await begun(service, "clock_skew")
    assert record.pid is not None
    os.kill(record.pid, signal.SIGKILL)
    await until(lambda: service.ledger.find(record.id).phase == "orphaned", PATIENCE)
    assert len(await world.chaos.names()) == 1
    monkeypatch.setenv("KUBECONFIG", "/nowhere")  # the next console may be started from another shell
    assert [each.id for each in service.recover()] == [record.id]
    await until(lambda: service.ledger.find(record.id).phase == "ended", PATIENCE)
    assert await world.chaos.names() == []


async def test_what_no_record_names_is_swept_up_but_for_that_of_others(
    world: World, service: Anomalies, tmp_path: Path
) -> None:
    forgotten, going_on = await begun(service, "clock_skew"), await begun(service, "cpu_stress")
    os.kill(forgotten.pid, signal.SIGKILL)
    await until(lambda: service.ledger.find(forgotten.id).phase == "orphaned", PATIENCE)
    for file in service.ledger.folder.glob(f"{forgotten.id}.*"):
        file.unlink()  # as on a machine that was set up anew
    [item] = await world.chaos.items("timechaos")
    stranger = {**item["metadata"]["labels"], OWNER: "root.elsewhere", INJECTION: "clock_skew-0000"}
    meta = {"name": "clock-skew-0000", "namespace": world.namespace, "labels": stranger}
    await world.chaos.create("timechaos", {**item, "metadata": meta})
    removed, left = await service.sweep()
    assert [each.mark.injection for each in removed] == [forgotten.id]
    assert [each.mark.injection for each in left] == ["clock_skew-0000"]
    assert {"clock-skew-0000", going_on.id.replace("_", "-")} == set(await world.chaos.names())
    removed, left = await service.sweep(others=True)
    assert ([each.mark.injection for each in removed], left) == (["clock_skew-0000"], [])
    await service.stop([going_on.id])
    assert await world.chaos.names() == []


async def test_an_api_server_that_is_away_at_the_end_is_waited_for(world: World, service: Anomalies) -> None:
    record = await begun(service, "cpu_stress")
    await world.down()
    assert service.ledger.stop(record)
    await until(lambda: service.ledger.find(record.id).phase == "stuck", PATIENCE)
    assert "does not answer" in service.ledger.find(record.id).message
    await world.up()
    await until(lambda: service.ledger.find(record.id).phase == "ended", PATIENCE)
    assert await world.chaos.names() == []
