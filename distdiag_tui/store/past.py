"""What no longer fits into the ring: blocks of BLOCK ticks, each in segments of up to SUBJECTS subjects."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.snapshot import Values
from distdiag_tui.store.ring import BLOCK, SUBJECTS
from distdiag_tui.store.segment import Segment
from distdiag_tui.store.spool import Spool

EXACT: Final = 192 * 2**20  # bytes that the past may take for all its values to be exact, in memory
HELD: Final = 32 * 2**20  # bytes in memory of one that takes more; what is older is on disk
ALONE: Final = 128 * 2**20  # the same where there is no disk to write to; what is older is forgotten
UNPACKED: Final = 16 * 2**20  # bytes of what was read of late
SPILL: Final = 4  # segments written to disk in a tick at most


class Past:
    """Blocks by number; block b has the columns from b * BLOCK on. Blocks that are not there are gaps."""

    def __init__(self, blocks: int) -> None:
        self._most = blocks  # that are kept
        self._blocks: dict[int, list[Segment]] = {}
        self._memory: deque[tuple[int, Segment]] = deque()
        self._held = 0
        self._exact = True
        self._moving = 0  # bytes of the block being packed, were it exact
        self._spool = Spool()
        self._unpacked: OrderedDict[tuple[int, int, int], Values] = OrderedDict()
        self._unpacked_bytes = 0

    def add(self, block: int, values: Values) -> None:
        """The next segment (BLOCK, S, M) of a block."""
        if block not in self._blocks:
            self._begin(block)
        segment = Segment(values, exact=self._exact)
        self._moving += segment.exact_size
        if self._moving * self._most > EXACT:
            self._exact = False
        self._blocks[block].append(segment)
        self._memory.append((block, segment))
        self._held += segment.size
        self._spill()

    def _begin(self, block: int) -> None:
        if self._moving:
            self._exact = self._moving * self._most <= EXACT
        self._moving = 0
        self._blocks[block] = []
        for old in [each for each in self._blocks if each <= block - self._most]:
            self._forget(old)

    def _spill(self) -> None:
        """Move the oldest out of memory; where there is no disk for it, forget it."""
        for _ in range(SPILL):
            if self._held <= self._room():
                return
            block, segment = self._memory[0]
            assert segment.data is not None
            read = self._spool.put(segment.data)
            if read is not None:
                segment.move(read)
                self._memory.popleft()
                self._held -= segment.size
            elif block == self._memory[-1][0]:
                return
            else:
                self._forget(block)

    def _room(self) -> int:
        if self._exact:
            return EXACT
        return ALONE if self._spool.failed else HELD

    def _forget(self, block: int) -> None:
        del self._blocks[block]
        while self._memory and self._memory[0][0] == block:
            self._held -= self._memory.popleft()[1].size

    def window(self, block: int, subject: int) -> Values | None:
        """All metrics of a subject (M, BLOCK); None for a gap."""
        segments = self._blocks.get(block, [])
        number, row = divmod(subject, SUBJECTS)
        if number >= len(segments) or row >= segments[number].subjects:
            return None
        return segments[number].window(row)

    def traces(self, block: int, subjects: NDArray[np.intp], metric: int) -> Values:
        """One metric of many subjects (S, BLOCK)."""
        out = np.full((len(subjects), BLOCK), np.nan, dtype=np.float32)
        segments = self._blocks.get(block, [])
        numbers, rows = np.divmod(subjects, SUBJECTS)
        for number in np.unique(numbers).tolist():
            if number < len(segments):
                found = self._metric(block, number, metric)
                mine = np.flatnonzero((numbers == number) & (rows < len(found)))
                out[mine] = found[rows[mine]]
        return out

    def _metric(self, block: int, number: int, metric: int) -> Values:
        """Of one segment, from what was read of late if it is there."""
        key = block, number, metric
        if key in self._unpacked:
            self._unpacked.move_to_end(key)
            return self._unpacked[key]
        found = self._unpacked[key] = self._blocks[block][number].metric(metric)
        self._unpacked_bytes += found.nbytes
        while self._unpacked_bytes > UNPACKED:
            self._unpacked_bytes -= self._unpacked.popitem(last=False)[1].nbytes
        return found
