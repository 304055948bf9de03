"""A MariaDB server of the tests' own, on loopback, in a folder that goes with it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncmy
import pytest

from distdiag_tui.model.target import Endpoint, Secret, Target

_PASSWORD = "only for tests"
_START_SECONDS = 30
SMALL = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=2")


class MariaDb:
    """The server and how to kill and restart it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        endpoint = Endpoint("127.0.0.1", self.port, "maria")
        self.target = Target("mariadb", (endpoint,), "tester", Secret(_PASSWORD))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        folder, log = self._folder, self._folder / "log"
        self._process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/socket",
             f"--pid-file={folder}/pid", f"--port={self.port}", "--bind-address=127.0.0.1",
             f"--init-file={_account(folder)}", *SMALL, *_as_root()],
            stdout=subprocess.DEVNULL, stderr=log.open("a"),
        )  # fmt: skip
        _await(self.port, self._process, log)

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """A running server; skips the test where it is not installed."""
    for program in ("mariadbd", "mariadb-install-db"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not here: install mariadb-server-core")
    folder = Path(tempfile.mkdtemp(prefix="ddm"))
    server = MariaDb(folder)
    try:
        _install(folder)
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


def _install(folder: Path) -> None:
    command = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
    subprocess.run([*command, *_as_root()], check=True, capture_output=True)


def _account(folder: Path) -> Path:
    file, user = folder / "account.sql", "tester@'127.0.0.1'"
    create = f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{_PASSWORD}'"
    file.write_text(f"{create};\nGRANT ALL ON *.* TO {user};\n")
    return file


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            asyncio.run(_ask(port))
        except (OSError, asyncmy.errors.MySQLError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        else:
            return


async def _ask(port: int) -> None:
    async with asyncmy.connect(host="127.0.0.1", port=port, user="tester", password=_PASSWORD):
        pass
