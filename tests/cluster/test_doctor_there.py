"""What `doctor` says of the servers of a cluster that nobody named."""

from __future__ import annotations

from distdiag_tui.doctor.check import Check
from distdiag_tui.doctor.servers import servers
from distdiag_tui.model.target import Target
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim


async def others(target: Target) -> Check | None:
    found = [check async for check in servers(target) if check.name == "other servers"]
    return found[0] if found else None


async def test_servers_that_nobody_named_are_looked_at_too() -> None:
    async with Sim(Shape("4.2.5", zones=3, servers=6, tenants=1), seed=1) as sim:
        assert await others(sim.target()) == Check("other servers", "ok", "5 more were found; all answer")
        away = sim.endpoint("z3s2")
        await sim.stop_server("z3s2")
        told = await others(sim.target())
        assert told is not None
        assert told.words == f"5 more were found; no answer from {away.address}"
        assert (told.state, "open their SQL ports" in told.mend) == ("missing", True)


async def test_where_all_are_named_there_are_no_others() -> None:
    async with Sim(Shape("4.2.5", zones=1, servers=1, tenants=1), seed=1) as sim:
        assert await others(sim.target()) is None


async def test_behind_an_obproxy_there_are_all_of_them() -> None:
    async with Sim(Shape("4.2.5", zones=3, servers=6, tenants=1), seed=1, obproxy=0) as sim:
        told = await others(sim.target(obproxy=True))
        assert told == Check("other servers", "ok", "6 more were found; all answer")
