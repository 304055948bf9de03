"""What a workload reported during a run: `load.npz.xz`, schema distdiag.load/1, in the same kind of file.

header   uint8 (n)       JSON: schema, kinds of `errors`
reports  int64 (L, n) Δ  of each interval its end (ms, epoch), time since the workload began (ms), threads,
                         transactions and statements a second (0.01 /s), latency mean, p50, p95, p99 (µs; -1:
                         unknown), reconnects, then the errors of each kind
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import numpy as np

from distdiag_tui.model.errors import RecordingError
from distdiag_tui.recording.layout import Arrays
from distdiag_tui.recording.packing import archive_of, as_bytes
from distdiag_tui.recording.unpacking import arrays_of
from distdiag_tui.workloads.report import ErrorKey, IntervalReport

SCHEMA: Final = "distdiag.load/1"

_FIXED: Final = 10


def pack_reports(reports: Sequence[IntervalReport]) -> bytes:
    """The file. What only this kind of workload measures, and totals, are left out."""
    kinds = sorted({kind for report in reports for kind in report.errors}, key=str)
    rows = [
        [
            round(r.time * 1e3),
            round(r.elapsed * 1e3),
            r.threads,
            round(r.tps * 100),
            round(r.qps * 100),
            *(-1 if value is None else round(value * 1e6) for value in (r.mean, r.p50, r.p95, r.p99)),
            r.reconnects,
            *(r.errors.get(kind, 0) for kind in kinds),
        ]
        for r in reports
        if not r.total
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, _FIXED + len(kinds)).T
    header = as_bytes({"schema": SCHEMA, "errors": kinds})
    return archive_of({"header": header, "reports": np.diff(table, axis=-1, prepend=0)})


def unpack_reports(data: bytes) -> list[IntervalReport]:
    """The inverse; RecordingError if it is no such file."""
    arrays = arrays_of(data)
    try:
        kinds = _kinds(arrays)
        table = np.cumsum(arrays["reports"], axis=-1).T.tolist()
        return [_report(row, kinds) for row in table]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"no reports of {SCHEMA}: {error}") from None


def _kinds(arrays: Arrays) -> list[ErrorKey]:
    header = json.loads(arrays["header"].tobytes())
    if header["schema"] != SCHEMA:
        raise ValueError("another schema")
    return list(header["errors"])


def _report(row: Sequence[int], kinds: Sequence[ErrorKey]) -> IntervalReport:
    time, elapsed, threads, tps, qps, *latencies, reconnects = row[:_FIXED]
    errors = {kind: count for kind, count in zip(kinds, row[_FIXED:], strict=True) if count}
    mean, p50, p95, p99 = (None if value < 0 else value / 1e6 for value in latencies)
    return IntervalReport(
        time / 1e3, elapsed / 1e3, threads, tps / 100, qps / 100, mean, p50, p95, p99, errors, reconnects
    )
