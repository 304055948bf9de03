"""What the console costs, on the running lab under load: prints a table of medians.

distdiag lab up && python tests/bench/bench_console.py --runs 3 --window 60

With --servers no lab is needed: a made-up cluster of that size ticks every second, with diagnosis, and keys
are pressed in the tree, in servers sorted by a metric, in the heat map, and where one metric is plotted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from terminal import Cost, Terminal, middle, percentile

COMMAND = (sys.executable, "-m", "distdiag_tui", "connect", "lab")
LIVE = r"QPS +[0-9.]+ [kM]?/s|/s +[0-9.]+ [µm]?s "  # a rate of a real server, in either first pane
KEYS = (b"\x1b[B", b"\x1b[A") * 10
SETTLE = 10.0
STAGED = Path(__file__).with_name("staged_console.py")
PLACES = (
    ("the tree, all open", "\x1b[B\x1b[B\x1b[C\x1b[B", (b"\x1b[B", b"\x1b[A")),
    ("sorted by CPU", "scpu\r\x1b[B", (b"\x1b[B", b"\x1b[A")),
    ("search, typed", "/", (b"7", b"\x7f")),
    ("heat map", "v", (b"\x1b[C", b"\x1b[D")),
    ("one metric", "2\r", (b"\x1b[B", b"\x1b[A")),
)
"""Where keys are pressed: its name, what leads there from the start, and the keys, one after the other."""

Row = tuple[str, str, str]


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.servers:
        _print_places(arguments.servers, arguments.keys)
        return
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
    parser.add_argument("--servers", type=int, nargs="+", help="sizes of a made-up cluster")
    parser.add_argument("--keys", type=int, default=60, help="keys pressed in each place of it")
    return parser.parse_args()


def _print_places(sizes: Sequence[int], count: int) -> None:
    """Key presses at sizes of a cluster, each place in a console of its own."""
    print("| servers | where keys are pressed | median | p95 | CPU, of one core | RSS |")
    print("|---" * 6 + "|")
    for servers in sizes:
        for name, way, keys in PLACES:
            with Terminal((sys.executable, str(STAGED), str(servers)), 160, 48) as terminal:
                terminal.wait_for(LIVE)
                terminal.send(way)
                pressed = [keys[number % len(keys)] for number in range(count)]
                cost = terminal.measure(SETTLE, SETTLE, LIVE, pressed)
            middle_ms, tail_ms = (1e3 * percentile(cost.keys, share) for share in (0.5, 0.95))
            cells = f"{middle_ms:.0f} ms | {tail_ms:.0f} ms | {cost.cpu_percent:.0f} % | {cost.rss_mb:.0f} MB"
            print(f"| {servers} | {name} | {cells} |", flush=True)


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
