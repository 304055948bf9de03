"""The bytes of samples.npz.xz to frames or arrays, see `layout`."""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import RecordingError
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, Column
from distdiag_tui.model.topology import Host, Server, Status, Tenant
from distdiag_tui.recording.layout import ABSENT, MICRO, MILLI, SCHEMA, TENTH, Arrays, Header, Table
from distdiag_tui.recording.told import unpack_told
from distdiag_tui.sources.frame import SERVER_WIDE, Frame, Sample

LARGEST: Final = 4 << 30
"""Bytes of what a file may unpack to: more would be made to fill the memory."""
_XZ: Final = b"\xfd7zXZ\0"
_MEMORY: Final = 256 << 20  # bytes to expand it with; what is written here needs 9 MB


def unpack(data: bytes) -> list[Frame]:
    """The frames; RecordingError if it is no such file. Columns that are not known here are left out."""
    arrays = arrays_of(data)
    try:
        return _frames(arrays, _table(arrays))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RecordingError(f"no samples of {SCHEMA}: {error}") from None


def table(data: bytes) -> Table:
    """The samples as arrays; RecordingError as above."""
    try:
        return _table(arrays_of(data))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RecordingError(f"no samples of {SCHEMA}: {error}") from None


def arrays_of(data: bytes) -> Arrays:
    """The members of an archive, as it is or in xz; RecordingError if it is none."""
    try:
        plain = _expanded(data) if data.startswith(_XZ) else data
        _require_size(plain)
        with np.load(io.BytesIO(plain), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # of a damaged archive NumPy raises whatever comes up while it is read
        raise RecordingError(f"no recorded arrays: {error}") from None


def _expanded(data: bytes) -> bytes:
    """ValueError or LZMAError if it is damaged or too large."""
    expander = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    plain = expander.decompress(data, LARGEST)
    if not expander.eof:
        raise ValueError("cut off, or larger than any recording")
    return plain


def _require_size(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as members:
        if sum(member.file_size for member in members.infolist()) > LARGEST:
            raise ValueError("larger than any recording")


def _header(arrays: Arrays) -> Header:
    fields = json.loads(arrays["header"].tobytes())
    if fields["schema"] != SCHEMA:
        raise ValueError("another schema")
    return Header(
        **{
            **fields,
            "columns": tuple(fields["columns"]),
            "servers": tuple((name, address) for name, address in fields["servers"]),
            "facts": tuple((frame, server, now) for frame, server, now in fields["facts"]),
        }
    )


def _table(arrays: Arrays) -> Table:
    server, frame, epoch, at = np.cumsum(arrays["samples"], axis=-1)
    sample, tenant = np.cumsum(arrays["rows"], axis=-1)
    time = np.cumsum(arrays["frames"][1]) / MICRO
    values = _values(arrays)
    return Table(_header(arrays), time, server, frame, epoch, at / MICRO, sample, tenant, values)


def _values(arrays: Arrays, of: str = "") -> Floats:
    """(R, C) of the members whose names begin with `of`."""
    values = np.cumsum(arrays[f"{of}values"], axis=-1).astype(np.float64)
    flat = values.ravel()
    flat[np.unpackbits(arrays[f"{of}missing"], count=flat.size).astype(bool)] = np.nan
    places, odd = arrays[f"{of}odd"]
    flat[places.astype(np.intp)] = odd
    return values.T


def _hosts(arrays: Arrays, header: Header) -> dict[int, dict[str, Sample]]:
    """By frame, then server."""
    per_frame: dict[int, dict[str, Sample]] = {}
    if "host_samples" not in arrays:
        return per_frame
    values = _known(json.loads(arrays["host_columns"].tobytes()), _values(arrays, "host_"))
    when = np.cumsum(arrays["host_samples"], axis=-1).T.tolist()
    for (server, frame, epoch, at, *every), row in zip(when, values, strict=True):
        sample = Sample((SERVER_WIDE,), row[None], at / MICRO, epoch, every[0] / MILLI if every else 0.0)
        per_frame.setdefault(frame, {})[header.servers[server][0]] = sample
    return per_frame


def _frames(arrays: Arrays, found: Table) -> list[Frame]:
    header = found.header
    values, hosts = _known(header.columns, found.values), _hosts(arrays, header)
    per_frame: dict[int, dict[str, Sample]] = {}
    order = np.argsort(found.sample, kind="stable")
    bounds = np.searchsorted(found.sample[order], np.arange(len(found.server) + 1))
    for number, (server, frame) in enumerate(zip(found.server, found.frame, strict=True)):
        mine = order[bounds[number] : bounds[number + 1]]
        sample = Sample(
            tuple(int(t) for t in found.tenant[mine]),
            values[mine],
            float(found.at[number]),
            int(found.epoch[number]),
        )
        per_frame.setdefault(int(frame), {})[header.servers[server][0]] = sample
    ticks, _, latencies = np.cumsum(arrays["frames"], axis=-1)
    told = unpack_told(arrays, len(ticks))
    return [
        Frame(
            int(tick),
            float(time),
            header.interval,
            servers,
            per_frame.get(index, {}),
            latency / MICRO,
            hosts.get(index, {}),
            layout,
            events,
            machines,
        )
        for index, (tick, time, latency, (servers, machines), (layout, events)) in enumerate(
            zip(ticks, found.time, latencies.tolist(), _servers(arrays, header), told, strict=True)
        )
    ]


def _known(columns: Sequence[Column], recorded: Floats) -> Floats:
    """The values in the order of the columns of this version; NaN for those that were not recorded."""
    values = np.full((len(recorded), len(COLUMNS)), np.nan)
    for place, column in enumerate(columns):
        if column in COLUMN_INDEX:
            values[:, COLUMN_INDEX[column]] = recorded[:, place]
    return values


def _servers(arrays: Arrays, header: Header) -> list[tuple[tuple[Server, ...], dict[str, Host]]]:
    """Of each frame, with their machines."""
    facts: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for frame, server, fields in header.facts:
        facts.setdefault(frame, []).append((server, fields))
    now = [Server(name, address, "", Status.CONNECTING) for name, address in header.servers]
    machines: dict[str, Host] = {}
    found = []
    for index, timings in enumerate(arrays["servers"].transpose(1, 2, 0).tolist()):
        for server, fields in facts.get(index, ()):
            read = _read_facts(fields)
            if host := read.pop("host", None):
                machines[now[server].name] = Host(*host)
            now[server] = replace(now[server], **read)
        servers = tuple(
            _timed(server, *each) for server, each in zip(now, timings, strict=True) if each[0] != ABSENT
        )
        found.append((servers, {each.name: machines[each.name] for each in servers if each.name in machines}))
    return found


def _read_facts(fields: dict[str, Any]) -> dict[str, Any]:
    read = dict(fields)
    if "status" in read:
        read["status"] = Status(read["status"])
    if "tenants" in read:
        read["tenants"] = tuple(Tenant(number, name) for number, name in read["tenants"])
    return read


def _timed(server: Server, latency: int, age: int, uptime: int) -> Server:
    def known(value: int, unit: float) -> float | None:
        return None if value < 0 else value / unit

    return replace(server, latency=known(latency, TENTH), age=known(age, TENTH), uptime=known(uptime, 1.0))
