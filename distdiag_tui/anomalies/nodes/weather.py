"""When a piece of data arrives over a bad network."""

from __future__ import annotations

import math
import random
from typing import Final

from distdiag_tui.workloads.options import Values

_NEVER: Final = 3600.0  # seconds


class Weather:
    """Delay, jitter, bandwidth and stalls, by the parameters of the catalogue.

    The bandwidth is that of the server's line: all connections share it, each way by itself.
    """

    def __init__(self, values: Values, chance: random.Random | None = None) -> None:
        number = {name: float(value) for name, value in values.items()}
        self._delay, self._jitter = number["delay_ms"] / 1e3, number["jitter_ms"] / 1e3
        self._rate = number["kib_per_s"] * 1024
        self._stalls, self._stall = number["stall_percent"] / 100, number["stall_ms"] / 1e3
        self._resets = number["resets_per_min"] / 60
        self._chance = chance or random.Random()  # noqa: S311 - weather
        self._free = {"in": 0.0, "out": 0.0}

    @property
    def words(self) -> str:
        """All of it in one line."""
        line = f"{self._delay * 1e3:g} ms ± {self._jitter * 1e3:g} ms each way, {self._rate / 1024:g} KiB/s"
        stalls = f"{self._stalls:.1%} of packets late by {self._stall * 1e3:g} ms"
        return f"{line}, {stalls}, {self._resets * 60:g} resets a minute"

    def arrival(self, way: str, now: float, size: int) -> float:
        """When `size` bytes sent now have arrived; s on the clock of `now`."""
        self._free[way] = max(now, self._free[way]) + size / self._rate
        late = self._stall if self._chance.random() < self._stalls else 0.0
        jitter = self._chance.uniform(-self._jitter, self._jitter)
        return self._free[way] + max(0.0, self._delay + jitter) + late

    def reset_pause(self) -> float:
        """Seconds until the next reset, at random around their mean."""
        return -math.log(1.0 - self._chance.random()) / self._resets if self._resets else _NEVER
