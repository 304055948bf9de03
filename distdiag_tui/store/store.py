"""The recent past of every subject and metric: an hour of it, plain where that is small, else packed.

Columns are the ticks, counted from 0. Shapes: M metrics, n ticks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Table, Values
from distdiag_tui.model.topology import Subject
from distdiag_tui.store.ring import BLOCK, SUBJECTS, Ring

if TYPE_CHECKING:
    from distdiag_tui.store.past import Past

HOUR: Final = 3600  # ticks
PLAIN: Final = 64 * 2**20  # bytes up to which all of the hour stays in the ring
RECENT: Final = BLOCK + BLOCK // 2  # ticks in the ring where it does not: a block is packed in half its time
NOBODY: Final = Table.of({})


class Store:
    """Values by tick, subject and metric, NaN for gaps.

    Up to PLAIN bytes, windows are views of a ring. Of more subjects the newest ticks are in the ring, and
    older ones in blocks: exact if that fits into memory, else within `segment.PRECISION` of what they were.
    Packing is spread over the ticks.
    """

    def __init__(self, capacity: int = HOUR, plain: int = PLAIN) -> None:
        self.capacity = capacity
        self.tick: int | None = None
        self.length = 0
        self._plain = plain
        self._written = 0
        self._rows: dict[Subject, int] = {}
        self._last = np.empty(0, np.int64)  # column that each row was last written in
        self._ring = Ring(capacity, 0, twice=True)
        self._past: Past | None = None  # while the ring is enough
        self._packing = 0  # the block that comes next, and how many of its segments are done
        self._packed = 0
        self._index: Mapping[Subject, int] = {}
        self._at: NDArray[np.intp] = np.empty(0, np.intp)  # rows by the index of the last table, -1: none

    def append(self, tick: int, values: Mapping[Subject, Values]) -> None:
        """Write one column. Ticks left out since the last become gaps; the same tick is overwritten."""
        table = values if isinstance(values, Table) else Table.of(values)
        self._make_rows(table)
        if self.tick is not None:
            if tick <= self.tick:
                tick = self.tick
                self._written -= 1
                self.length -= 1
            self._skip(min(tick - self.tick - 1, self.capacity))
        rows = self._at[table.present]
        self._last[rows] = self._written
        self._write(rows, table.rows[table.present])
        self.tick = tick

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """The last `count` ticks up to tick `end` (newest if None): read-only (M, n), oldest first.

        n is less than `count` where the past does not reach so far. It is 0 for an unknown subject, and may
        be for one of whom nothing is kept any more.
        """
        row = self._rows.get(subject)
        first, last = (0, 0) if row is None else self._span(count, end)
        if row is None or first == last:
            return np.empty((len(METRIC_IDS), 0), dtype=np.float32)
        plain = self._plain_from(first)
        newest = [part[:, row].T for part in self._ring.read(plain, last)] if plain < last else []
        if plain == first and len(newest) == 1:
            return _read_only(newest[0])
        out = np.full((len(METRIC_IDS), last - first), np.nan, dtype=np.float32)
        for block in self._blocks(first, min(plain, last)):
            assert self._past is not None
            found = self._past.window(block, row)
            if found is not None:
                _put(out, found, block * BLOCK - first, min(plain, last) - first)
        if newest:
            out[:, plain - first :] = np.concatenate(newest, axis=1)
        return _read_only(out)

    def traces(self, subjects: Sequence[Subject], metric: int, count: int, end: int | None = None) -> Values:
        """One metric of many subjects (S, n), as `window` has it; a gap for an unknown subject."""
        rows = np.array([self._rows.get(subject, -1) for subject in subjects], dtype=np.intp)
        first, last = self._span(count, end)
        out = np.full((len(rows), last - first), np.nan, dtype=np.float32)
        plain = self._plain_from(first)
        known = np.flatnonzero(rows >= 0)
        for block in self._blocks(first, min(plain, last)):
            assert self._past is not None
            found = self._past.traces(block, rows[known], metric)
            _put(out, found, block * BLOCK - first, min(plain, last) - first, known)
        if plain < last:
            parts = [part[:, rows[known], metric].T for part in self._ring.read(plain, last)]
            out[known, plain - first :] = np.concatenate(parts, axis=1)
        return _read_only(out)

    def _span(self, count: int, end: int | None) -> tuple[int, int]:
        """First and last column, without that one."""
        if self.tick is None:
            return 0, 0
        back = 0 if end is None else max(0, self.tick - end)
        last = self._written - min(back, self.length)
        return last - max(0, min(count, self.length - back)), last

    def _plain_from(self, column: int) -> int:
        """The first column from this one on that the ring has."""
        return max(column, self._written - self._ring.columns)

    def _blocks(self, first: int, last: int) -> range:
        return range(first // BLOCK, -(-last // BLOCK)) if first < last else range(0)

    # -- writing ------------------------------------------------------------------------------------

    def _write(self, rows: NDArray[np.intp], values: Values) -> None:
        self._ring.write(self._written, rows, values)
        self._written += 1
        self.length = min(self.length + 1, self.capacity)
        if self._past is not None:
            self._pack(self._past)

    def _skip(self, gaps: int) -> None:
        """Columns of nothing. Whole blocks of them are not even packed."""
        if self._past is not None and gaps > RECENT:
            gaps -= (rest := -self._written % BLOCK)
            self._skip(rest)
            self._pack_all(self._past, self._written)
            blocks, gaps = divmod(gaps, BLOCK)
            self._packing += blocks
            self._written += blocks * BLOCK
            self.length = min(self.length + blocks * BLOCK, self.capacity)
            self._ring.clear()
        for _ in range(gaps):
            self._write(self._at[:0], NOBODY.rows)

    def _pack(self, past: Past) -> None:
        """A share of the block before the one that fills; none of the newest tick, which may come again."""
        waited = self._written - (self._packing + 1) * BLOCK
        segments = -(-self._ring.subjects // SUBJECTS)
        due = min(segments, -(-segments * waited // (RECENT - BLOCK - 2)))
        while waited > 0 and self._packed < due:
            self._pack_segment(past)
        if waited > 0 and self._packed == segments:
            self._packing, self._packed = self._packing + 1, 0

    def _pack_all(self, past: Past, last: int) -> None:
        """Whole blocks that end before column `last`, or with it."""
        while (self._packing + 1) * BLOCK <= last:
            while self._packed * SUBJECTS < self._ring.subjects:
                self._pack_segment(past)
            self._packing, self._packed = self._packing + 1, 0

    def _pack_segment(self, past: Past) -> None:
        rows = slice(self._packed * SUBJECTS, min((self._packed + 1) * SUBJECTS, self._ring.subjects))
        begin = self._packing * BLOCK
        first = max(begin, self._written - self.length)
        parts = [part[:, rows] for part in self._ring.read(first, begin + BLOCK)]
        if first > begin:  # the first block of a ring that has begun anew
            parts.insert(0, np.full((first - begin, *parts[0].shape[1:]), np.nan, dtype=np.float32))
        past.add(self._packing, np.concatenate(parts))
        self._packed += 1

    def _make_rows(self, table: Table) -> None:
        """Give new subjects a row whose past is a gap."""
        if table.index is not self._index:
            self._index = table.index
            self._at = np.array([self._rows.get(subject, -1) for subject in table.index], dtype=np.intp)
        new = np.flatnonzero(table.present & (self._at < 0))
        if not new.size:
            return
        self._last[self._at[table.present & (self._at >= 0)]] = self._written  # whoever is back keeps its row
        self._at[new] = rows = self._free_rows(new.size)
        subjects = list(table.index)
        self._rows.update(zip((subjects[number] for number in new.tolist()), rows.tolist(), strict=True))

    def _free_rows(self, count: int) -> NDArray[np.intp]:
        """Rows of those who are gone for so long that nothing is kept of them, then new ones."""
        free = np.flatnonzero(self._last < self._written - self.length)[:count]
        if free.size:
            gone = set(free.tolist())
            self._rows = {subject: row for subject, row in self._rows.items() if row not in gone}
            self._at[np.isin(self._at, free)] = -1
        old, more = len(self._last), count - free.size
        if more:
            self._last = np.append(self._last, np.full(more, self._written))
            self._widen(old + more)
        return np.append(free, np.arange(old, old + more))

    def _widen(self, subjects: int) -> None:
        kept = min(self.length, self._ring.columns)
        if self._past is None and Ring.bytes_of(self.capacity, subjects) > self._plain:
            from distdiag_tui.store.past import Past  # noqa: PLC0415  a start should not wait for it

            self._past = Past(-(-self.capacity // BLOCK) + 1)
            self._packing = (self._written - self.length) // BLOCK
            self._pack_all(self._past, self._written - 1)
            ring, kept = Ring(RECENT, subjects, twice=False), min(self.length, RECENT)
            ring.copy(self._ring, self._written - kept, self._written)
            self._ring = ring
        else:
            self._ring = self._ring.widened(subjects, self._written - kept, self._written)


def _put(
    out: Values, found: Values, at: int, limit: int, rows: NDArray[np.intp] | slice = slice(None)
) -> None:
    """The columns of a block that begins `at` column of `out`, as far as they lie within 0 and `limit`."""
    begin, end = max(0, at), min(limit, at + BLOCK)
    out[rows, begin:end] = found[:, begin - at : end - at]


def _read_only(values: Values) -> Values:
    values.flags.writeable = False
    return values
