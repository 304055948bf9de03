"""Load as Kubernetes jobs as it is asked for: from a machine that has nothing but the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver import PODS, ApiServer
from job_load import QUICK, cluster, left, running
from live_load import until

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.database import Prepared
from distdiag_tui.workloads.journal import Journal
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.protocol import Kind


class Ready(Workloads):
    """Workloads of a cluster that has the data of every kind, and is never asked."""

    async def prepared(self, kind: Kind, target: Target | None = None) -> Prepared:
        """Of the default sizes."""
        return Prepared({}, ready=True)


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    async with cluster(tmp_path) as found:
        monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig(tmp_path)))
        monkeypatch.setenv("PATH", str(tmp_path))
        yield found


@pytest.fixture
def asked(tmp_path: Path) -> Workloads:
    return Ready(Target("shop", (Endpoint("127.0.0.1", 1),)), Journal(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("kind", "given", "rates"),
    [
        ("sysbench", {}, ["0", "0"]),
        ("sysbench", {"rate": 101}, ["51", "50"]),
        ("tpcc", {"driver": "percona"}, ["0.0", "0.0"]),
        ("oltp", {"threads": 3, "rate": 30}, ["20.0", "10.0"]),
    ],
)
async def test_the_image_may_be_the_environment_s_and_no_program_need_be_here(
    server: ApiServer,
    asked: Workloads,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    given: dict[str, Value],
    rates: list[str],
) -> None:
    monkeypatch.setenv("DISTDIAG_IMAGE", QUICK)
    process = await asked.start(Wish(kind, ("run",), given | {"interval": 1}, {"jobs": 2}))
    try:
        await until(lambda: running(server) or not process.record.active, 60)
        commands = [pod["spec"]["containers"][0]["command"] for pod in server.store.list(PODS)]
    finally:
        await process.stop()
    assert process.record.phase == "stopped", process.record
    assert left(server) == []
    assert {command[3] for command in commands} == {kind}
    found = [word for command in commands for word in command if word.startswith("--rate=")]
    assert sorted(found) == sorted(f"--rate={rate}" for rate in rates)


async def test_what_cannot_be_divided_is_refused_before_anything_starts(
    server: ApiServer, asked: Workloads
) -> None:
    wish = Wish("sysbench", ("run",), {"rate": 2}, {"jobs": 3, "image": QUICK})
    with pytest.raises(ConfigError, match="3 jobs need a --rate of at least 3, not 2"):
        await asked.start(wish)
    assert asked.runs() == []
    assert left(server) == []
