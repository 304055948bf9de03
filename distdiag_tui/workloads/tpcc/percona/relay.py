"""A private way to a server for a program that takes its password only as an argument, which others can read.

The program comes without password to a socket in a folder that only we may enter; we log in for it, and from
then on pass everything through. Only the method mysql_native_password is known, as OceanBase has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from distdiag_tui.workloads.session import CONNECT_TIMEOUT, Node

_METHOD: Final = b"mysql_native_password"
_WITH_DATABASE, _COMPRESSED, _ENCRYPTED = 0x8, 0x20, 0x800
_SWITCH: Final = 0xFE  # "log in by another method"
_CHUNK: Final = 1 << 16

_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def relay(node: Node) -> AsyncIterator[Path]:
    """The socket to connect to, for as long as it lasts."""
    with tempfile.TemporaryDirectory(prefix="dd") as folder:  # made for our eyes only, 0700
        path = Path(folder) / "s"
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(_serve(node, (reader, writer)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_unix_server(accept, path)
        try:
            yield path
        finally:
            server.close()
            for task in tasks:
                task.cancel()


async def _serve(node: Node, program: _Stream) -> None:
    """One connection; whatever tears it ends both sides."""
    with contextlib.closing(program[1]), contextlib.suppress(OSError, EOFError):
        async with asyncio.timeout(CONNECT_TIMEOUT):
            server = await asyncio.open_connection(node.endpoint.host, node.endpoint.port)
        with contextlib.closing(server[1]):
            await _log_in(node, program, server)
            ways = {asyncio.create_task(_pass(*way)) for way in _both(program, server)}
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ways:
                    task.cancel()


def _both(program: _Stream, server: _Stream) -> tuple[tuple[asyncio.StreamReader, asyncio.StreamWriter], ...]:
    return (program[0], server[1]), (server[0], program[1])


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def _log_in(node: Node, program: _Stream, server: _Stream) -> None:
    """Put the password into the program's login; it sees the server's greeting and verdict."""
    password = node.password.reveal().encode()
    greeting = await _receive(server)
    _send(program, 0, plain_greeting(greeting))
    answer = await _receive(program)
    _send(server, 1, with_password(answer, proof(password, nonce(greeting))))
    verdict = await _receive(server)
    if verdict[:1] == bytes((_SWITCH,)) and verdict[1:].startswith(_METHOD):
        again = verdict[1:].partition(b"\0")[2]
        _send(server, 3, proof(password, again[:20]))
        verdict = await _receive(server)
    _send(program, 2, verdict)


async def _receive(stream: _Stream) -> bytes:
    head = await stream[0].readexactly(4)
    return await stream[0].readexactly(int.from_bytes(head[:3], "little"))


def _send(stream: _Stream, number: int, body: bytes) -> None:
    stream[1].write(len(body).to_bytes(3, "little") + bytes((number,)) + body)


def proof(password: bytes, nonce: bytes) -> bytes:
    """What mysql_native_password sends for a password; nothing for none."""
    if not password:
        return b""
    once = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    mask = hashlib.sha1(nonce + twice, usedforsecurity=False).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def nonce(greeting: bytes) -> bytes:
    """The 20 bytes that the server has the password mixed with: 8, and 12 behind other things."""
    first = greeting.index(b"\0") + 5
    return greeting[first : first + 8] + greeting[first + 27 : first + 39]


def plain_greeting(greeting: bytes) -> bytes:
    """The greeting of a server that neither encrypts nor compresses: we could not look into that."""
    low = greeting.index(b"\0") + 14
    flags = int.from_bytes(greeting[low : low + 2], "little") & ~(_ENCRYPTED | _COMPRESSED)
    return greeting[:low] + flags.to_bytes(2, "little") + greeting[low + 2 :]


def with_password(answer: bytes, mixed: bytes) -> bytes:
    """A program's login with this proof of the password instead of its own, and by the one method we know."""
    flags = int.from_bytes(answer[:4], "little")
    end = answer.index(b"\0", 32) + 1  # of the user's name
    rest = answer[end + 1 + answer[end] :]
    database, separator = b"", b""
    if flags & _WITH_DATABASE:
        database, separator, rest = rest.partition(b"\0")
    attributes = rest.partition(b"\0")[2]  # behind the program's own method
    return answer[:end] + bytes((len(mixed),)) + mixed + database + separator + _METHOD + b"\0" + attributes
