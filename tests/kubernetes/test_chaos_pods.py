"""Which pod has the server of an endpoint, as ob-operator's objects tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver import NAMESPACE, ApiServer
from chaosworld import OTHERS, POD, RIGHTS, World, cpu, stand_in

from distdiag_tui.kube.cluster import ForbiddenError, opened
from distdiag_tui.kube.oceanbase import Server, find_servers, match
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint

FIRST = Server(POD, "obcluster", "zone1", ("10.244.1.41", "10.96.0.7"), "running")
SECOND = Server(OTHERS[0], "obcluster", "zone2", ("10.244.2.42",), "running")
SIXTH = Server("ob6-1-zone1-x", "ob6", "zone1", ("fd00::41",), "running")
SERVERS = (FIRST, SECOND, SIXTH)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with stand_in(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("endpoint", "server"),
    [
        (Endpoint("10.244.1.41", 2881), FIRST),
        (Endpoint("10.96.0.7", 2881), FIRST),
        (Endpoint(f"{POD}.oceanbase.svc", 2881), FIRST),
        (Endpoint("127.0.0.1", 12881, POD), FIRST),
        (Endpoint("127.0.0.1", 12882, "10.244.2.42:2882"), SECOND),
        (Endpoint("10.244.2.42", 2881, "my favourite"), SECOND),
        (Endpoint("fd00::41", 2881), SIXTH),
        (Endpoint("::1", 2881, "[fd00::41]:2882"), SIXTH),
    ],
)
def test_an_endpoint_is_found_by_address_or_name(endpoint: Endpoint, server: Server) -> None:
    assert match(SERVERS, endpoint, "oceanbase") == server


def test_what_does_not_fit_is_told_with_what_there_is() -> None:
    with pytest.raises(ConfigError) as caught:
        match(SERVERS[:2], Endpoint("127.0.0.1", 12881, "ob1"), "oceanbase")
    assert str(caught.value) == (
        "no pod in namespace oceanbase has ob1 (127.0.0.1:12881); there are: "
        f"{POD} (10.244.1.41, 10.96.0.7), {OTHERS[0]} (10.244.2.42); "
        "behind a port-forward, name the server as its pod"
    )
    with pytest.raises(ConfigError, match="there is no server of ob-operator in namespace oceanbase"):
        match([], Endpoint("10.244.1.41", 2881), "oceanbase")
    with pytest.raises(ConfigError, match=f"could be any of: {POD} of obcluster, {OTHERS[0]} of obcluster"):
        match(SERVERS, Endpoint("10.244.2.42", 2881, POD), "oceanbase")


async def test_servers_are_read_from_the_operator_or_from_pods(world: World) -> None:
    async with opened(Place()) as cluster:
        found = await find_servers(cluster)
        assert [(each.pod, each.zone) for each in found] == [
            (POD, "zone1"),
            (OTHERS[0], "zone2"),
            (OTHERS[1], "zone3"),
        ]
        assert found[0] == Server(POD, "obcluster", "zone1", ("10.244.1.41",), "running")
        assert await find_servers(cluster, "another") == []
        world.gate.rights = {("list", "pods")}
        from_pods = await find_servers(cluster, "obcluster")
        assert [(s.pod, s.cluster, s.zone, s.addresses) for s in from_pods] == [
            (s.pod, s.cluster, s.zone, s.addresses) for s in found
        ]
        world.gate.rights = set()
        with pytest.raises(ForbiddenError, match="you may not list observers"):
            await find_servers(cluster)


async def test_a_fault_hits_the_pod_of_its_server_only(world: World) -> None:
    world.gate.rights = RIGHTS
    await cpu(where=Endpoint("127.0.0.1", 12882, OTHERS[0])).apply(world.note)
    [item] = await world.chaos.items("stresschaos")
    assert item["spec"]["selector"]["pods"] == {NAMESPACE: [OTHERS[0]]}
    records = item["status"]["experiment"]["containerRecords"]
    assert [record["id"] for record in records] == [f"{NAMESPACE}/{OTHERS[0]}"]


async def test_without_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    await server.up()
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
    try:
        with pytest.raises(ConfigError, match=f"there is no server of ob-operator in namespace {NAMESPACE}"):
            await cpu().plan()
    finally:
        await server.close()


def test_a_place_is_checked() -> None:
    assert Place.of({"context": "c", "namespace": "n", "cluster": None}) == Place("c", "n", "")
    with pytest.raises(ConfigError, match="'Not Good' is not the name of a namespace"):
        Place.of({"namespace": "Not Good"})
