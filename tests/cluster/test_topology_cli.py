"""`distdiag topology`: what it prints, and its exit codes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from conftest import LiveLab
from test_watch_cli import environment

from distdiag_tui.cli.topology import NOT_WELL, WELL, print_grants, run_topology
from distdiag_tui.model.errors import UnseenError
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim

COMMAND = [sys.executable, "-m", "distdiag_tui", "topology"]


@pytest.fixture
async def sim() -> AsyncIterator[Sim]:
    """Three servers and a tenant besides sys."""
    async with Sim(Shape(servers=3, tenants=1), seed=1) as found:
        yield found


async def test_all_of_a_cluster_as_json(sim: Sim, capsys: pytest.CaptureFixture[str]) -> None:
    code = await asyncio.to_thread(run_topology, sim.target(), as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert code == WELL
    assert document["schema"] == "distdiag.topology/1"
    assert (document["cluster"], document["tenant"], document["sampling"]) == ("sim", "", "direct")
    assert [zone["status"] for zone in document["zones"]] == ["ACTIVE"] * 3
    assert [(each["status"], each["state"]) for each in document["servers"]] == [("up", "ACTIVE")] * 3
    assert [each["address"] for each in document["servers"]] == [
        sim.endpoint(name).address for name in sim.servers
    ]
    for each in document["servers"]:
        assert each["version"].startswith("4.2.5.0")
        assert each["tenants"] == ["sys", "t1"]
        assert abs(each["clock_offset"]) < 2
        assert each["started"].endswith("+00:00")
        for share in each["resources"].values():
            assert 0 <= share["used"] <= share["limit"]
    assert {tenant["name"] for tenant in document["tenants"]} == {"sys", "META$1002", "t1"}
    assert len(document["units"]) == 6
    assert {leader["tenant"] for leader in document["leaders"]} == {"sys", "META$1002", "t1"}
    assert document["missing"] == []


async def test_a_server_that_is_gone_is_shown_and_makes_it_exit_with_3(
    sim: Sim, capsys: pytest.CaptureFixture[str]
) -> None:
    target, gone = sim.target(server=sim.servers[1]), sim.endpoint(sim.servers[0]).address
    await sim.stop_server(sim.servers[0])
    code = await asyncio.to_thread(run_topology, target, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert code == NOT_WELL == 1
    (line,) = (line for line in lines if line.strip().startswith(gone))
    assert "unreachable" in line
    assert "INACTIVE" in line
    (tenant,) = (line.split() for line in lines if line.startswith("t1 "))
    assert tenant[:5] == ["t1", "USER", "PRIMARY", "NORMAL", "IDLE"]


async def test_nothing_to_be_seen(sim: Sim) -> None:
    target = dataclasses.replace(sim.target(), user="nobody")
    with pytest.raises(UnseenError, match=r"no server answers; .*: refused: Access denied") as caught:
        await asyncio.to_thread(run_topology, target, as_json=True)
    assert caught.value.exit_code == 3
    with pytest.raises(UnseenError, match=r"no server answers; .*: Access denied"):
        await asyncio.to_thread(print_grants, target)


async def test_grants_name_what_the_version_has_and_a_tenant_needs(
    sim: Sim, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(print_grants, sim.target())
    everywhere = capsys.readouterr().out
    await asyncio.to_thread(print_grants, sim.target("root@t1"))
    tenant = capsys.readouterr().out
    assert "GRANT SELECT ON oceanbase.`DBA_OB_SERVERS` TO 'distdiag'@'%';" in everywhere
    assert "GRANT PROCESS" not in everywhere  # in sys all sessions show to everybody
    assert "GRANT PROCESS ON *.* TO 'distdiag'@'%';" in tenant
    assert "DBA_OB_SERVERS" not in tenant
    assert "GV$OB_UNITS" in tenant
    for script in (everywhere, tenant):
        assert "V$OB_SERVER_STAT" not in script  # seekdb's
        assert "`GV$SYSSTAT`" in script


def test_the_lab_as_a_script_sees_it(lab_env: LiveLab) -> None:
    done = subprocess.run(
        [*COMMAND, "lab", "--json"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (WELL, "")
    document = json.loads(done.stdout)
    for each in document["servers"]:
        assert each["status"] == "up"
        assert each["version"].startswith("seekdb")
        assert 0 < each["resources"]["log_disk"]["used"] <= each["resources"]["log_disk"]["limit"]
        assert abs(each["clock_offset"]) < 2
    assert [unit["server"] for unit in document["units"]] == [each["name"] for each in document["servers"]]
    assert document["tenants"][0]["compaction"]


def test_a_target_that_is_none() -> None:
    done = subprocess.run(
        [*COMMAND, "nowhere"], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "no profile named 'nowhere'" in done.stderr
