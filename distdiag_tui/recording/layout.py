"""Frames as one compact file and back: `samples.npz.xz`, schema distdiag.samples/1.

A zip of plain NumPy arrays for `numpy.load` (no pickle), in xz; older ones are `samples.npz`, compressed
inside. S servers, F frames, N samples (of one server in one frame), R rows (of one tenant in a sample), C raw
columns. Arrays marked Δ hold differences along their last axis, the first value as it is: `cumsum(axis=-1)`
undoes that. What machines tell is apart, and not there where nobody could ask them: H columns, K samples.

header   uint8 (n)       JSON: see `Header`
frames   int64 (3, F) Δ  tick, epoch time (µs), latency (µs)
servers  int32 (3, F, S) of each server latency and age (0.1 ms) and uptime (s); -1: unknown, -2: not there
samples  int64 (4, N) Δ  server, frame, epoch of the connection, `at` (µs, monotonic); by server, then frame
rows     int64 (2, R) Δ  sample, tenant id; by server, then tenant, then frame
values   int64 (C, R) Δ  the raw columns; where there is no whole number, that of the row before (or 0)
missing  uint8 (n)       `packbits` of C x R flags: NaN
odd      float64 (2, n)  position in C x R, and value, of what is neither missing nor whole and below 2**53
host_columns  uint8 (n)  JSON: the names of H columns
host_samples  int64 (5, K) Δ  as samples, and the time between readings (ms; 0: a tick)
host_values, host_missing, host_odd  as above, (H, K): a row each sample
layouts  uint8 (n)       JSON: [frame, layout], from that frame on; what is used in it once a minute
events   uint8 (n)       JSON: [frame, event]

Raw values come back to the bit; times and latencies are rounded to the units given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import Column

SCHEMA: Final = "distdiag.samples/1"

Ints = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

MICRO: Final = 1e6
MILLI: Final = 1e3
TENTH: Final = 1e4  # of a ms
WHOLE: Final = 2.0**53
ABSENT: Final = -2  # for a timing: no such server in this frame


@dataclass(frozen=True, slots=True)
class Header:
    """What is no array. `interval` in seconds; `clock` + `at` of a sample is its time in epoch seconds.

    `servers`: name and address of all that some frame has. `facts`: [frame, server, fields], what of a
    server's zone, status, detail, product, role, tenants (pairs of id and name) and host (name, way and
    trouble) changed with that frame.
    """

    interval: float
    clock: float
    columns: tuple[Column, ...]
    servers: tuple[tuple[str, str], ...]
    facts: tuple[tuple[int, int, dict[str, Any]], ...]
    schema: str = SCHEMA


@dataclass(frozen=True, slots=True)
class Table:
    """Samples as arrays, without the frames around them.

    `server` (index), `frame` and `epoch` are (N,); `at` (N,) in seconds, monotonic; `sample` and `tenant` are
    (R,), `values` (R, C) with NaN for missing, the columns in the order of `header.columns`.
    """

    header: Header
    time: Floats
    server: Ints
    frame: Ints
    epoch: Ints
    at: Floats
    sample: Ints
    tenant: Ints
    values: Floats
