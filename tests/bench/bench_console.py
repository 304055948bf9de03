"""What the console costs, on the running lab under load: prints a table of medians.

distdiag lab up && python tests/bench/bench_console.py --runs 3 --window 60
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import psutil
from terminal import Cost, Terminal, middle, percentile

COMMAND = (sys.executable, "-m", "distdiag_tui", "connect", "lab")
LIVE = r"QPS +[0-9.]+ k?/s|/s +[0-9.]+ [µm]?s "  # a rate of a real server, in either first pane
KEYS = (b"\x1b[B", b"\x1b[A") * 10
SETTLE = 10.0

Row = tuple[str, str, str]


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    load = _start_load(arguments.rate)
    try:
        time.sleep(5)
        busy = psutil.cpu_percent(5)
        print(f"{os.cpu_count()} cores, {busy:.0f} % busy with three nodes under {arguments.rate:g} tx/s;")
        print(f"medians of {arguments.runs} runs of {arguments.window:g} s\n")
        wide = [_run(160, 48, arguments.window) for _ in range(arguments.runs)]
        narrow = [_run(80, 24, arguments.window) for _ in range(arguments.runs)]
        hangups = [_hang_up(ignored=False), _hang_up(ignored=True)]
    finally:
        load.terminate()
        load.wait()
    _print(_rows(wide, narrow, hangups))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--window", type=float, default=60.0, help="seconds watched in each run")
    parser.add_argument("--rate", type=float, default=120.0, help="load in transactions a second")
    return parser.parse_args()


def _start_load(rate: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "distdiag_tui",
            "workload",
            "start",
            "oltp",
            "lab",
            "--prepare",
            "--rate",
            f"{rate:g}",
        ],
        stdout=subprocess.DEVNULL,
    )


def _run(columns: int, rows: int, window: float) -> Cost:
    with Terminal(COMMAND, columns, rows) as terminal:
        return terminal.measure(SETTLE, window, LIVE, KEYS)


def _hang_up(*, ignored: bool) -> float | None:
    with Terminal(COMMAND, 160, 48, ignore_hangup=ignored) as terminal:
        terminal.pump(4)
        return terminal.hang_up()


def _rows(wide: Sequence[Cost], narrow: Sequence[Cost], hangups: Sequence[float | None]) -> list[Row]:
    keys = [key for cost in wide for key in cost.keys]
    bytes_wide, bytes_narrow = (middle([c.bytes_per_s for c in costs]) / 1e3 for costs in (wide, narrow))
    return [
        ("start to live data", f"{middle([cost.live for cost in wide]):.2f} s", "0.8 s"),
        ("CPU, of one core", f"{middle([cost.cpu_percent for cost in wide]):.1f} %", "7 %"),
        ("memory (RSS)", f"{middle([cost.rss_mb for cost in wide]):.0f} MB", "90 MB"),
        ("written to the terminal, 160x48", f"{bytes_wide:.1f} KB/s", "8 KB/s"),
        ("written to the terminal, 80x24", f"{bytes_narrow:.1f} KB/s", "4 KB/s"),
        ("key to first byte, median", f"{middle(keys) * 1e3:.0f} ms", "12 ms"),
        ("key to first byte, p95", f"{percentile(keys, 0.95) * 1e3:.0f} ms", "50 ms"),
        ("gone after its terminal closed", _seconds(hangups[0]), "1 s"),
        ("the same with SIGHUP ignored", _seconds(hangups[1]), "1 s"),
    ]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def _print(rows: Sequence[Row]) -> None:
    for cells in (("figure", "measured", "at most"), ("---", "---", "---"), *rows):
        print(f"| {cells[0]:32} | {cells[1]:>9} | {cells[2]:>7} |")


if __name__ == "__main__":
    main()
