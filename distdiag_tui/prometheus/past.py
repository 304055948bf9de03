"""What was before the console began, in front of what it has seen since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import History, Values
from distdiag_tui.model.topology import Subject

MOST_BYTES: Final = 64 * 2**20


class Growing(History, Protocol):
    """A history whose newest tick is known."""

    @property
    def tick(self) -> int | None: ...


class Past:
    """A history that goes on backwards from tick `first`, the first one of `newer`.

    Once `newer` holds `reach` ticks itself it gives up older ones. What is before is forgotten then: it would
    stand beside ticks that do not follow it.
    """

    def __init__(self, newer: Growing, first: int, reach: int) -> None:
        self.first = first
        self.begin = first
        """The first tick of which something is known."""
        self._newer = newer
        self._reach = reach
        self._values: dict[Subject, Values] = {}  # columns up to `first`, without that

    @staticmethod
    def room(subjects: int, reach: int) -> int:
        """How many ticks of so many subjects may be kept."""
        return min(reach, MOST_BYTES // (4 * len(METRIC_IDS) * max(1, subjects)))

    def fill(self, begin: int, values: Mapping[Subject, Values]) -> None:
        """Metrics (M, N) of ticks from `begin` on, which end before `first`."""
        for subject, columns in values.items():
            known = self._values.get(subject)
            width = self.first - begin
            if known is None or known.shape[1] < width:
                wider = np.full((len(METRIC_IDS), width), np.nan, dtype=np.float32)
                if known is not None:
                    wider[:, width - known.shape[1] :] = known
                known = self._values[subject] = wider
            at = known.shape[1] - (self.first - begin)
            known[:, at : at + columns.shape[1]] = columns
            there = np.flatnonzero(np.isfinite(columns).any(axis=0))
            if len(there):
                self.begin = min(begin + int(there[0]), self.begin)

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """All metrics of one subject, shape (M, n); n is 0 for an unknown one."""
        newer = self._newer.window(subject, count, end)
        seen = newer.shape[1]
        if subject not in self._values or not self._reaches(seen, count, end):
            return newer
        last = end if seen == 0 and end is not None else self.first + seen - 1
        if seen == 0 and last >= self.first:  # nothing was heard of it since
            newer = np.full((len(METRIC_IDS), min(count, last - self.first + 1)), np.nan, dtype=np.float32)
        older = self._cut(subject, last, count - newer.shape[1])
        return _read_only(np.concatenate([older, newer], axis=1))

    def traces(self, subjects: Sequence[Subject], metric: int, count: int, end: int | None = None) -> Values:
        """One metric of many subjects, shape (len(subjects), n)."""
        newer = self._newer.traces(subjects, metric, count, end)
        seen = newer.shape[1]
        if not self._reaches(seen, count, end):
            return newer
        last = end if seen == 0 and end is not None else self.first + seen - 1
        parts = [self._cut(subject, last, count - seen)[metric] for subject in subjects]
        older = np.full((len(parts), max(map(len, parts), default=0)), np.nan, dtype=np.float32)
        for row, part in zip(older, parts, strict=True):
            row[len(row) - len(part) :] = part
        return _read_only(np.concatenate([older, newer], axis=1))

    def _reaches(self, seen: int, count: int, end: int | None) -> bool:
        """Whether what was read back belongs into a window of `count`, of which so many ticks were seen."""
        if self._newer.tick is not None and self._newer.tick - self.first + 1 >= self._reach:
            self._values.clear()
        return bool(self._values) and seen < count and (seen > 0 or end is not None)

    def _cut(self, subject: Subject, last: int, count: int) -> Values:
        """Up to `count` ticks up to `last`, or to where what was seen begins."""
        older = self._values.get(subject)
        if older is None:
            return np.empty((len(METRIC_IDS), 0), dtype=np.float32)
        stop = max(0, older.shape[1] + min(0, last + 1 - self.first))
        return older[:, max(0, stop - count) : stop]


def _read_only(values: Values) -> Values:
    values.flags.writeable = False
    return values
