"""What watching costs the database: sysbench throughput with the console attached and without, in pairs.

distdiag lab up && python tests/bench/bench_overhead.py --pairs 8 --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncmy
from terminal import Terminal

from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.target import Target

CONSOLE = (sys.executable, "-m", "distdiag_tui", "connect", "lab")


def main() -> None:
    """Measure and print; needs sysbench."""
    arguments = _arguments()
    target = lab_target()
    with tempfile.TemporaryDirectory() as folder:
        options = _options_file(Path(folder), target)
        _create_database(target)
        _sysbench(options, "prepare")
        pairs = [_pair(options, arguments.seconds, index) for index in range(arguments.pairs)]
        _sysbench(options, "cleanup")
    print("| pair | without, tps | with, tps | ratio |\n| --- | --- | --- | --- |")
    for number, (without, attached) in enumerate(pairs, 1):
        print(f"| {number} | {without:.1f} | {attached:.1f} | {attached / without:.3f} |")
    ratios = [attached / without for without, attached in pairs]
    print(f"| median | | | {statistics.median(ratios):.3f} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=20)
    return parser.parse_args()


def _pair(options: Path, seconds: int, index: int) -> tuple[float, float]:
    """Throughput without and with, in changing order so that drift falls on both."""
    order = (False, True) if index % 2 == 0 else (True, False)
    found = {attached: _throughput(options, seconds, attached=attached) for attached in order}
    return found[False], found[True]


def _throughput(options: Path, seconds: int, *, attached: bool) -> float:
    if not attached:
        return _run(options, seconds)
    with Terminal(CONSOLE, 160, 48) as terminal:
        terminal.pump(3)
        with subprocess.Popen(
            _command(options, "run", seconds), stdout=subprocess.PIPE, text=True
        ) as sysbench:
            while sysbench.poll() is None:
                terminal.pump(0.5)
            assert sysbench.stdout is not None
            return _tps(sysbench.stdout.read())


def _run(options: Path, seconds: int) -> float:
    command = _command(options, "run", seconds)
    return _tps(subprocess.run(command, check=False, capture_output=True, text=True).stdout)


def _tps(output: str) -> float:
    found = re.search(r"transactions:\s+\d+\s+\(([\d.]+) per sec", output)
    if found is None:
        raise SystemExit(f"sysbench printed no throughput:\n{output[-500:]}")
    return float(found[1])


def _sysbench(options: Path, step: str) -> None:
    subprocess.run(_command(options, step, 0), check=True, stdout=subprocess.DEVNULL)


def _command(options: Path, step: str, seconds: int) -> list[str]:
    return ["sysbench", f"--config-file={options}", f"--time={seconds}", "oltp_read_write", step]


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
