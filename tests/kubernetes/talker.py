"""A stand-in for `distdiag workload start --json` in an image: quick, and its figures are known beforehand.

Each report counts one error, so that none can be lost or count twice unseen. TALK tells it what to do wrong:
"fail N" ends with an error after N reports, "mute" reports nothing, "deaf" does not end on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

STOP: list[int] = []


def main() -> None:
    options = dict(argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    interval, seconds = float(options["interval"]), float(options["time"])
    what, _, number = os.environ.get("TALK", "").partition(" ")
    signal.signal(signal.SIGTERM, lambda *_: None if what == "deaf" else STOP.append(1))
    start, count = time.time(), 0
    while not STOP and not (seconds and count * interval >= seconds):
        time.sleep(interval)
        count += 1
        if what != "mute":
            say(start, count * interval, int(options["threads"]), 1)
        if what == "fail" and count == int(number):
            print("distdiag: the data is gone; prepare it again", flush=True)
            sys.exit(1)
    if what != "mute":
        say(start, count * interval, int(options["threads"]), count, total=True)


def say(start: float, elapsed: float, threads: int, errors: int, *, total: bool = False) -> None:
    report = {
        "schema": "distdiag.workload/1",
        "time": start + elapsed,
        "elapsed": elapsed,
        "threads": threads,
        "tps": 10.0 * threads,
        "qps": 200.0 * threads,
        "mean": 0.01,
        "errors": {"1213": errors},
        "total": total,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
