"""Frames to the bytes of samples.npz.xz, see `layout`."""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, HOST_COLUMNS, Column
from distdiag_tui.recording.layout import ABSENT, MICRO, MILLI, TENTH, WHOLE, Arrays, Header, Ints
from distdiag_tui.recording.told import pack_told
from distdiag_tui.sources.frame import Frame, Sample

_TEXTS: Final = ("zone", "status", "detail", "product", "role")
_OF_INTEGERS: Final = {"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 0, "lp": 3, "pb": 3}
"""Bytes are expected by their place within 8 of them."""
_OF_HOSTS: Final = [COLUMN_INDEX[column] for column in HOST_COLUMNS]
_OF_SERVERS: Final = [index for index, column in enumerate(COLUMNS) if column not in HOST_COLUMNS]

_Placed = tuple[int, int, Sample]


def pack(frames: Sequence[Frame], clock: float) -> bytes:
    """The file of one or more frames; a server that is not in all of them has no samples in the others.

    `clock` + `at` of a sample is its time in epoch seconds. Not compressed: see `squeezed`.
    """
    addresses = {server.name: server.address for frame in frames for server in frame.servers}
    places = {name: place for place, name in enumerate(addresses)}
    samples = _ordered(places, [frame.samples for frame in frames])
    rows = [
        (server, tenant, number, row)
        for number, (server, _, sample) in enumerate(samples)
        for tenant, row in zip(sample.tenants, sample.columns, strict=True)
    ]
    rows.sort(key=lambda each: each[:3])
    header = Header(
        interval=frames[0].interval,
        clock=clock,
        columns=tuple(COLUMNS[index] for index in _OF_SERVERS),
        servers=tuple(addresses.items()),
        facts=tuple(_facts(frames, places)),
    )
    arrays: Arrays = {
        "header": as_bytes(asdict(header)),
        "frames": _steps(
            np.array([[f.tick, round(f.time * MICRO), round(f.latency * MICRO)] for f in frames], np.int64).T
        ),
        "servers": _timings(frames, places),
        "samples": _when(samples),
        "rows": _steps(_matrix([(number, tenant) for _, tenant, number, _ in rows], 2)),
        **_pack_values([row[_OF_SERVERS] for *_, row in rows], len(_OF_SERVERS)),
        **_pack_hosts(_ordered(places, [frame.hosts for frame in frames])),
        **pack_told(frames),
    }
    return archive_of(arrays)


def _ordered(places: Mapping[str, int], kept: Sequence[Mapping[str, Sample]]) -> list[_Placed]:
    """Samples of each frame with their server's and frame's number, by server, then frame."""
    samples = [
        (places[name], index, sample)
        for index, found in enumerate(kept)
        for name, sample in found.items()
        if name in places
    ]
    return sorted(samples, key=lambda each: each[:2])


def _when(samples: Sequence[_Placed]) -> Ints:
    return _steps(_matrix([(s, f, e.epoch, round(e.at * MICRO)) for s, f, e in samples], 4))


def _pack_hosts(samples: Sequence[_Placed]) -> Arrays:
    if not samples:
        return {}
    values = _pack_values([sample.columns[0, _OF_HOSTS] for *_, sample in samples], len(_OF_HOSTS))
    return {
        "host_columns": as_bytes(HOST_COLUMNS),
        "host_samples": _steps(
            _matrix([(s, f, e.epoch, round(e.at * MICRO), round(e.every * MILLI)) for s, f, e in samples], 5)
        ),
        **{f"host_{name}": array for name, array in values.items()},
    }


def _matrix(rows: Sequence[tuple[int, ...]], width: int) -> Ints:
    """Shape (width, n), also of no rows."""
    return np.array(rows, dtype=np.int64).reshape(-1, width).T


def _steps(array: Ints) -> Ints:
    return np.diff(array, axis=-1, prepend=0)


def _timings(frames: Sequence[Frame], places: Mapping[str, int]) -> NDArray[np.int32]:
    def number(value: float | None, unit: float) -> int:
        return -1 if value is None else min(round(value * unit), 2**31 - 1)

    known = np.full((len(frames), len(places), 3), ABSENT, dtype=np.int32)
    for row, frame in zip(known, frames, strict=True):
        row[[places[server.name] for server in frame.servers]] = [
            [number(s.latency, TENTH), number(s.age, TENTH), number(s.uptime, 1.0)] for s in frame.servers
        ]
    return np.ascontiguousarray(known.transpose(2, 0, 1))


def _facts(frames: Sequence[Frame], places: Mapping[str, int]) -> list[tuple[int, int, dict[str, Any]]]:
    facts, before = [], dict[str, dict[str, Any]]()
    for index, frame in enumerate(frames):
        for server in frame.servers:
            now = {name: getattr(server, name) for name in _TEXTS}
            now["tenants"] = [[tenant.id, tenant.name] for tenant in server.tenants]
            if (host := frame.machines.get(server.name)) is not None:
                now["host"] = [host.name, host.way, host.trouble]
            old = before.get(server.name, {})
            if changed := {name: value for name, value in now.items() if old.get(name) != value}:
                facts.append((index, places[server.name], changed))
            before[server.name] = now
    return facts


def _pack_values(rows: Sequence[Floats], width: int) -> Arrays:
    values = np.array(rows).reshape(-1, width).T
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


def archive_of(arrays: Arrays) -> bytes:
    """As `numpy.load` reads it; the same arrays give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return file.getvalue()


def squeezed(archive: bytes) -> bytes:
    """As xz: all of it at once, for what the small members repeat of each other is a tenth of a short run."""
    return lzma.compress(archive, filters=[_OF_INTEGERS])


def as_bytes(fields: dict[str, Any] | Sequence[Column]) -> NDArray[np.uint8]:
    """JSON as an array."""
    return np.frombuffer(json.dumps(fields).encode(), dtype=np.uint8)
