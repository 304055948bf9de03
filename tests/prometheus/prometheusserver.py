"""A real Prometheus on loopback, started with what a test wants and ended with it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from distdiag_tui.model.prometheus import PrometheusServer

GO = str(Path.home() / "go" / "bin")
CONFIG = "global: {{scrape_interval: {interval}}}\nscrape_configs: {jobs}\n"


class Prometheus:
    """How to reach it, and what it says."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.server = PrometheusServer(self.url)

    def settle(self) -> None:
        """Let what was written be found. Here it is, at once."""

    def ask(self, query: str) -> list[dict[str, Any]]:
        """An instant query, by a client that is not ours."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def value(self, query: str) -> float | None:
        """The one value of a query; None without."""
        found = self.ask(query)
        return float(found[0]["value"][1]) if found else None


class VictoriaMetrics(Prometheus):
    """Takes and answers the same requests, by another program."""

    def settle(self) -> None:
        """Samples are found only after a while."""
        requests.get(f"{self.url}/internal/force_flush", timeout=10).raise_for_status()


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def prometheus(folder: Path, *options: str, scrape: str = "", port: int = 0) -> Iterator[Prometheus]:
    """One that scrapes `scrape` (host:port) four times a second; skips where it is not installed."""
    if not (program := shutil.which("prometheus")):
        pytest.skip("needs a Prometheus server: Debian's package prometheus")
    config, port = folder / "prometheus.yml", port or free_port()
    jobs = f"[{{job_name: distdiag, static_configs: [{{targets: ['{scrape}']}}]}}]" if scrape else "[]"
    config.write_text(CONFIG.format(interval="250ms", jobs=jobs))
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}", *options]  # fmt: skip
    with _running(command, folder, Prometheus(port), "/-/ready") as running:
        yield running


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[Prometheus]:
    """A single one; skips where it is not installed."""
    if not (program := shutil.which("victoria-metrics") or shutil.which("victoria-metrics", path=GO)):
        pytest.skip("needs VictoriaMetrics: go install github.com/VictoriaMetrics/VictoriaMetrics/app/...")
    port = free_port()
    command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'data'}"]
    with _running(command, folder, VictoriaMetrics(port), "/health") as running:
        yield running


@contextmanager
def _running(command: list[str], folder: Path, running: Prometheus, ready: str) -> Iterator[Prometheus]:
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(running, process, ready)
            yield running
        finally:
            process.kill()
            process.wait()


def _wait(running: Prometheus, process: subprocess.Popen[bytes], ready: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the server has ended"
        try:
            if requests.get(f"{running.url}{ready}", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    pytest.fail("the server did not become ready")
