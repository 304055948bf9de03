"""A full cluster on a stage: zones, servers, tenants, units and leaders; its life is as the test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from staged import START, Stage

from distdiag_tui.model.arithmetic import IS_LEVEL, Floats
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, Column
from distdiag_tui.model.topology import (
    Event,
    Happening,
    Layout,
    Member,
    Merge,
    Server,
    Share,
    Status,
    Subject,
    Tenant,
    TenantFacts,
    Unit,
    Zone,
)
from distdiag_tui.sources.frame import Frame, Sample

GB: Final = 1e9
NAMES: Final = ("sys", "shop", "crm", "billing", "search", "archive")

# What a tenant does on a server: totals a second, and levels.
USUAL: Final[dict[Column, float]] = {
    40000: 800, 40001: 800 * 310, 40002: 60, 40003: 60 * 420, 40006: 90, 40007: 90 * 510, 40008: 4,
    40009: 1600, 40018: 300, 40019: 300 * 40, 30007: 110, 30008: 110 * 900, 30009: 1, 30006: 111 * 4100,
    140013: 1.1e6, 140005: 400, 140012: 1.4e6, 140006: 90, 140003: 3.1 * GB, 140002: 6 * GB,
    130001: 0.4 * GB, 130004: 2 * GB, 20001: 1200, 20002: 1200 * 45, "session.active": 3, "session.all": 40,
    "disk.data_used": 310 * GB, "disk.data_total": 1000 * GB, "disk.log_used": 90 * GB,
    "disk.log_total": 200 * GB,
}  # fmt: skip


class StagedCluster(Stage):
    """`zones` x servers of three tenants or more; every server has a unit of `sys` and of two others."""

    def __init__(self, servers: int = 30, zones: int = 3, tenants: int = 4, seed: int = 7) -> None:
        names = [Tenant(1 if number == 0 else 1000 + number, NAMES[number]) for number in range(tenants)]
        super().__init__(_server(number, zones, names) for number in range(servers))
        chance = np.random.default_rng(seed)
        rows = len(self.servers[0].tenants)
        rates = np.array([USUAL.get(column, 5.0) for column in COLUMNS])
        spread = chance.lognormal(0.0, 0.25, (servers, rows, 1))
        self.rates: Floats = rates * np.where(IS_LEVEL, 1.0, spread)
        self.rates[..., COLUMN_INDEX["session.active"]] = chance.integers(1, 9, (servers, rows))
        self._totals: Floats = np.zeros_like(self.rates)
        self._chance = chance
        self.layout: Layout | None = _layout(self.servers, names, zones)
        self._events: list[Event] = []

    def hot(self, name: str, column: Column, factor: float) -> None:
        """From now on a total of a server runs faster, or a level is higher."""
        number = next(index for index, each in enumerate(self.servers) if each.name == name)
        self.rates[number, :, COLUMN_INDEX[column]] *= factor

    def keeps(self, name: str, **known: Any) -> None:  # noqa: ANN401
        """From now on the cluster says something else of a server."""
        assert self.layout is not None
        member = replace(self.layout.members[name], **known)
        self.layout = replace(self.layout, members={**self.layout.members, name: member})

    def happens(self, kind: Happening, text: str, where: Subject, *, serious: bool = False) -> None:
        """An event of the next tick."""
        self._events.append(Event(float(START + self.clock), where, kind, text, serious=serious))

    def frame(self) -> Frame:
        """What the servers, and their cluster, say now."""
        steps = self.rates * self._chance.uniform(0.9, 1.1, (*self.rates.shape[:2], 1))
        self._totals = np.where(IS_LEVEL, self.rates, self._totals + steps)
        samples = {
            each.name: Sample(tuple(t.id for t in each.tenants), self._totals[number], float(self.clock), 1)
            for number, each in enumerate(self.servers)
            if each.status.answers
        }
        events, self._events = tuple(self._events), []
        tick = START + self.clock
        return Frame(
            tick, float(tick), 1.0, tuple(self.servers), samples, 0.0142, layout=self.layout, events=events
        )


def sick_cluster(servers: int = 30) -> StagedCluster:
    """One in which a server is gone, one is slow, one is being deleted, one is hot, and things happened."""
    stage = StagedCluster(servers)
    names = [each.name for each in stage.servers]
    stage.change(names[4], status=Status.UNREACHABLE, detail="connection refused", age=42.0)
    stage.keeps(names[4], state="INACTIVE", clock_offset=None)
    stage.change(names[10], status=Status.SLOW, detail="no answer for 0.8 s", latency=0.8)
    stage.keeps(names[13], state="DELETING", clock_offset=0.184)
    stage.hot(names[20], 140013, 2.4)
    return stage


def eventful(stage: StagedCluster) -> None:
    """What an on-call engineer would want to know of, in the next tick."""
    first, second = stage.servers[0], stage.servers[1]
    there = Subject(second.zone, second.name)
    stage.happens(Happening.LEADER_MOVED, f"12 leaders of shop moved to {second.name}", there)
    stage.happens(Happening.UNIT_MIGRATED, f"unit 1004 of crm: {first.name} → {second.name}", there)
    stage.happens(Happening.ZONE_STATE, "zone2 was stopped", Subject("zone2"), serious=True)


def _server(number: int, zones: int, tenants: Sequence[Tenant]) -> Server:
    placed = (tenants[0], *(tenants[1 + (number // zones + step) % (len(tenants) - 1)] for step in (0, 1)))
    return Server(
        f"observer-{number + 1:03}",
        f"10.0.{number % zones + 1}.{number // zones + 1}:2881",
        f"zone{number % zones + 1}",
        Status.UP,
        product="OceanBase 4.2.5.1",
        uptime=9.1e5,
        latency=0.0042,
        age=0.1,
        tenants=tuple(dict.fromkeys(placed)),
    )


def _layout(servers: Sequence[Server], tenants: Sequence[Tenant], zones: int) -> Layout:
    units = tuple(
        Unit(
            1000 + number * 10 + index,
            tenant.name,
            each.zone,
            each.name,
            "ACTIVE",
            pool=f"pool_{tenant.name}",
            shares=_unit_shares(index),
        )
        for number, each in enumerate(servers)
        for index, tenant in enumerate(each.tenants)
    )
    members = {
        each.name: Member(
            each.name,
            each.zone,
            "ACTIVE",
            "4.2.5.1-101000092024",
            START - 2.7e5 - 60 * number,
            rootserver=number < zones,
            leaders=4 + number % 5,
            clock_offset=0.0004 * (number % 7),
            rpc=each.address.replace("2881", "2882"),
            shares=_shares(number),
        )
        for number, each in enumerate(servers)
    }
    facts = tuple(
        TenantFacts(
            each.id,
            each.name,
            "SYS" if index == 0 else "USER",
            "STANDBY" if each.name == "crm" else "PRIMARY",
            "NORMAL",
            "zone1;zone2,zone3",
            ", ".join(f"FULL{{1}}@zone{zone + 1}" for zone in range(zones)),
            Merge("COMPACTING" if each.name == "shop" else "IDLE"),
            {server.name: 2 for server in servers if each in server.tenants},
        )
        for index, each in enumerate(tenants)
    )
    regions = ("hangzhou", "shanghai", "shenzhen")
    kept = tuple(Zone(f"zone{n + 1}", "ACTIVE", regions[n % 3], f"idc-{n + 1}") for n in range(zones))
    return Layout(kept, members, facts, units, sampling="direct")


def _shares(number: int) -> dict[str, Share]:
    disk = 0.6 + 0.35 * (number % 8 == 5)
    return {
        "cpu": Share(4.6, 14.0, 16.0),
        "memory": Share(31 * GB, 52 * GB, 64 * GB),
        "log_disk": Share(90 * GB, 180 * GB, 200 * GB),
        "data_disk": Share(disk * 1000 * GB, None, 1000 * GB),
    }


def _unit_shares(index: int) -> dict[str, Share]:
    return {
        "cpu": Share(1.1 + index, None, 4.0 + index),
        "memory": Share((3.1 + 4 * index) * GB, None, (6 + 6 * index) * GB),
        "log_disk": Share(11 * GB, None, 18 * GB),
        "data_disk": Share(120 * GB),
    }
