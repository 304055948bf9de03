"""The sysbench program: whether it is here, how it is called, and one running copy of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from distdiag_tui.model.errors import ConfigError, WorkloadError
from distdiag_tui.model.inherited import plain_environment
from distdiag_tui.workloads.children import dies_with_us
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.sysbench.config import DATABASE
from distdiag_tui.workloads.sysbench.installed import NAME, install_command

DRIVER: Final = Path(__file__).with_name("driver.lua")
_LONGEST_LINE: Final = 255  # of a configuration file; sysbench takes the rest for another line
_LONGEST_OUTPUT: Final = 16 << 20  # bytes: it ends a message of more than 4 KB without a line break

# errors that do not end the run, sysbench's own list and OceanBase's timeout: deadlock, row changed,
# lock wait timeout. Not lost connections: 1.0.20 crashes (SIGSEGV) when it takes one up again.
_IGNORED: Final = (1213, 1020, 1205, 4012)


class Child:
    """A sysbench at work. It dies with this process, whichever way that ends."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.killed = False

    @classmethod
    async def start(cls, node: Node, arguments: Sequence[str], variables: Mapping[str, str]) -> Child:
        """Start it against a server; the last of `arguments` is the command, such as run.

        ConfigError for a password it cannot take, WorkloadError if it does not start.
        """
        secret = password_line(node.password.reveal())
        *options, step = arguments
        try:
            process = await asyncio.create_subprocess_exec(
                *(NAME, "--config-file=/dev/stdin", *_address(node), *options, str(DRIVER), step),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=plain_environment() | dict(variables),
                limit=_LONGEST_OUTPUT,
                preexec_fn=dies_with_us(),
            )
        except FileNotFoundError:
            raise WorkloadError(f"sysbench is not installed: {install_command()}") from None
        except OSError as error:
            raise WorkloadError(f"sysbench does not start: {error.strerror}") from error
        assert process.stdin is not None
        process.stdin.write(secret)
        process.stdin.close()
        return cls(process)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def lines(self) -> AsyncIterator[str]:
        """What it prints, until it ends or closes its output."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            yield line.decode(errors="replace").rstrip("\n")

    def kill(self) -> None:
        """End it at once; it has no better way, for it prints no summary when told to end."""
        self.killed = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Its exit code, negative for a signal."""
        return await self._process.wait()

    async def end(self) -> None:
        """End it and see it gone, if that takes no longer than 0.2 s."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await self.ended()


def password_line(password: str) -> bytes:
    r"""The password as a line of a configuration file, which sysbench reads from a pipe.

    So it is in no argument, no variable and no file. There is no escape character: a value with one kind of
    quotes goes into the other kind; with both kinds it must stand bare. ConfigError if that cannot be.

    >>> password_line("it's #1, it is")
    b'mysql-password="it\'s #1, it is"\n'
    """
    line = f"mysql-password={_quoted(password)}\n".encode()
    if len(line) > _LONGEST_LINE or "\n" in password or "\0" in password:
        raise ConfigError("sysbench cannot take this password: it is too long, or has a line break in it")
    return line


def _quoted(password: str) -> str:
    for quote in "\"'":
        if quote not in password:
            return f"{quote}{password}{quote}"
    if re.search(r"[,\s]|^[#\"']", password):
        raise ConfigError(
            "sysbench cannot take this password: it has both kinds of quotes, and a space, comma or # too"
        )
    return password


def _address(node: Node) -> list[str]:
    host = node.endpoint.host
    return [
        "--db-driver=mysql",
        # to the client library the name means a socket file of this machine, not the port
        f"--mysql-host={'127.0.0.1' if host == 'localhost' else host}",
        f"--mysql-port={node.endpoint.port}",
        f"--mysql-user={node.user}",
        f"--mysql-db={DATABASE}",
        f"--mysql-ignore-errors={','.join(map(str, _IGNORED))}",
        # its own seed is the second of the start: all servers would see the same rows at the same time
        f"--rand-seed={secrets.randbelow(2**31 - 1) + 1}",
        "--verbosity=5",  # names the errors it ignores
    ]
