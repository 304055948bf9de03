"""Frames of a large cluster, made up but honest: counters that are noisy where a real cluster's are.

In the lab's recorded runs under load, of all stretches of 32 ticks of a metric 5 % are missing, 35 % are
constant, and 60 % move. So here more: busy totals follow a daily shape, a load that the whole cluster has in
common, one of each server's own, and the chance of whole events; idle ones stand still.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import IS_LEVEL, Floats
from distdiag_tui.model.metrics import CATALOGUE, COLUMNS
from distdiag_tui.model.topology import Server, Status, Tenant
from distdiag_tui.sources.frame import SERVER_WIDE, Frame, Sample

ZONES = 3
LATE = 0.01  # the share of servers whose sample misses its tick
IDLE_USER, IDLE_SYS = 0.2, 0.45  # the share of totals that stand still
LARGE, FAR = 1e9, 1e11  # what is used, and what there is
STEP = 2.0**21  # bytes, in which memory is taken

LIMITS = [index for index, column in enumerate(COLUMNS) if IS_LEVEL[index]
          and any(column in metric.under for metric in CATALOGUE)]  # fmt: skip


class Cluster:
    """So many servers with a sys tenant and `tenants` - 1 others, and the frames of `ticks` seconds."""

    def __init__(self, servers: int, tenants: int = 3, seed: int = 0) -> None:
        self._dice = np.random.default_rng(seed)
        names = tuple(
            Tenant(1 if n == 0 else 1000 + 2 * n, "sys" if n == 0 else f"t{n}") for n in range(tenants)
        )
        self.servers = tuple(
            Server(f"n{n:04}", f"10.0.{n // 250}.{n % 250}:2881", f"zone{n % ZONES}", Status.UP,
                   latency=0.01, age=0.0, tenants=names)
            for n in range(servers)
        )  # fmt: skip
        self._ids = (SERVER_WIDE, *(tenant.id for tenant in names))
        self._rates = self._usual_rates(servers, tenants)
        self._totals = self._rates * self._dice.uniform(1e4, 1e6, (servers, 1, 1))
        self._totals[:, :, IS_LEVEL] = np.round(self._rates[:, :, IS_LEVEL])
        self._own = np.zeros(servers)  # AR(1) load of each server, and of all
        self._all = 0.0

    def _usual_rates(self, servers: int, tenants: int) -> Floats:
        """Events a second (servers, 1 + tenants, C), or levels; 0: idle, NaN: not there."""
        dice, width = self._dice, len(COLUMNS)
        usual = np.exp(dice.normal(3.5, 2.0, width))  # from a few to thousands a second
        usual[IS_LEVEL] = np.where(dice.random(int(IS_LEVEL.sum())) < 0.5, LARGE, 40.0)
        rates = (
            usual
            * dice.lognormal(0, 0.5, (servers, 1 + tenants, 1))
            * dice.lognormal(0, 0.3, (servers, 1, width))
        )
        rates[:, 1] *= 0.05  # the sys tenant does little
        rates[:, :, LIMITS] = FAR
        idle = (
            dice.random((1 + tenants, width)) < np.array([0, IDLE_SYS, *[IDLE_USER] * (tenants - 1)])[:, None]
        )
        rates[:, idle & ~IS_LEVEL] = 0.0
        wide = np.array(
            [isinstance(column, str) and column.startswith(("disk.", "host.")) for column in COLUMNS]
        )
        rates[:, 0, ~wide] = np.nan  # the server as a whole has only its disks and its machine
        rates[:, 1:, wide] = np.nan
        return np.asarray(rates)

    def frames(self, ticks: int, interval: float = 1.0) -> Iterator[Frame]:
        """One after the other. Samples are new arrays, as from a source."""
        for tick in range(ticks):
            self._step(tick)
            late = self._dice.random(len(self.servers)) < LATE
            at = tick * interval + self._dice.normal(0.02, 0.004, len(self.servers))
            totals = self._totals.copy()
            samples = {
                server.name: Sample(self._ids, totals[n], float(at[n]), 1)
                for n, server in enumerate(self.servers)
                if not late[n]
            }
            servers = tuple(replace(server, age=0.1) for server in self.servers)
            yield Frame(tick, 1.7e9 + tick * interval, interval, servers, samples, 0.05)

    def _step(self, tick: int) -> None:
        dice = self._dice
        self._own = 0.9 * self._own + dice.normal(0, 0.04, len(self._own))
        self._all = 0.97 * self._all + dice.normal(0, 0.02)
        daily = 1.0 + 0.3 * math.sin(tick / 86400 * 2 * math.pi)
        load = daily * np.exp(self._own + self._all)
        expected = self._rates * load[:, None, None]
        noise = dice.standard_normal(expected.shape, dtype=np.float32)
        counts = np.rint(np.maximum(0.0, expected + noise * (np.sqrt(expected) + 0.05 * expected)))
        self._totals += np.where(IS_LEVEL, 0.0, counts)
        self._levels(noise)

    def _levels(self, noise: NDArray[np.float32]) -> None:
        """Limits stay; memory is taken and given in steps, now and then; sessions and workers come and go."""
        usual, moves = self._rates[:, :, IS_LEVEL], noise[:, :, IS_LEVEL]
        few = np.maximum(0.0, np.rint(usual * (1 + 0.2 * moves)))
        steps = usual + STEP * np.rint(8 * self._own[:, None, None] / 0.1)
        self._totals[:, :, IS_LEVEL] = np.where(usual == FAR, usual, np.where(usual < 1e6, few, steps))
