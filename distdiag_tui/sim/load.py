"""The model of load: what each tenant does on each server, second by second, and the totals it adds up to.

Arrays are servers x tenants. The same seed gives the same figures in the same second after the beginning,
whenever that was; between two seconds totals grow evenly,
so that a client's rates do not depend on when it asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Final

import numpy as np

from distdiag_tui.sim.arrays import Floats, Index, Ints
from distdiag_tui.sim.world import SYS, Tenant, World

Places = tuple[Ints, Ints] | EllipsisType

_MEMORY: Final = 0.97  # of the noise, from one second to the next
_DAY: Final = 86400.0
_MORNING: Final = 9 / 24
_COSTS: Final = {
    "select": 180.0,
    "insert": 350.0,
    "update": 420.0,
    "delete": 380.0,
    "replace": 390.0,
    "other": 40.0,
}
_MIX: Final = {"select": 0.62, "insert": 0.12, "update": 0.14, "delete": 0.03, "replace": 0.01, "other": 0.08}
_COUNTS: Final = {
    "select": 40000,
    "insert": 40002,
    "replace": 40004,
    "update": 40006,
    "delete": 40008,
    "other": 40018,
}


SYMPTOMS: Final = {
    "busy": "cores that something else takes",
    "load": "times as much demand",
    "disk": "times as long for reads and writes",
    "log": "times as long for writes of the redo log",
    "net": "milliseconds more for each call between servers",
    "locks": "sessions that wait for row locks",
    "failures": "statements a second that fail",
    "sessions": "sessions more, idle ones, of each tenant",
}


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something that ails a server, up to a second after the beginning."""

    kind: str
    server: int
    strength: float
    until: float


class Load:
    """`rates` and `totals` by statistic id; `levels` as well, for those that are set."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self._seconds = 0
        self.index = Index(world)
        self._symptoms: list[Symptom] = []
        self._noise: Floats = np.zeros(0)
        self.rates: dict[int, Floats] = {}
        self.totals: dict[int, Floats] = {}
        self.levels: dict[int, Floats] = {}
        self.began = world.now
        self._memstore: Floats = np.zeros((0, 0))
        self._idle: Floats = np.zeros(0)
        self._freezes: Floats = np.zeros((0, 0))
        self.grow()
        self._age()
        self._turn()

    @property
    def seconds(self) -> int:
        """Whole seconds since the beginning."""
        return self._seconds

    @property
    def freezes(self) -> Floats:
        """How often each memstore was frozen."""
        return self._freezes

    def add(self, symptom: Symptom) -> None:
        """Let a server suffer from the next second on."""
        self._symptoms.append(symptom)

    def clear(self, server: int) -> None:
        """Let it recover."""
        self._symptoms = [each for each in self._symptoms if each.server != server]

    def restart(self, server: int) -> None:
        """Totals of a server that starts anew begin at 0."""
        for total in self.totals.values():
            total[server] = 0.0
        self._memstore[server] = self._freezes[server] = 0.0

    def advance(self, now: float) -> None:
        """Go on to that time: as many whole seconds as have passed."""
        while self._seconds < int(now - self.began):
            for statistic, rate in self.rates.items():
                self.totals[statistic] += rate
            self._seconds += 1
            self._turn()

    def total(self, statistic: int, now: float, at: Places = ...) -> Floats:
        """A running total at that time, of servers and tenants at these places or of all."""
        part = min(1.0, max(0.0, now - self.began - self._seconds))
        found: Floats = self.totals[statistic][at] + part * self.rates[statistic][at]
        return found

    def active(self) -> Floats:
        """Sessions at work, as many as the time of statements makes busy."""
        return np.minimum(500.0, 0.4 + (self.rates[140012] + self.rates[60023]) / 1e6)

    def waiting(self) -> Floats:
        """Of these, those that wait for row locks."""
        return self.rates[60023] / 1e6

    def idle(self) -> Floats:
        """Sessions more than usual, by server."""
        return self._idle

    def _shape(self) -> tuple[int, int]:
        return len(self._world.servers), len(self._world.tenants)

    def grow(self) -> None:
        """Make room for servers that were added."""
        shape = self._shape()
        if self._memstore.shape == shape:
            return
        self._noise = _grown(self._noise.reshape(-1, 1), (shape[0], 1))[:, 0]
        self._memstore = _grown(self._memstore, shape)
        self._freezes = _grown(self._freezes, shape)
        for kept in (self.totals, self.rates, self.levels):
            kept.update({statistic: _grown(total, shape) for statistic, total in kept.items()})
        self._idle = _grown(self._idle.reshape(-1, 1), (shape[0], 1))[:, 0]

    def _age(self) -> None:
        """Totals that a server has from before the beginning: as if it had always been like this."""
        self._turn()
        up = np.array([[self._world.now - server.started] for server in self._world.servers])
        self.totals = {
            statistic: np.floor(rate * np.maximum(up, 0.0)) for statistic, rate in self.rates.items()
        }
        self._noise = np.zeros(len(self._world.servers))

    def _turn(self) -> None:
        """Find the rates of this second."""
        self.grow()
        random = np.random.default_rng([self._seed, self._seconds])
        shape = self._shape()
        shared = random.standard_normal(3)
        self._noise = _MEMORY * self._noise + math.sqrt(1 - _MEMORY**2) * (
            0.7 * shared[0] + 0.7 * random.standard_normal(shape[0])
        )
        jitter = random.standard_normal(shape)
        ails = self._ails()
        demand = self._demand(ails["load"]) * np.exp(0.08 * self._noise)[:, None] * np.exp(0.05 * jitter)
        self._fill(demand, ails)

    def _ails(self) -> dict[str, Floats]:
        """For each kind of symptom its strength on each server."""
        now = self._seconds
        self._symptoms = [each for each in self._symptoms if each.until > now]
        rows = len(self._world.servers)
        strengths = {
            kind: np.full(rows, 1.0 if kind in ("load", "disk", "log") else 0.0) for kind in SYMPTOMS
        }
        for each in self._symptoms:
            strengths[each.kind][each.server] = each.strength
        return strengths

    def _demand(self, load: Floats) -> Floats:
        """Statements a second that arrive, where the leaders are."""
        leads = self.index.arrays.leads
        wanted = np.zeros(leads.shape)
        for tenant in self._world.tenants:
            column = leads[:, tenant.index]
            if total := column.sum():
                wanted[:, tenant.index] = column / total * self._statements(tenant) * load
        return wanted

    def _statements(self, tenant: Tenant) -> float:
        """Of a whole tenant, a second."""
        if tenant.kind != "USER":
            return 30.0 if tenant.id == SYS else 6.0 * tenant.units_per_zone
        usual = 900.0 / (1 + 0.5 * tenant.index) * tenant.units_per_zone * len(self._world.zones)
        return usual * share_of_day(self._seconds + 6000.0 * tenant.index)

    def _fill(self, demand: Floats, ails: Mapping[str, Floats]) -> None:
        """All rates and levels from the demand. Times are microseconds a second."""
        here = self.index.arrays.present
        demand = demand * here
        self._idle = ails["sessions"]
        cost = sum(_MIX[kind] * _COSTS[kind] for kind in _MIX)
        cpus = np.array([server.cpus for server in self._world.servers], np.float64)
        used = demand.sum(axis=1) * cost / 1e6 + 0.15 + ails["busy"]
        slow = (1.0 / (1.0 - np.minimum(used / cpus, 0.97)))[:, None]
        disk, log, net = ails["disk"][:, None], ails["log"][:, None], ails["net"][:, None] * 1000.0
        rates = self.rates = {}
        for kind, share in _MIX.items():
            count = demand * share
            writes = kind in ("insert", "update", "delete", "replace")
            wait = (90.0 * log + 0.3 * net) if writes else (25.0 * disk + 0.05 * net)
            rates[_COUNTS[kind]] = count
            rates[_COUNTS[kind] + 1] = count * (_COSTS[kind] * slow + wait)
        self._fill_storage(demand, disk, log)
        self._fill_others(demand, slow, net, ails)
        self._fill_levels(here, demand, cost)

    def _fill_storage(self, demand: Floats, disk: Floats, log: Floats) -> None:
        rates, selects, writes = self.rates, demand * _MIX["select"], demand * 0.30
        rates[60031], rates[60090] = selects * 14.0, selects * 3.0
        rates[60033], rates[60034], rates[60032] = demand * 0.14, demand * 0.16, demand * 0.03
        rates[60000], rates[60003] = selects * 0.12 + 2.0 * (demand > 0), writes * 0.25 + 4.0 * (demand > 0)
        rates[60001], rates[60004] = rates[60000] * 220.0 * disk, rates[60003] * 310.0 * disk
        rates[60002], rates[60005] = rates[60000] * 16384.0, rates[60003] * 32768.0
        rates[80001], rates[80002] = writes * 0.7, writes * 0.7 * 2900.0
        rates[80003] = rates[80001] * 180.0 * log
        rates[50000], rates[50001] = selects * 5.0, selects * 0.4
        rates[50008], rates[50009] = selects * 9.0, selects * 0.12
        rates[60086], rates[60087] = selects * 0.07, selects * 6.93

    def _fill_others(self, demand: Floats, slow: Floats, net: Floats, ails: Mapping[str, Floats]) -> None:
        rates, commits = self.rates, demand * 0.09
        rates[30007], rates[30009], rates[30011] = commits, commits * 0.004, commits * 0.0001
        rates[30013] = commits * 0.3
        rates[30006] = commits * (5200.0 * slow + 2 * net)
        rates[30001] = commits * 0.95
        rates[30000] = rates[30001] * (480.0 + net) + rates[80003] * 0.3
        rates[30008] = rates[30000] * 1.08 + commits * 90.0
        failures = ails["failures"][:, None] * (demand > 0)
        rates[40119] = demand * 0.0008 + failures
        rates[40112] = demand * 0.002
        rates[20001], rates[20002] = demand * 1.1, demand * 1.1 * 18.0 * slow**2
        worker = sum(rates[count + 1] for count in _COUNTS.values())
        locks = ails["locks"][:, None] * 1e6 * (demand > 0)
        rates[60021], rates[60022] = demand * 0.33, demand * 0.0004 + locks / 1e5
        rates[60023] = demand * 0.9 + locks
        rates[140012] = worker * 1.05 + locks * 0.2
        rates[140013] = demand * 205.0
        rates[10008], rates[10010] = demand * 190.0, demand * 760.0
        rates[10000], rates[10002] = demand * 0.8 + 12.0, demand * 0.8 + 12.0
        rates[10001], rates[10003] = rates[10000] * 640.0, rates[10002] * 655.0
        rates[10005], rates[10006] = rates[10000] * (95.0 + net), rates[10000] * 12.0
        rates[10004] = np.where(net > 200_000.0, rates[10002] * 0.02, 0.0) + 0.0 * demand
        rates[PLAN_ACCESSES], rates[PLAN_HITS] = demand * 0.98, demand * 0.976

    def _fill_levels(self, here: Floats, demand: Floats, cost: float) -> None:
        tenants = self._world.tenants
        limit = np.array([tenant.cpus for tenant in tenants]) * here
        memory = np.array([float(tenant.memory) for tenant in tenants]) * here
        self._memstore = (self._memstore + self.rates[80002] * 1.6) * (here > 0)
        most = memory * 0.4
        full = (self._memstore > most * 0.5) & (most > 0)
        self._freezes = self._freezes + full
        self._memstore = np.where(full, most * 0.04, self._memstore)
        levels = self.levels = {}
        levels[140005] = limit * 100.0
        levels[140006] = np.minimum(limit * 100.0, demand * cost / 1e4 + 4.0 * here)
        levels[140002], levels[140003] = memory, memory * 0.55 + self._memstore
        levels[130000] = self._memstore * 0.9
        levels[130001], levels[130004] = self._memstore, most
        levels[130002] = most * 0.5
        levels[140018] = memory * 0.24


PLAN_ACCESSES: Final = -1  # kept with the statistics, though another view tells them
PLAN_HITS: Final = -2


def share_of_day(seconds: float) -> float:
    """Of the usual load, so long after the beginning, which is in the morning whatever the clock says."""
    at = seconds / _DAY + _MORNING
    return 0.65 - 0.3 * math.cos(2 * math.pi * at) + 0.1 * math.sin(4 * math.pi * at)


def _grown(old: Floats, shape: tuple[int, int]) -> Floats:
    new = np.zeros(shape)
    new[: old.shape[0], : old.shape[1]] = old
    return new
