"""Which way leads to a target's machines: the one that is configured, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from distdiag_tui.hosts import opening
from distdiag_tui.hosts.hosted import HostedSource
from distdiag_tui.hosts.opening import open_source
from distdiag_tui.model.hostaccess import HostAccess, NodeExporter, Pods, Ssh
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.sources.live import LiveSource

TARGET = Target("shop", (Endpoint("10.0.0.1", 2881), Endpoint("::1", 2881, "ob2")))
KUBE: Mapping[str, str] = {"namespace": "ob"}
EXPORTER = NodeExporter("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("target", "way"),
    [
        (TARGET, None),
        (replace(TARGET, home=Path("/nowhere")), "LabHosts"),
        (replace(TARGET, kube=KUBE), "PodHosts"),
        (replace(TARGET, kube=KUBE, hosts=HostAccess(EXPORTER)), "PrometheusHosts"),
        (replace(TARGET, kube=KUBE, hosts=HostAccess(None)), None),
        (replace(TARGET, hosts=HostAccess(Pods())), "PodHosts"),
        (replace(TARGET, hosts=HostAccess(Ssh())), "RemoteHosts"),
    ],
)
def test_a_target_s_way(target: Target, way: str | None) -> None:
    source = open_source(target, 0.5)
    assert isinstance(source, LiveSource if way is None else HostedSource)
    if isinstance(source, HostedSource):
        assert type(source._hosts).__name__ == way
        assert len(source._servers) == (2 if way == "LabHosts" else 0)


@pytest.mark.parametrize(
    ("access", "package", "extra"),
    [
        (Ssh(), "missing_ssh", "ssh"),
        (EXPORTER, "missing_prometheus", "prometheus"),
        (Pods(), "missing", "k8s"),
    ],
)
async def test_a_package_that_is_missing_costs_only_the_machines(
    access: Ssh | NodeExporter | Pods, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = f"pip install 'distdiag-tui[{extra}]'"
    monkeypatch.setattr(opening, package, lambda: install)
    frames = open_source(replace(TARGET, hosts=HostAccess(access)), 0.2).frames()
    while not (frame := await anext(frames)).machines:
        pass
    await frames.aclose()
    assert len(frame.servers) == 2
    assert {host.trouble for host in frame.machines.values()} == {f"first: {install}"}
