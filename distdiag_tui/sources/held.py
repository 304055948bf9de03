"""Readings that come more rarely than ticks hold until the next one is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.sources.frame import Sample

LONGEST: Final = 1.5  # of the time between two readings


@dataclass(frozen=True, slots=True)
class _Reading:
    """With what it came to, and until when that holds (epoch s)."""

    sample: Sample
    rates: Floats
    until: float


class Held:
    """Of machines, by server name; those that come with every tick are not kept."""

    def __init__(self) -> None:
        self._readings: dict[str, _Reading] = {}

    def take(
        self, time: float, hosts: Mapping[str, Sample], rates: Floats
    ) -> tuple[Mapping[str, Sample], Floats]:
        """New readings and their rates (K, C) at a `time`, together with those that still hold."""
        for (name, sample), row in zip(hosts.items(), rates, strict=True):
            if sample.every:
                self._readings[name] = _Reading(sample, row, time + LONGEST * sample.every)
        if not self._readings:
            return hosts, rates
        self._readings = {name: each for name, each in self._readings.items() if time < each.until}
        held = {name: each for name, each in self._readings.items() if name not in hosts}
        if not held:
            return hosts, rates
        samples = {**hosts, **{name: each.sample for name, each in held.items()}}
        return samples, np.concatenate([rates, np.array([each.rates for each in held.values()])])
