"""Chaos Mesh beside three servers of ob-operator, in the stand-in and in a real API server."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, cast

import pytest
from apicall import Gate
from apicustom import custom
from apiserver import NAMESPACE, PODS, TOKEN, USER, ApiServer, serve
from apistore import Object
from chaosmesh import Controllers, controllers, live, resources, servers
from realserver import RealServer

from distdiag_tui.anomalies.catalogue import CATALOGUE, find_anomaly
from distdiag_tui.anomalies.chaos import manifests as drafts
from distdiag_tui.anomalies.chaos.fault import PATIENCE, START, Chaos
from distdiag_tui.anomalies.entry import Means
from distdiag_tui.anomalies.protocol import Severity, Site
from distdiag_tui.kube.oceanbase import GROUP
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.options import Values

POD: Final = "obcluster-1-zone1-a1b2c3"
SERVER: Final = Endpoint("10.244.1.41", 2881)
OTHERS: Final = ("obcluster-1-zone2-d4e5f6", "obcluster-1-zone3-g7h8i9")
ENTRIES: Final = [(a.id, means) for a in CATALOGUE for means in a.means if means.injector == "chaos"]
RIGHTS: Final = {("list", "observers.oceanbase.oceanbase.com")} | {
    (verb, f"{plural}.chaos-mesh.org")
    for verb in ("create", "get", "list", "watch", "delete")
    for plural in ("stresschaos", "networkchaos", "iochaos", "podchaos", "timechaos")
}
"""What the package says that an account needs, and watch."""

CONTROLLER: Final = "controller-token"


class World:
    """An API server, real or not, with Chaos Mesh's controllers and `namespace`, where the servers are."""

    def __init__(self, server: ApiServer | RealServer, chaos: Controllers, namespace: str) -> None:
        self.server, self.chaos, self.namespace = server, chaos, namespace
        self.notes: dict[str, str] = {}

    @property
    def gate(self) -> Gate:
        return self.server.gate

    def note(self, key: str, text: str) -> None:
        self.notes[key] = text

    def kubeconfig(self, folder: Path, token: str = TOKEN) -> Path:
        if isinstance(self.server, RealServer):
            return self.server.kubeconfig(folder, self.namespace, token)
        return self.server.kubeconfig(folder, token, self.namespace)

    async def down(self) -> None:
        if isinstance(self.server, RealServer):
            self.server.down()
        else:
            await self.server.down()

    async def up(self) -> None:
        if isinstance(self.server, RealServer):
            await asyncio.to_thread(self.server.up)  # it takes a while, and whoever waits for it goes on
        else:
            await self.server.up()


@asynccontextmanager
async def stand_in(folder: Path, *, installed: bool = True) -> AsyncIterator[World]:
    """With pods and events; without Chaos Mesh if it is not `installed`. Its kubeconfig is in the folder."""
    async with serve(custom(servers()), *(resources() if installed else ())) as server:
        _admit_controllers(server.gate)
        for pod in live("Pod"):
            server.store.create(PODS, _placed(pod, NAMESPACE))
        async with controllers(server.url, CONTROLLER, NAMESPACE) as chaos:
            with _configured(World(server, chaos, NAMESPACE), folder) as world:
                yield await _peopled(world)


@asynccontextmanager
async def real(server: RealServer, folder: Path) -> AsyncIterator[World]:
    """A namespace of its own in a server that has the definitions. Its kubeconfig is in the folder."""
    _admit_controllers(server.gate)
    namespace = f"test-{secrets.token_hex(4)}"
    async with controllers(server.url, CONTROLLER, namespace, server.trust, events=False) as chaos:
        with _configured(World(server, chaos, namespace), folder) as world:
            yield await _peopled(world)


@contextmanager
def _configured(world: World, folder: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(world.kubeconfig(folder)))
        patch.setenv("SSL_CERT_FILE", os.devnull)  # reading all authorities takes longer than a test
        yield world


def _admit_controllers(gate: Gate) -> None:
    gate.tokens = {TOKEN: USER, CONTROLLER: "chaos-mesh"}
    gate.rights, gate.used, gate.masters = None, set(), frozenset({"chaos-mesh"})


async def _peopled(world: World) -> World:
    for item in live("OBServer"):
        await world.chaos.create("observers", _placed(item, world.namespace), GROUP)
        await world.chaos.set_status("observers", item, GROUP)
    return world


def _placed(item: Object, namespace: str) -> Object:
    kept = {key: item["metadata"][key] for key in ("name", "labels")}
    return {**item, "metadata": {**kept, "namespace": namespace}}


async def failure(steps: Awaitable[object]) -> str:
    """The one line that they fail with."""
    with pytest.raises(DistdiagError) as caught:
        await steps
    assert "\n" not in str(caught.value)
    return str(caught.value)


def site(values: Values, injection: str, seconds: float, where: Endpoint = SERVER) -> Site:
    """The first server, by its address."""
    return Site(injection, "obcluster", where, "root@sys", Secret("tiger"), values, seconds)


def fault(
    means: Means, severity: Severity = "low", seconds: float = 60.0, name: str = "some_fault-3f9c"
) -> Chaos:
    """What the catalogue makes."""
    return cast("Chaos", means.create(site(means.levels[severity], name, seconds)))


def means_of(anomaly: str) -> Means:
    """Its means by Chaos Mesh."""
    [found] = [means for means in find_anomaly(anomaly).means if means.injector == "chaos"]
    return found


def cpu(
    seconds: float = 60.0,
    name: str = "cpu_stress-3f9c",
    start: float = START,
    patience: float = PATIENCE,
    where: Endpoint = SERVER,
) -> Chaos:
    """The plainest fault."""
    values = means_of("cpu_stress").levels["low"]
    return Chaos(drafts.cpu, site(values, name, seconds, where), start=start, patience=patience)


def other_context(kubeconfig: Path, host: str) -> None:
    """Add a context that leads elsewhere, and make it the current one."""
    document = json.loads(kubeconfig.read_text())
    document["clusters"].append({"name": "elsewhere", "cluster": {"server": host}})
    context = {**document["contexts"][0]["context"], "cluster": "elsewhere"}
    document["contexts"].append({"name": "elsewhere", "context": context})
    document["current-context"] = "elsewhere"
    kubeconfig.write_text(json.dumps(document))
