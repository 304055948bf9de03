"""SSH servers on loopback that run what they are asked to: one of asyncssh, and the system's own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass
class Place:
    """Where it listens, and the files of whoever may come in."""

    port: int
    key: Path
    known_hosts: Path


def _keys(folder: Path) -> tuple[Path, Path]:
    host, user = folder / "host_key", folder / "user_key"
    for file in (host, user):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(file)
        key.write_public_key(file.with_suffix(".pub"))
        file.chmod(0o600)
    return host, user


def _trust(folder: Path, host: Path, port: int) -> Path:
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host.with_suffix('.pub').read_text()}")
    return known


@asynccontextmanager
async def asyncssh_server(folder: Path) -> AsyncIterator[Place]:
    """Runs each command with sh, as this user."""
    host, user = _keys(folder)
    running: set[asyncio.subprocess.Process] = set()

    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_shell(process.command or "", stdin=pipe, stdout=pipe)
        running.add(child)
        assert child.stdin
        assert child.stdout
        hearing = asyncio.create_task(_hear(process, child.stdin))
        while data := await child.stdout.read(4096):
            process.stdout.write(data)
        hearing.cancel()
        process.exit(await child.wait())

    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[str(host)], process_factory=run, encoding=None,
        authorized_client_keys=str(user.with_suffix(".pub")),
    )  # fmt: skip
    try:
        yield Place(server.get_port(), user, _trust(folder, host, server.get_port()))
    finally:
        server.close()
        await server.wait_closed()
        for child in running:
            if child.returncode is None:
                child.kill()
            await child.wait()


async def _hear(process: asyncssh.SSHServerProcess[bytes], writer: asyncio.StreamWriter) -> None:
    """Hand on what the client says, until it has gone."""
    with suppress(asyncssh.Error, ConnectionError):
        while data := await process.stdin.read(4096):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def system_server(folder: Path) -> AsyncIterator[Place]:
    """OpenSSH's, with a configuration of its own."""
    host, user = _keys(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {host}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {user.with_suffix('.pub')}\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin yes\n"
    )
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # noqa: PTH103  it insists on that one
    server = await asyncio.create_subprocess_exec(SSHD, "-D", "-e", "-f", str(config), stderr=-3)
    try:
        await _listens(port)
        yield Place(port, user, _trust(folder, host, port))
    finally:
        server.terminate()
        await server.wait()


async def _listens(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
