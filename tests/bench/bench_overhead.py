"""What watching costs the database: sysbench throughput with the console attached and without, in pairs.

distdiag lab up && python tests/bench/bench_overhead.py --pairs 10 --seconds 10

One sysbench runs all the time, and the console comes and goes beside it, so that both halves of a pair see
the same server moments apart. Reads by default: with writes the disk's unsteadiness hides what is sought.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import asyncmy
from terminal import Terminal

from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.target import Target

CONSOLE = (sys.executable, "-m", "distdiag_tui", "connect", "lab")
SETTLE = 3.0  # seconds after a change that do not count


def main() -> None:
    """Measure and print; needs sysbench."""
    arguments = _arguments()
    target = lab_target()
    with tempfile.TemporaryDirectory() as folder:
        options = _options_file(Path(folder), target)
        _create_database(target)
        _sysbench(options, "prepare")
        with subprocess.Popen(
            [*_command(options, "run", 0, arguments.script), "--report-interval=1"],
            stdout=subprocess.PIPE, text=True,
        ) as sysbench:  # fmt: skip
            seconds = _Seconds(sysbench.stdout or ())
            time.sleep(SETTLE)
            pairs = [_pair(seconds, arguments.seconds, index) for index in range(arguments.pairs)]
            sysbench.terminate()
        _sysbench(options, "cleanup")
    print("| pair | without, tps | with, tps | ratio |\n| --- | --- | --- | --- |")
    for number, (without, attached) in enumerate(pairs, 1):
        print(f"| {number} | {without:.1f} | {attached:.1f} | {attached / without:.3f} |")
    ratios = [attached / without for without, attached in pairs]
    print(f"| median | | | {statistics.median(ratios):.3f} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--script", default="oltp_read_only")
    return parser.parse_args()


class _Seconds:
    """Throughput of each second so far, as sysbench tells it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.tps: list[float] = []
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            if found := re.search(r" tps: ([\d.]+)", line):
                self.tps.append(float(found[1]))


def _pair(seconds: _Seconds, span: float, index: int) -> tuple[float, float]:
    """Throughput without and with, in changing order so that drift falls on both."""
    order = (False, True) if index % 2 == 0 else (True, False)
    found = {attached: _throughput(seconds, span, attached=attached) for attached in order}
    return found[False], found[True]


def _throughput(seconds: _Seconds, span: float, *, attached: bool) -> float:
    with Terminal(CONSOLE, 160, 48) if attached else nullcontext() as terminal:
        _wait(terminal, SETTLE)
        first = len(seconds.tps)
        _wait(terminal, span)
        return statistics.mean(seconds.tps[first:])


def _wait(terminal: Terminal | None, span: float) -> None:
    if terminal is None:
        time.sleep(span)
    else:
        terminal.pump(span)


def _sysbench(options: Path, step: str) -> None:
    subprocess.run(_command(options, step, 0, "oltp_read_only"), check=True, stdout=subprocess.DEVNULL)


def _command(options: Path, step: str, seconds: int, script: str) -> list[str]:
    return ["sysbench", f"--config-file={options}", f"--time={seconds}", script, step]


def _options_file(folder: Path, target: Target) -> Path:
    """sysbench reads its options from a file, so that the password shows in no process list."""
    node = target.endpoints[0]
    file = folder / "sysbench.cnf"
    file.touch(mode=0o600)
    lines = {
        "mysql-host": node.host, "mysql-port": node.port, "mysql-user": target.user,
        "mysql-password": target.password.reveal(), "mysql-db": "sbtest", "db-driver": "mysql",
        "db-ps-mode": "disable", "tables": 4, "table-size": 10000, "threads": 4,
    }  # fmt: skip
    file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    return file


def _create_database(target: Target) -> None:
    async def create() -> None:
        node = target.endpoints[0]
        connection = await asyncmy.connect(
            host=node.host, port=node.port, user=target.user, password=target.password.reveal()
        )
        async with connection.cursor() as cursor:
            if not await cursor.execute("show databases like 'sbtest'"):
                await cursor.execute("create database sbtest")
        connection.close()

    asyncio.run(create())


if __name__ == "__main__":
    main()
