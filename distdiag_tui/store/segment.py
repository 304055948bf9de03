"""A stretch of the past of some subjects, packed. Shapes: S subjects, M metrics, T ticks; K series of a kind.

A series is one metric of one subject. What is missing all the time, or steady, takes hardly a byte. Others
are kept exactly (float32), or to PRECISION: then as the upper half of their float32, or as single bytes where
the largest value is less than four times the smallest beside zero. Zeros, gaps and steady values are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.snapshot import Values

PRECISION: Final = 2.0**-8
"""The largest relative error of what is not kept exactly: half a step of a mantissa of seven bits."""

MISSING, STEADY, NARROW, WIDE = range(4)
Words = NDArray[np.uint16]
Bytes = NDArray[np.uint8]
GAP_WORD: Final = 0x7FC0
ZERO_CODE, GAP_CODE, CODES = 0, 255, 254  # of bytes; between them are the steps up from the smallest

Read = Callable[[int, int], bytes | memoryview]
"""So many bytes from an offset on."""


class Segment:
    """Read-only. `size` is in bytes; `data` may be read from elsewhere later, see `move`."""

    def __init__(self, values: Values, *, exact: bool) -> None:
        """Pack `values` (T, S, M)."""
        self.ticks, self.subjects, self._metrics = values.shape
        series = np.ascontiguousarray(values.transpose(1, 2, 0)).reshape(-1, self.ticks)
        kinds = np.full(len(series), WIDE, dtype=np.uint8)
        kinds[(series == series[:, :1]).all(axis=1)] = STEADY
        kinds[np.isnan(series).all(axis=1)] = MISSING
        moving = series[kinds == WIDE]
        base, codes = np.zeros(0, np.uint16), np.zeros((0, self.ticks), np.uint8)
        wide: NDArray[Any] = moving
        if not exact:
            words = _words(moving)
            narrow, base, codes = _narrow(words)
            kinds[np.flatnonzero(kinds == WIDE)[narrow]] = NARROW
            wide = words[~narrow]
        self._wide = wide.dtype
        self.exact_size = moving.nbytes
        parts = [kinds, series[kinds == STEADY, 0], base, codes, wide]
        self._begins = np.cumsum([0, *(part.nbytes for part in parts)]).tolist()
        table = kinds.reshape(self.subjects, -1)
        counts = [np.count_nonzero(table == kind, axis=1) for kind in (STEADY, NARROW, WIDE)]
        self._before = np.concatenate([[[0] * 3], np.cumsum(np.transpose(counts), axis=0)]).astype(np.int32)
        data = memoryview(b"".join(part.tobytes() for part in parts))
        self.size = len(data)
        self.data: memoryview | None = data
        self._read: Read = lambda offset, count: data[offset : offset + count]

    def move(self, read: Read) -> None:
        """Forget the bytes: they can be read from elsewhere now."""
        self.data, self._read = None, read

    def window(self, subject: int) -> Values:
        """All metrics of one subject (M, T)."""
        kinds = np.frombuffer(self._read(subject * self._metrics, self._metrics), np.uint8)
        first, last = self._before[subject : subject + 2].tolist()
        out = np.full((self._metrics, self.ticks), np.nan, dtype=np.float32)
        for kind, begin, end in zip((STEADY, NARROW, WIDE), first, last, strict=True):
            if end > begin:
                out[kinds == kind] = self._series(kind, begin, end)
        return out

    def metric(self, metric: int) -> Values:
        """One metric of all subjects (S, T)."""
        table = np.frombuffer(self._read(0, self._begins[1]), np.uint8).reshape(self.subjects, -1)
        out = np.full((self.subjects, self.ticks), np.nan, dtype=np.float32)
        for kind in (STEADY, NARROW, WIDE):
            mine = np.flatnonzero(table[:, metric] == kind)
            if mine.size:
                which = self._before[mine, kind - 1] + np.count_nonzero(table[mine, :metric] == kind, axis=1)
                begin, end = int(which[0]), int(which[-1]) + 1
                out[mine] = self._series(kind, begin, end)[which - begin]
        return out

    def _series(self, kind: int, begin: int, end: int) -> Values:
        """Series `begin` to `end` of a kind: (K, T), or (K, 1) of steady ones."""
        if kind == STEADY:
            return self._part(1, np.dtype(np.float32), 1, begin, end)
        if kind == WIDE:
            wide = self._part(4, self._wide, self.ticks, begin, end)
            return wide if self._wide == np.float32 else _floats(wide)
        codes = self._part(3, np.dtype(np.uint8), self.ticks, begin, end)
        base = self._part(2, np.dtype(np.uint16), 1, begin, end)
        words = codes + base - np.uint16(1)
        words[codes == ZERO_CODE] = 0
        words[codes == GAP_CODE] = GAP_WORD
        return _floats(words)

    def _part(self, part: int, kind: np.dtype[Any], width: int, begin: int, end: int) -> NDArray[Any]:
        step = kind.itemsize * width
        found = self._read(self._begins[part] + begin * step, (end - begin) * step)
        return np.frombuffer(found, kind).reshape(-1, width)


def _words(series: Values) -> Words:
    """The upper halves, rounded."""
    words = ((series.view(np.uint32) + np.uint32(0x8000)) >> 16).astype(np.uint16)
    words[np.isnan(series)] = GAP_WORD
    return words


def _floats(words: Words) -> Values:
    return (words.astype(np.uint32) << 16).view(np.float32)


def _narrow(words: Words) -> tuple[NDArray[np.bool_], Words, Bytes]:
    """Which series fit into bytes, and of those the smallest word beside zero (K) and the codes (K, T)."""
    zero, gap = words == 0, words == GAP_WORD
    low = np.where(zero | gap, np.uint16(0xFFFF), words).min(axis=1, initial=0xFFFF)
    high = np.where(gap, np.uint16(0), words).max(axis=1, initial=0)
    fits = (high < 0x8000) & (high.astype(np.int32) - low < CODES)
    codes = (words[fits] - low[fits, None] + np.uint16(1)).astype(np.uint8)
    codes[zero[fits]], codes[gap[fits]] = ZERO_CODE, GAP_CODE
    return fits, low[fits], codes
