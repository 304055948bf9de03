"""Faults by Chaos Mesh from their manifest to their recovery, in the stand-in and in a real API server.

Where Debian's etcd-server and Kubernetes' apiextensions-apiserver are installed, every test of both worlds
also meets the real API machinery. Chaos Mesh's controllers are the tests' own in both: nothing is hurt.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from chaosmesh import definitions, servers
from chaosworld import (
    ENTRIES,
    OTHERS,
    POD,
    RIGHTS,
    World,
    cpu,
    failure,
    fault,
    means_of,
    other_context,
    real,
    stand_in,
)
from live_load import until
from realserver import RealServer, real_server

from distdiag_tui.anomalies.chaos.leftovers import leftovers, remove
from distdiag_tui.anomalies.chaos.manifests import KINDS, Prey
from distdiag_tui.anomalies.entry import Means
from distdiag_tui.anomalies.protocol import SEVERITIES
from distdiag_tui.kube.cluster import opened
from distdiag_tui.kube.place import Place

INJECTED = "injected into 1 pod"


@pytest.fixture(scope="module")
def machinery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server(tmp_path_factory.mktemp("real")) as server:
        server.install([*definitions(), servers()])
        yield server


@pytest.fixture(params=["stand-in", "real"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "stand-in":
        kept = stand_in(tmp_path)
    else:
        kept = real(request.getfixturevalue("machinery"), tmp_path)
    async with kept as found:
        yield found


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[World]:
    """The stand-in only: for what a server of custom resources alone has not."""
    async with stand_in(tmp_path) as found:
        yield found


@pytest.mark.parametrize("means", [pytest.param(means, id=anomaly) for anomaly, means in ENTRIES])
async def test_every_fault_is_planned_made_held_and_undone(alone: World, means: Means) -> None:
    await _lived(alone, means)


async def test_a_fault_is_planned_made_held_and_undone(world: World) -> None:
    await _lived(world, means_of("network_partition"))


async def test_the_real_server_takes_every_object(machinery: RealServer, tmp_path: Path) -> None:
    async with real(machinery, tmp_path) as world:
        prey = Prey(POD, world.namespace, OTHERS)
        for _, means in ENTRIES:
            for severity in SEVERITIES:
                manifest = fault(means, severity).manifest(prey)
                await world.chaos.create(KINDS[manifest["kind"]], manifest, dry_run=True)
        manifest["spec"]["unheard"] = 1
        with pytest.raises(AssertionError, match="unknown field"):
            await world.chaos.create(KINDS[manifest["kind"]], manifest, dry_run=True)


async def _lived(world: World, means: Means) -> None:
    chaos = fault(means, "high")
    plan = await chaos.plan()
    assert await world.chaos.names() == []
    await chaos.apply(world.note)
    assert chaos.words == INJECTED
    [item] = [i for plural in (plan[-1].split()[-2],) for i in await world.chaos.items(plural)]
    planned = yaml.safe_load("\n".join(plan))
    assert planned == {key: value for key, value in planned.items() if key in item}
    assert planned["spec"].items() <= item["spec"].items()
    assert planned["metadata"].items() <= item["metadata"].items()
    held = asyncio.create_task(chaos.hold())
    assert await chaos.remains(world.notes) == (
        f"{planned['kind']} some-fault-3f9c in namespace {world.namespace} is still there: {INJECTED}"
    )
    held.cancel()
    with suppress(asyncio.CancelledError):
        await held
    another = fault(means, "high")
    await another.revert(world.notes)
    assert await world.chaos.names() == []
    assert await another.remains(world.notes) == ""
    await another.revert(world.notes)


async def test_what_the_account_needs(world: World) -> None:
    world.gate.rights = RIGHTS
    chaos = cpu()
    await chaos.apply(world.note)
    await chaos.revert(world.notes)
    assert await world.chaos.names() == []


async def test_what_is_served(world: World) -> None:
    async with opened(Place()) as cluster:
        served = [
            await cluster.serves(*names)
            for names in (
                ("chaos-mesh.org", "v1alpha1", "stresschaos"),
                ("chaos-mesh.org", "v1alpha1", "dnschaos"),
                ("nobody.org", "v1", "things"),
            )
        ]
    assert served == [True, False, False]


async def test_it_is_over_with_its_duration(world: World) -> None:
    chaos = cpu(seconds=2.5)
    await chaos.apply(world.note)
    assert await asyncio.wait_for(chaos.hold(), 20) == "its duration of 2500ms was over"
    assert "recovered" in await chaos.remains(world.notes)  # the object stays
    await chaos.revert(world.notes)
    assert await world.chaos.names() == []


async def test_somebody_else_ends_it(world: World) -> None:
    chaos = cpu()
    await chaos.apply(world.note)
    held = asyncio.create_task(chaos.hold())
    await world.chaos.delete("stresschaos", "cpu-stress-3f9c")
    assert "deleted by somebody else" in await asyncio.wait_for(held, 20)
    await chaos.revert(world.notes)
    assert await chaos.remains(world.notes) == ""


async def test_the_api_server_goes_and_comes_back(world: World) -> None:
    chaos = cpu(seconds=600, patience=0.5)  # it is not over by itself, however long the server takes
    await chaos.apply(world.note)
    held = asyncio.create_task(chaos.hold())
    await asyncio.sleep(0.2)
    await world.down()
    await until(lambda: "does not answer" in chaos.words, 20)
    assert chaos.words.endswith("it goes on meanwhile")
    assert "does not answer" in await failure(chaos.revert(world.notes))
    assert "does not answer" in await failure(chaos.remains(world.notes))
    await world.up()
    await until(lambda: chaos.words == INJECTED, 60)
    assert not held.done()
    await chaos.revert(world.notes)
    assert "deleted by somebody else" in await asyncio.wait_for(held, 20)
    assert await chaos.remains(world.notes) == ""


async def test_an_account_without_rights(world: World) -> None:
    world.gate.rights = RIGHTS - {("create", "stresschaos.chaos-mesh.org")}
    words = f"you may not create stresschaos.chaos-mesh.org in namespace {world.namespace}: "
    assert (await failure(cpu().apply(world.note))).startswith(words)
    assert await cpu().remains(world.notes) == ""


async def test_who_may_not_watch_looks(world: World) -> None:
    world.gate.rights = RIGHTS - {("watch", "stresschaos.chaos-mesh.org")}
    chaos = cpu()
    await chaos.apply(world.note)
    assert chaos.words == INJECTED
    await chaos.revert(world.notes)
    assert await world.chaos.names() == []


async def test_a_login_that_has_expired(world: World, tmp_path: Path) -> None:
    world.gate.tokens["new-token"] = "tester"
    del world.gate.tokens["good-token"]
    name = json.loads((tmp_path / "kubeconfig").read_text())["current-context"]
    message = await failure(cpu().apply(world.note))
    assert message.endswith(f"does not accept the login of context {name}; log in again")
    world.kubeconfig(tmp_path, "new-token")
    chaos = cpu()
    await chaos.apply(world.note)
    world.gate.tokens["newer-token"] = world.gate.tokens.pop("new-token")
    world.kubeconfig(tmp_path, "newer-token")
    await chaos.revert(world.notes)
    assert await world.chaos.names() == []


async def test_an_object_of_somebody_else_with_the_same_name(world: World) -> None:
    theirs = {
        "apiVersion": "chaos-mesh.org/v1alpha1",
        "kind": "StressChaos",
        "metadata": {"name": "cpu-stress-3f9c"},
        "spec": {
            "mode": "all",
            "selector": {"pods": {world.namespace: [POD]}},
            "stressors": {"cpu": {"workers": 1}},
        },
    }
    await world.chaos.create("stresschaos", theirs)
    chaos = cpu()
    message = await failure(chaos.apply(world.note))
    assert message.endswith("belongs to somebody else; start again")
    await chaos.revert(world.notes)
    assert await chaos.remains(world.notes) == ""
    assert await world.chaos.names() == ["cpu-stress-3f9c"]
    assert await leftovers({}) == []


async def test_what_other_runs_left_is_found_and_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cpu(name="cpu_stress-1").apply(world.note)
    await fault(means_of("clock_skew"), name="clock_skew-2").apply(world.note)
    monkeypatch.setattr("distdiag_tui.anomalies.chaos.leftovers._REMOVAL", 1.0)
    found = await leftovers({"namespace": world.namespace})
    assert [(each.mark.name, each.words, each.ours) for each in found] == [
        ("cpu-stress-1", INJECTED, True),
        ("clock-skew-2", INJECTED, True),
    ]
    world.chaos.stuck = "not now"
    message = await failure(remove(found))
    assert message.count("is still there: recovering") == 2
    world.chaos.stuck = ""
    monkeypatch.setattr("distdiag_tui.anomalies.chaos.leftovers._REMOVAL", 20.0)
    await remove(found)
    assert await leftovers({"namespace": world.namespace}) == []
    assert await world.chaos.names() == []


async def test_the_fault_is_undone_where_it_was_made(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and context may be others by then, or the same context lead to another cluster."""
    chaos = cpu()
    await chaos.apply(world.note)
    file = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    other_context(file, "http://127.0.0.1:9")
    assert "is still there" in await cpu().remains(world.notes)
    document = json.loads(file.read_text())
    document["contexts"][0]["context"]["cluster"] = "elsewhere"
    file.write_text(json.dumps(document))
    assert "leads to http://127.0.0.1:9 now" in await failure(cpu().remains(world.notes))
    document["contexts"][0]["context"]["cluster"] = "here"
    file.write_text(json.dumps(document))
    await cpu().revert(world.notes)
    assert await world.chaos.names() == []
