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


@contextmanager
def mariadb() -> Iterator[Target]:
    """A running server as a cluster of one; skips the test where it is not installed."""
    for program in ("mariadbd", "mariadb-install-db"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not here: install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="ddm"))
    try:
        _install(folder)
        with _running(folder) as port:
            yield Target("mariadb", (Endpoint("127.0.0.1", port, "maria"),), "tester", Secret(_PASSWORD))
    finally:
        shutil.rmtree(folder)


def _install(folder: Path) -> None:
    command = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
    subprocess.run([*command, *_as_root()], check=True, capture_output=True)


@contextmanager
def _running(folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    account = folder / "account.sql"
    user = "tester@'127.0.0.1'"
    account.write_text(f"CREATE USER {user} IDENTIFIED BY '{_PASSWORD}';\nGRANT ALL ON *.* TO {user};\n")
    process = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/socket",
         f"--pid-file={folder}/pid", f"--port={port}", "--bind-address=127.0.0.1", f"--init-file={account}",
         *SMALL, *_as_root()],
        stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"),
    )  # fmt: skip
    try:
        _await(port, process, folder / "log")
        yield port
    finally:
        process.kill()
        process.wait()


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
