"""A running `distdiag serve`, and requests to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "distdiag_tui", "serve")


@dataclass(frozen=True)
class Answer:
    """`body` as JSON where it is some."""

    status: int
    body: Any
    headers: Mapping[str, str]
    text: str = ""

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


@dataclass
class Service:
    """A process that serves, and where."""

    process: subprocess.Popen[str]
    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request; a body is sent as JSON, bytes as they are."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return _answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), dict(error.headers))

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def curl(self, command: str) -> dict[str, Any]:
        """A command line as a person types it for port 8000, run by a shell and answered with JSON."""
        (self.folder / ".curlrc").write_text(
            f'connect-to = "localhost:8000:127.0.0.1:{self.port}"\n'
            f'connect-to = "localhost:8001:127.0.0.1:{self.port}"\nsilent\nfail-with-body\n'
        )
        env = {"PATH": os.environ["PATH"], "CURL_HOME": str(self.folder)}
        ended = subprocess.run(
            ["bash", "-c", command], env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document


@contextmanager
def serving(folder: Path, *words: str, **env: str) -> Iterator[Service]:
    """`distdiag serve ...` on a free port, with a state of its own; it ends in order afterwards."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    homes = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "DATA", "CONFIG")}
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *words],
        env={**os.environ, "PYTHONPATH": path, **homes, **env},
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as process:
        try:
            yield Service(process, _port(process), folder)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


def ready(service: Service) -> Service:
    """Once it has measured something."""
    end = time.monotonic() + 30
    while service.get("/readyz").status != 200:
        assert time.monotonic() < end, service.get("/readyz")
        time.sleep(0.05)
    return service


def soon(seen: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until it is seen; fails after that time."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.05)


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    line = process.stderr.readline()
    if (found := re.search(r"http://\S+:(\d+)", line)) is None:
        pytest.fail(f"it does not serve: {line}{process.stderr.read()}")
    return int(found[1])


def _answer(status: int, data: bytes, headers: Mapping[str, str]) -> Answer:
    lower = {name.lower(): value for name, value in headers.items()}
    text = data.decode()
    body = json.loads(text) if "json" in lower.get("content-type", "") else None
    return Answer(status, body, lower, text)
