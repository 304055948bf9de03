"""The MySQL protocol's bytes: packets, the greeting, answers. Text protocol only.

Rows are built column by column with NumPy, since there may be hundreds of thousands of them.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.sqlerror import SqlError

Bytes = NDArray[np.uint8]

_LONGEST: Final = 0xFFFFFF  # of a packet's body
_SHORT: Final = 250  # bytes, up to which a text has a length of one byte
_FEW: Final = 64  # rows up to which going one by one is as quick
_UTF8: Final = 45
_BINARY: Final = 63
AUTOCOMMIT: Final = 0x0002
PLUGIN: Final = b"mysql_native_password"


class Capability(IntEnum):
    """Flags of the handshake that matter here."""

    LONG_PASSWORD = 1
    CONNECT_WITH_DB = 8
    PROTOCOL_41 = 1 << 9
    TRANSACTIONS = 1 << 13
    SECURE_CONNECTION = 1 << 15
    PLUGIN_AUTH = 1 << 19
    CONNECT_ATTRS = 1 << 20
    LENENC_AUTH = 1 << 21


OFFERED: Final = (
    1 | 2 | 4 | Capability.CONNECT_WITH_DB | Capability.PROTOCOL_41
    | Capability.TRANSACTIONS | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH
    | Capability.CONNECT_ATTRS | Capability.LENENC_AUTH
)  # fmt: skip


class Type(IntEnum):
    """Column types of the text protocol."""

    DOUBLE = 5
    LONGLONG = 8
    DATE = 10
    TIME = 11
    DATETIME = 12
    NEWDECIMAL = 246
    BLOB = 252
    VAR_STRING = 253


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer. `values` are what NumPy made of it; a mask or None stands for NULL."""

    name: str
    type: Type
    values: Any
    unsigned: bool = False
    decimals: int = 0


def packets(body: bytes, sequence: int) -> bytes:
    """A body with its header or, beyond 16 MB, headers."""
    parts = []
    for start in range(0, len(body) + 1, _LONGEST):
        piece = body[start : start + _LONGEST]
        parts += [len(piece).to_bytes(3, "little"), bytes([sequence % 256]), piece]
        sequence += 1
    return b"".join(parts)


def greeting(version: str, connection: int, salt: bytes) -> bytes:
    """The server's first packet; `salt` has 20 bytes without zeros."""
    return b"".join(
        (
            b"\x0a", version.encode(), b"\0", struct.pack("<I", connection & 0xFFFFFFFF), salt[:8], b"\0",
            struct.pack("<HBHH", OFFERED & 0xFFFF, _UTF8, AUTOCOMMIT, OFFERED >> 16), bytes([21]), bytes(10),
            salt[8:], b"\0", PLUGIN, b"\0",
        )
    )  # fmt: skip


def ok(status: int = AUTOCOMMIT) -> bytes:
    """Done, without rows."""
    return b"\x00\x00\x00" + struct.pack("<HH", status, 0)


def error(trouble: SqlError) -> bytes:
    """An error's body."""
    return (
        b"\xff" + struct.pack("<H", trouble.number) + b"#" + trouble.state.encode() + trouble.words.encode()
    )


def switch_auth(salt: bytes) -> bytes:
    """Ask for the password in the one way that is understood here."""
    return b"\xfe" + PLUGIN + b"\0" + salt + b"\0"


def proves(answer: bytes, salt: bytes, stage_two: bytes) -> bool:
    """Whether a client's answer comes from the password whose double SHA-1 is given; b"" is no password."""
    if not stage_two:
        return not answer
    mix = hashlib.sha1(salt + stage_two, usedforsecurity=False).digest()
    stage_one = bytes(a ^ b for a, b in zip(answer, mix, strict=False))
    return len(answer) == len(mix) and hashlib.sha1(stage_one, usedforsecurity=False).digest() == stage_two


def stage_two(password: str) -> bytes:
    """What a server keeps of a password."""
    if not password:
        return b""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return hashlib.sha1(once, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class Login:
    """What a client says in its first packet."""

    user: str
    answer: bytes
    database: str
    plugin: bytes


def read_login(body: bytes) -> Login:
    """A client's answer to the greeting; ValueError or IndexError if it is none."""
    flags = struct.unpack_from("<I", body)[0]
    end = body.index(b"\0", 32)
    user, at = body[32:end].decode(), end + 1
    size = body[at]
    answer, at = body[at + 1 : at + 1 + size], at + 1 + size
    database = plugin = b""
    if flags & Capability.CONNECT_WITH_DB:
        database, _, rest = body[at:].partition(b"\0")
        at = len(body) - len(rest)
    if flags & Capability.PLUGIN_AUTH:
        plugin = body[at:].partition(b"\0")[0]
    return Login(user, answer, database.decode(), plugin)


def answer(columns: list[Column], sequence: int) -> bytes:
    """A whole result set."""
    parts = [packets(_lenenc(len(columns)), sequence)]
    for number, column in enumerate(columns, sequence + 1):
        parts.append(packets(_definition(column), number))
    sequence += 1 + len(columns)
    end = b"\xfe" + struct.pack("<HH", 0, AUTOCOMMIT)
    rows = len(columns[0].values)
    parts += [packets(end, sequence), _rows(columns, rows, sequence + 1), packets(end, sequence + 1 + rows)]
    return b"".join(parts)


def _definition(column: Column) -> bytes:
    text = column.type in (Type.VAR_STRING, Type.BLOB)
    name = column.name.encode()
    flags = (0 if text else 0x80) | (0x20 if column.unsigned else 0)
    head = b"".join(map(_text, (b"def", b"", b"", b"", name, name)))
    tail = struct.pack(
        "<HIBHBxx", _UTF8 if text else _BINARY, 0xFFFF, column.type, flags, column.decimals & 0xFF
    )
    return head + b"\x0c" + tail


def _rows(columns: list[Column], count: int, sequence: int) -> bytes:
    if count > _FEW:
        cells = [_cells(column) for column in columns]
        if all(each is not None for each in cells):
            return _matrix([each for each in cells if each is not None], count, sequence)
    texts = [_texts(column) for column in columns]
    bodies = (b"".join(row) for row in zip(*texts, strict=True))
    return b"".join(packets(body, sequence + row) for row, body in enumerate(bodies))


def _matrix(cells: list[tuple[Bytes, NDArray[np.int64]]], count: int, sequence: int) -> bytes:
    """Rows from cells as bytes with their lengths, which are at most _SHORT, or -1 for NULL."""
    width = 4 + sum(1 + cell.shape[1] for cell, _ in cells)
    matrix = np.zeros((count, width), np.uint8)
    keep = np.zeros((count, width), np.bool_)
    keep[:, :4] = True
    sizes, at = np.zeros(count, np.int64), 4
    for cell, lengths in cells:
        null = lengths < 0
        matrix[:, at] = np.where(null, 0xFB, lengths)
        keep[:, at] = True
        at += 1
        matrix[:, at : at + cell.shape[1]] = cell
        keep[:, at : at + cell.shape[1]] = np.arange(cell.shape[1]) < lengths[:, None]
        at += cell.shape[1]
        sizes += 1 + np.maximum(lengths, 0)
    for byte in range(3):
        matrix[:, byte] = sizes >> (8 * byte) & 0xFF
    matrix[:, 3] = (np.arange(count) + sequence) % 256
    return matrix[keep].tobytes()


def _cells(column: Column) -> tuple[Bytes, NDArray[np.int64]] | None:
    """A column as a matrix of bytes and lengths; None if a text is too long for that."""
    values = column.values
    null = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    data = np.ma.getdata(values)
    if data.dtype.kind in "iu":
        fixed = data.astype("S21")
    else:
        listed = values.tolist()
        if column.type is Type.VAR_STRING and data.dtype.kind == "O":
            texts = [None if value is None else value.encode() for value in listed]
        else:
            texts = [_plain(value, column.type) for value in listed]
        missing = np.fromiter((text is None for text in texts), np.bool_, len(texts))
        null = missing if null is None else null | missing
        fixed = np.array([text or b"" for text in texts], dtype=np.bytes_)
        if fixed.dtype.itemsize > _SHORT:
            return None
    matrix = fixed.view(np.uint8).reshape(len(fixed), -1)
    # NumPy pads with zeros, which no text of ours ends with
    lengths = np.char.str_len(fixed).astype(np.int64)
    widest = int(lengths.max())  # no wider than need be: every column of the matrix is gone through
    if null is not None:
        lengths[null] = -1
    return matrix[:, :widest], lengths


def _texts(column: Column) -> list[bytes]:
    plain = (_plain(value, column.type) for value in column.values.tolist())
    return [b"\xfb" if text is None else _text(text) for text in plain]


def _plain(value: object, kind: Type) -> bytes | None:  # noqa: PLR0911  one for each type
    if value is None or value != value:  # noqa: PLR0124  NaN
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if isinstance(value, float):
        return (repr(value) if kind is Type.DOUBLE else f"{value:.4f}").encode()
    if isinstance(value, Decimal):
        return f"{value:f}".encode()
    return str(value).encode()


def _text(text: bytes) -> bytes:
    return _lenenc(len(text)) + text


def _lenenc(number: int) -> bytes:
    if number < 251:
        return bytes([number])
    if number < 1 << 16:
        return b"\xfc" + number.to_bytes(2, "little")
    if number < 1 << 24:
        return b"\xfd" + number.to_bytes(3, "little")
    return b"\xfe" + number.to_bytes(8, "little")
