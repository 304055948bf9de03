"""Frames to the bytes of samples.npz, see `layout`."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.recording.layout import MICRO, TENTH, WHOLE, Arrays, Header, Ints
from distdiag_tui.sources.frame import Frame, Sample

_TEXTS: Final = ("zone", "status", "detail", "product", "role")


def pack(frames: Sequence[Frame], clock: float, method: int = zipfile.ZIP_LZMA) -> bytes:
    """The file of one or more frames, which all name the same servers in the same order.

    `clock` + `at` of a sample is its time in epoch seconds. Stored instead of compressed, it takes no time.
    """
    names = {server.name: index for index, server in enumerate(frames[0].servers)}
    samples = [
        (names[name], index, sample) for index, frame in enumerate(frames) for name, sample in _named(frame)
    ]
    samples.sort(key=lambda each: each[:2])
    rows = [
        (server, tenant, number, row)
        for number, (server, _, sample) in enumerate(samples)
        for tenant, row in zip(sample.tenants, sample.columns, strict=True)
    ]
    rows.sort(key=lambda each: each[:3])
    header = Header(
        interval=frames[0].interval,
        clock=clock,
        columns=COLUMNS,
        servers=tuple((server.name, server.address) for server in frames[0].servers),
        facts=tuple(_facts(frames)),
    )
    arrays: Arrays = {
        "header": as_bytes(asdict(header)),
        "frames": _steps(
            np.array([[f.tick, round(f.time * MICRO), round(f.latency * MICRO)] for f in frames], np.int64).T
        ),
        "servers": _timings(frames),
        "samples": _steps(_matrix([(s, f, e.epoch, round(e.at * MICRO)) for s, f, e in samples], 4)),
        "rows": _steps(_matrix([(number, tenant) for _, tenant, number, _ in rows], 2)),
        **_pack_values([row for *_, row in rows]),
    }
    return archive_of(arrays, method)


def _named(frame: Frame) -> list[tuple[str, Sample]]:
    known = {server.name for server in frame.servers}
    return [(name, sample) for name, sample in frame.samples.items() if name in known]


def _matrix(rows: Sequence[tuple[int, ...]], width: int) -> Ints:
    """Shape (width, n), also of no rows."""
    return np.array(rows, dtype=np.int64).reshape(-1, width).T


def _steps(array: Ints) -> Ints:
    return np.diff(array, axis=-1, prepend=0)


def _timings(frames: Sequence[Frame]) -> NDArray[np.int32]:
    def number(value: float | None, unit: float) -> int:
        return -1 if value is None else min(round(value * unit), 2**31 - 1)

    known = [
        [[number(s.latency, TENTH), number(s.age, TENTH), number(s.uptime, 1.0)] for s in frame.servers]
        for frame in frames
    ]
    return np.ascontiguousarray(np.array(known, dtype=np.int32).transpose(2, 0, 1))


def _facts(frames: Sequence[Frame]) -> list[tuple[int, int, dict[str, Any]]]:
    facts, before = [], dict[int, dict[str, Any]]()
    for index, frame in enumerate(frames):
        for number, server in enumerate(frame.servers):
            now = {name: getattr(server, name) for name in _TEXTS}
            now["tenants"] = [[tenant.id, tenant.name] for tenant in server.tenants]
            old = before.get(number, {})
            if changed := {name: value for name, value in now.items() if old.get(name) != value}:
                facts.append((index, number, changed))
            before[number] = now
    return facts


def _pack_values(rows: Sequence[Floats]) -> Arrays:
    values = np.array(rows).reshape(-1, len(COLUMNS)).T
    missing = np.isnan(values)
    with np.errstate(invalid="ignore"):
        whole = ~missing & (np.abs(values) < WHOLE) & (np.floor(values) == values)
    places = np.flatnonzero(~missing & ~whole)
    return {
        "values": _steps(_carried(values, whole)),
        "missing": np.packbits(missing),
        "odd": np.stack([places.astype(np.float64), values.ravel()[places]]),
    }


def _carried(values: Floats, good: NDArray[np.bool_]) -> Ints:
    """Whole numbers, where they are not good that of the row before: steps of zero compress best."""
    latest = np.maximum.accumulate(np.where(good, np.arange(values.shape[1]), 0), axis=1)
    carried = np.take_along_axis(np.where(good, values, 0.0), latest, axis=1)
    return carried.astype(np.int64)


def archive_of(arrays: Arrays, method: int = zipfile.ZIP_LZMA) -> bytes:
    """As `numpy.load` reads it; the same arrays give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), method)
    return file.getvalue()


def as_bytes(fields: dict[str, Any]) -> NDArray[np.uint8]:
    """JSON as an array."""
    return np.frombuffer(json.dumps(fields).encode(), dtype=np.uint8)
