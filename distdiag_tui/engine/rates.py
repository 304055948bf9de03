"""From samples to raw columns per second: every server against its own predecessor, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats, per_second
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.sources.frame import Sample

LONGEST_STEP: Final = (
    3.5  # ticks; a rate over a longer pause says nothing about the tick it would be drawn at
)


class Rates:
    """Remembers the last sample of every server."""

    def __init__(self) -> None:
        self._last: dict[str, Sample] = {}

    @property
    def last(self) -> Mapping[str, Sample]:
        """The newest sample of every server that ever had one."""
        return self._last

    def take(self, samples: Mapping[str, Sample], interval: float) -> Floats:
        """Columns per second (R, C): the rows of every sample, in its order, one sample after the other.

        Totals are NaN where the predecessor is missing or not comparable.
        """
        if not samples:
            return np.empty((0, len(COLUMNS)))
        before: list[Floats] = []
        seconds: list[float] = []
        for name, sample in samples.items():
            last = self._last.get(name)
            comparable = last is not None and last.epoch == sample.epoch
            passed = sample.at - last.at if last is not None and comparable else 0.0
            if last is None or not 0 < passed <= LONGEST_STEP * max(interval, 1.0, sample.every):
                before.append(_nothing(len(sample.tenants)))
            elif last.tenants == sample.tenants:
                before.append(last.columns)
            else:
                before.append(_aligned(last, sample.tenants))
            seconds.append(passed)
        rows = [len(sample.tenants) for sample in samples.values()]
        current = np.concatenate([sample.columns for sample in samples.values()])
        self._last.update(samples)
        return per_second(np.concatenate(before), current, np.repeat(seconds, rows))


def _aligned(last: Sample, tenants: Iterable[int]) -> Floats:
    """The predecessor's rows of these tenants, NaN for a new one."""
    rows = dict(zip(last.tenants, last.columns, strict=True))
    nothing = np.full(len(COLUMNS), np.nan)
    return np.array([rows.get(tenant, nothing) for tenant in tenants]).reshape(-1, len(COLUMNS))


_NOTHING: Final = np.full((64, len(COLUMNS)), np.nan)


def _nothing(rows: int) -> Floats:
    return _NOTHING[:rows] if rows <= len(_NOTHING) else np.full((rows, len(COLUMNS)), np.nan)
