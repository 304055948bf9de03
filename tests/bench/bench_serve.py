"""What requests cost the engine: how late ticks are while the service answers many reads, and few.

distdiag lab up && python tests/bench/bench_serve.py --seconds 60 --rate 200

`distdiag serve lab` runs as a user would run it. Spans with many reads and with few alternate, so that both
see the same machine moments apart. A tick's lateness is its snapshot's time less the tick that it belongs to:
it has the polling of the servers in it, and all that delays it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np

COMMAND = (sys.executable, "-m", "distdiag_tui", "serve", "lab", "--port", "0")
CONNECTIONS = 8
FEW = 4.0  # reads a second that only fetch the newest tick
POINT = "/api/metrics/"
READS = (
    POINT, "/api/metrics/fluctuations", "/api/anomaly/active", "/api/anomaly/ranks", "/api/workload/active",
    "/api/anomaly/nodes", "/api/models/ranks", "/api/training/process-status", "/readyz",
    f"/api/metrics/detailed/selected?node_ip=n1&seconds=60&metrics={quote(json.dumps({'cpu': 'cpu usage'}))}",
)  # fmt: skip


@dataclass
class Span:
    """What was seen in some seconds: lateness of each tick and time of each answer, in ms."""

    late: dict[float, float] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    refused: int = 0
    cpu: float = 0.0  # seconds of the service's


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of reads in all")
    parser.add_argument("--rate", type=float, default=200.0, help="reads a second")
    parser.add_argument("--spans", type=int, default=4)
    arguments = parser.parse_args()
    with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", service.stderr.readline())
        assert found, "it does not serve"
        try:
            time.sleep(5)
            few, many = asyncio.run(_measure(int(found[1]), service.pid, arguments))
        finally:
            service.terminate()
    _print(few, many, arguments)


async def _measure(port: int, pid: int, arguments: argparse.Namespace) -> tuple[Span, Span]:
    few, many, seconds = Span(), Span(), arguments.seconds / arguments.spans
    for _ in range(arguments.spans):
        for span, rate, paths in ((few, FEW, (POINT,)), (many, arguments.rate, READS)):
            before = _cpu(pid)
            await _read(port, span, rate, seconds, paths)
            span.cpu += _cpu(pid) - before
    return few, many


def _cpu(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _read(port: int, span: Span, rate: float, seconds: float, paths: Sequence[str]) -> None:
    """So many reads a second over some connections, each sent when it is due."""
    turns, begin = itertools.count(), time.monotonic()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (turn := next(turns)) < rate * seconds:
            await asyncio.sleep(begin + turn / rate - time.monotonic())
            path, sent = paths[turn % len(paths)], time.monotonic()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))  # type: ignore[index]
            span.answers.append((time.monotonic() - sent) * 1e3)
            if " 200 " not in head.partition("\r\n")[0]:
                span.refused += 1
            elif path == POINT:
                at = datetime.fromisoformat(json.loads(body)["timestamp"]).timestamp()
                span.late[at] = (at - int(at)) * 1e3  # a tick is a whole second
        writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))


def _print(few: Span, many: Span, arguments: argparse.Namespace) -> None:
    print(f"| | {FEW:g} reads/s | {arguments.rate:g} reads/s |\n| --- | --- | --- |")
    for title, values in (
        ("tick late, ms", [list(span.late.values()) for span in (few, many)]),
        ("answer, ms", [span.answers for span in (few, many)]),
    ):
        for share in (50, 95, 99, 100):
            cells = " | ".join(f"{np.percentile(each, share):.1f}" for each in values)
            print(f"| {title}, {'most' if share == 100 else f'p{share}'} | {cells} |")
    for title, counts in (
        ("ticks", [len(span.late) for span in (few, many)]),
        ("reads", [len(span.answers) for span in (few, many)]),
        ("not answered with 200", [span.refused for span in (few, many)]),
    ):
        print(f"| {title} | {counts[0]} | {counts[1]} |")
    used = [f"{100 * span.cpu / arguments.seconds:.1f}" for span in (few, many)]
    print(f"| CPU of the service, % of a core | {used[0]} | {used[1]} |")


if __name__ == "__main__":
    main()
