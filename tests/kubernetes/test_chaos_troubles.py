"""Faults by Chaos Mesh in the stand-in alone: with pods and events, and with what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver import NAMESPACE, PODS, ApiServer
from chaosmesh import resources
from chaosworld import (
    POD,
    RIGHTS,
    World,
    cpu,
    failure,
    fault,
    means_of,
    stand_in,
)
from live_load import until
from peer import eventually

from distdiag_tui.anomalies.chaos import fault as module
from distdiag_tui.anomalies.chaos.fault import Chaos
from distdiag_tui.anomalies.chaos.leftovers import leftovers
from distdiag_tui.model.errors import ConfigError


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[World]:
    async with stand_in(tmp_path) as found:
        yield found


async def test_nothing_noted_is_nothing_done(alone: World) -> None:
    await cpu().revert({})
    assert await cpu().remains({}) == ""


async def test_an_injection_that_fails_is_told(alone: World) -> None:
    alone.chaos.fail = "toda startup takes too long"
    chaos = cpu()
    assert await failure(chaos.apply(alone.note)) == (
        f"StressChaos cpu-stress-3f9c in namespace {alone.namespace}: "
        f"Apply failed in {alone.namespace}/{POD}: toda startup takes too long"
    )
    await chaos.revert(alone.notes)
    assert await alone.chaos.names() == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("blind", "no target: Chaos Mesh selects no pod"),
        ("asleep", "no controller of Chaos Mesh has taken it up"),
    ],
)
async def test_an_injection_that_does_not_come_is_told(alone: World, trouble: str, words: str) -> None:
    alone.chaos.asleep, alone.chaos.pods = trouble == "asleep", set()
    slow = cpu(start=1.0)
    message = await failure(slow.apply(alone.note))
    assert f"not injected in 1 s: {words}" in message
    await slow.revert(alone.notes)
    assert await alone.chaos.names() == []


async def test_a_recovery_that_fails_is_told_until_it_succeeds(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMOVAL", 1.0)
    alone.chaos.stuck = "container is gone"
    chaos = cpu()
    await chaos.apply(alone.note)
    words = f"recovering, 1 of 1 pod to go: Recover failed in {alone.namespace}/{POD}: container is gone"
    left = f"StressChaos cpu-stress-3f9c in namespace {alone.namespace} is still there: {words}"
    assert await failure(chaos.revert(alone.notes)) == left
    assert await chaos.remains(alone.notes) == left
    alone.chaos.stuck = ""
    monkeypatch.setattr(module, "_REMOVAL", 20.0)
    await chaos.revert(alone.notes)
    assert await chaos.remains(alone.notes) == ""


async def test_a_lost_answer_does_not_lose_the_object(alone: World) -> None:
    assert isinstance(alone.server, ApiServer)
    alone.server.lost = {("create", "stresschaos.chaos-mesh.org"), ("delete", "stresschaos.chaos-mesh.org")}
    chaos = cpu()
    await chaos.apply(alone.note)
    await chaos.revert(alone.notes)
    assert alone.server.lost == set()
    assert await alone.chaos.names() == []


async def test_it_is_noted_before_it_is_made(alone: World) -> None:
    asked: list[bool] = []
    create = ("create", "stresschaos.chaos-mesh.org")
    await cpu().apply(lambda *_: asked.append(create in alone.gate.used))
    assert asked == [False]
    assert create in alone.gate.used


async def test_events_are_told(alone: World) -> None:
    chaos = cpu()
    assert await chaos.events() == []
    await chaos.apply(alone.note)
    assert await eventually(chaos.events) == ["Normal Applied: Apply succeeded"]
    alone.gate.rights = RIGHTS
    assert await chaos.events() == []  # not everybody may list them


async def test_an_api_server_that_just_started_knows_custom_kinds_late(alone: World) -> None:
    """As the real one: for a moment it says "404 page not found" to them, in discovery as well."""
    assert isinstance(alone.server, ApiServer)
    chaos = cpu(seconds=600, patience=0.5)
    await chaos.apply(alone.note)
    held = asyncio.create_task(chaos.hold())
    await alone.down()
    await until(lambda: "does not answer" in chaos.words, 20)
    alone.server.hidden = "/apis/chaos-mesh.org"
    await alone.up()
    await asyncio.sleep(1.5)
    assert not held.done()
    undone = asyncio.create_task(chaos.revert(alone.notes))
    await asyncio.sleep(0.2)
    assert not undone.done()
    alone.server.hidden = "-"
    await undone
    assert await alone.chaos.names() == []
    assert "deleted by somebody else" in await asyncio.wait_for(held, 20)


async def test_without_chaos_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distdiag_tui.anomalies.chaos.objects._LATE", 0.2)
    async with stand_in(tmp_path, installed=False) as found:
        message = await failure(cpu().apply(found.note))
        where = f"the API server {found.server.url}"
        assert message == f"Chaos Mesh is not installed: {where} has no stresschaos.chaos-mesh.org"
        await cpu().revert(found.notes)
        assert await cpu().remains(found.notes) == ""
        assert await leftovers({}) == []
        assert isinstance(found.server, ApiServer)
        found.server.resources.extend(resources())
        found.server.hidden = "/apis/chaos-mesh.org/v1alpha1/namespaces"  # a gateway that answers for it
        for steps in (cpu().revert(found.notes), cpu().remains(found.notes), leftovers({})):
            assert "answers as if it had no stresschaos.chaos-mesh.org" in await failure(steps)
        found.server.hidden = "/"
        assert "has no version" in await failure(cpu().remains(found.notes))


async def test_a_killed_pod_that_comes_back_ends_it(alone: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(alone.server, ApiServer)
    monkeypatch.setattr(module, "_LOOK", 0.05)
    store = alone.server.store
    old = store.get(PODS, NAMESPACE, POD)
    alone.chaos.killed = lambda pod: store.remove(PODS, NAMESPACE, pod)
    chaos = fault(means_of("node_down"))
    held = asyncio.create_task(_made(chaos, alone))
    await until(lambda: POD not in [pod["metadata"]["name"] for pod in store.list(PODS)], 20)
    await asyncio.sleep(0.2)
    assert not held.done()
    store.create(PODS, {**old, "status": {**old["status"], "conditions": []}})
    await asyncio.sleep(0.2)
    assert not held.done()
    store.update(PODS, store.get(PODS, NAMESPACE, POD) | {"status": old["status"]})
    assert await asyncio.wait_for(held, 20) == f"pod {POD} was made anew and is ready"
    await chaos.revert(alone.notes)
    assert await alone.chaos.names() == []


async def _made(chaos: Chaos, world: World) -> str:
    await chaos.apply(world.note)
    return await chaos.hold()


async def test_without_a_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="there is no Kubernetes configuration"):
        await cpu().plan()
