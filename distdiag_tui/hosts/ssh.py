"""A shell on a machine over SSH: the user's agent, configuration and known hosts are honoured."""

from __future__ import annotations

import asyncio
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from distdiag_tui.hosts import shell
from distdiag_tui.model.errors import ConnectError
from distdiag_tui.model.hostaccess import Ssh
from distdiag_tui.model.text import plain

if TYPE_CHECKING:
    import asyncssh

TIMEOUT: Final = 5.0  # s, for connecting and for an answer
_LONGEST: Final = 1 << 22  # bytes of an answer


_HOST: Final = re.compile(r"[0-9A-Za-z_:][0-9A-Za-z._:%-]*")


class SshShell:
    """The script on one machine, over a connection of its own."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[bytes]
    ) -> None:
        self._connection, self._process = connection, process

    async def ask(self, line: str) -> str:
        """As Shell says."""
        import asyncssh  # noqa: PLC0415  an extra

        self._process.stdin.write(f"{line}\n".encode())
        end = f"{shell.END}\n".encode()
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._process.stdout.readuntil(end)
        except asyncio.IncompleteReadError:
            raise OSError("the shell there has ended") from None
        except asyncssh.Error as error:
            raise OSError(f"the connection has ended: {error}") from None
        return answer[: -len(end)].decode(errors="replace")

    async def close(self) -> None:
        """Close the connection; the shell ends with it."""
        self._connection.abort()
        await self._connection.wait_closed()


async def open_ssh(host: str, access: Ssh) -> SshShell:
    """Connect and start the script; ConnectError says why it cannot be."""
    import asyncssh  # noqa: PLC0415  an extra

    if not _HOST.fullmatch(host):  # a server told it, and the user's ProxyCommand may be given it
        raise ConnectError(f"{plain(host, 60)!r} is not the name of a machine")
    try:
        async with asyncio.timeout(2 * TIMEOUT):
            connection = await asyncssh.connect(host, **_options(access))
            try:
                return SshShell(connection, await _start(connection))
            except BaseException:
                connection.abort()
                raise
    except asyncssh.HostKeyNotVerifiable:
        raise ConnectError(f"{host}: its key is not among the known hosts; connect once with ssh") from None
    except asyncssh.PermissionDenied:
        raise ConnectError(f"{host}: permission denied; is the key in the agent?") from None
    except (asyncssh.Error, OSError, ValueError) as error:
        words = str(error) or "no answer in time"
        raise ConnectError(f"{host}: {' '.join(words.split())}") from None


def _options(access: Ssh) -> dict[str, Any]:
    """What is not given is as the user's configuration has it."""
    given = {
        "username": access.user,
        "port": access.port,
        "client_keys": [str(Path(access.key).expanduser())] if access.key else None,
        "known_hosts": str(Path(access.known_hosts).expanduser()) if access.known_hosts else None,
    }
    return {
        "connect_timeout": TIMEOUT,
        "login_timeout": TIMEOUT,
        "keepalive_interval": 15,
        **{name: value for name, value in given.items() if value},
    }


async def _start(connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[bytes]:
    command = f"exec sh -c {shlex.quote(shell.script(shell.FILES))}"
    process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(
        command,
        encoding=None,
        stderr=-3,
        window=_LONGEST,  # -3: to nowhere, as subprocess has it
    )
    return process


def missing_ssh() -> str:
    """What to install first, "" if nothing."""
    return "" if find_spec("asyncssh") else "pip install 'distdiag-tui[ssh]'"
