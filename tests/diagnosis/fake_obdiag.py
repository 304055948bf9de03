"""A stand-in for obdiag: strict about its arguments, and as careless about its exit code as the real one."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

RCA = {"lock_conflict", "freeze_dump", "memory_full", "disconnection", "log_error", "replay_hold",
       "observer_process_missing", "clog_disk_full", "major_hold"}  # fmt: skip
GATHER = {"topsql", "cpu_high", "long_transaction", "suspend_transaction", "memory", "compaction", "io",
          "restart", "clog_disk_full", "unknown"}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser("obdiag", allow_abbrev=False)
    majors = parser.add_subparsers(dest="major", required=True)
    majors.add_parser("check").add_subparsers(required=True).add_parser("run")
    rca = majors.add_parser("rca").add_subparsers(required=True).add_parser("run")
    rca.add_argument("--scene", required=True, choices=sorted(RCA))
    gather = majors.add_parser("gather").add_subparsers(dest="what", required=True)
    for name in ("parameter", "stack"):
        gather.add_parser(name)
    gather.add_parser("log").add_argument("--since", default="30m")
    run = gather.add_parser("scene").add_subparsers(required=True).add_parser("run")
    run.add_argument("--scene", required=True, choices=sorted(f"observer.{name}" for name in GATHER))
    try:
        wish = parser.parse_args()
    except SystemExit:
        return 1
    print("obdiag version: 3.7.1", flush=True)
    print("home is known" if "HOME" in os.environ else "no home", flush=True)
    print("a password" if "OB_PASSWORD" in os.environ else "no password", flush=True)
    return behave(getattr(wish, "scene", ""), wish.major)


def behave(scene: str, major: str) -> int:
    """One scene each for what the real one does."""
    if scene == "observer.unknown":  # never ends, with a child that does not either
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path("pids").write_text(f"{os.getpid()} {child.pid}")
        print("gathering", flush=True)
        time.sleep(600)
    elif scene == "memory_full":
        print("\033[31m[ERROR]\033[0m connect OceanBase: \033[1maccess denied\033[0m", flush=True)
    elif major == "check":
        for number in range(20_000):
            print(f"task {number} \u202e is done")
    else:
        sys.stdout.write("gather \r 10 %\r 50 %\r100 %\n")
        Path("obdiag_rca").mkdir()
        print("\033[32mholding lock session: 7\033[0m", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
