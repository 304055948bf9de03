"""A real Prometheus on loopback that scrapes a real node_exporter every second."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

PROMETHEUS = shutil.which("prometheus")
EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{prometheus}"]}}]
"""


@dataclass
class Monitoring:
    """`url` of the server; the exporter's process, to be ended by a test."""

    url: str
    exporter: asyncio.subprocess.Process


@asynccontextmanager
async def monitoring(folder: Path) -> AsyncIterator[Monitoring]:
    """Once its first scrapes are there."""
    assert PROMETHEUS
    assert EXPORTER
    prometheus, exporter = _free_ports(2)
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(prometheus=prometheus, exporter=exporter))
    processes = [
        await _start(EXPORTER, f"--web.listen-address=127.0.0.1:{exporter}"),
        await _start(
            PROMETHEUS,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ),
    ]
    url = f"http://127.0.0.1:{prometheus}"
    try:
        await _has_scraped(url)
        yield Monitoring(url, processes[0])
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _start(program: str, *arguments: str) -> asyncio.subprocess.Process:
    nowhere = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(program, *arguments, stdout=nowhere, stderr=nowhere)


async def _has_scraped(url: str) -> None:
    def ask() -> bool:
        with urllib.request.urlopen(f"{url}/api/v1/query?query=node_time_seconds", timeout=5) as answer:
            return bool(json.load(answer)["data"]["result"])

    async with asyncio.timeout(30):
        while True:
            try:
                if await asyncio.to_thread(ask):
                    return
            except OSError:
                pass
            await asyncio.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
