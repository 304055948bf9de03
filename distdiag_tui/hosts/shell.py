"""What is asked of a machine over there: a POSIX shell script that answers lines, and its answers.

It starts two programs for a reading, and writes nothing. Each answer ends with a line that says so.
"""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import Final, Protocol

END: Final = "..end"

FILES: Final = tuple(
    f"/proc/{name}"
    for name in (
        "stat", "uptime", "loadavg", "meminfo", "vmstat", "diskstats", "net/dev", "net/snmp",
        "pressure/cpu", "pressure/io", "pressure/memory",
    )
)  # fmt: skip
CGROUP_FILES: Final = tuple(
    f"/sys/fs/cgroup/{name}"
    for name in (
        "cpu.stat", "memory.current", "memory.max",
        # the same in the older hierarchies
        "cpu/cpu.stat", "cpuacct/cpuacct.usage",
        "memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes",
    )
)  # fmt: skip

_SCRIPT: Final = r"""
while read -r verb rest; do
  case $verb in
  hello) uname -n; getconf PAGESIZE 2>/dev/null || echo 4096;;
  find)
    for folder in /proc/[0-9]*; do
      { read -r name <"$folder/comm"; } 2>/dev/null || continue
      [ "$name" = "$rest" ] || continue
      printf '%s ' "${folder#/proc/}"; tr '\0' ' ' <"$folder/cmdline"; echo
    done;;
  disk) stat -Lc %d "$rest" 2>/dev/null || echo;;
  read)
    set -- FILES
    for pid in $rest; do set -- "$@" "/proc/$pid/stat" "/proc/$pid/statm" "/proc/$pid/io"; done
    grep -s '' "$@"
    for pid in $rest; do
      awk -v pid="$pid" \
        '{delay += $2; runs += $3} END {printf "..threads %s %.0f %.0f\n", pid, delay, runs}' \
        "/proc/$pid/task/"*/schedstat 2>/dev/null
      [ -r "/proc/$pid/fd" ] && set -- "/proc/$pid/fd/"* && echo "..files $pid $#"
    done;;
  esac
  echo END
done
"""


class Shell(Protocol):
    """The script, running over there."""

    async def ask(self, line: str) -> str:
        """Its answer; OSError or TimeoutError when there is none."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


def script(files: tuple[str, ...]) -> str:
    """For `sh -c`; `files` are those of the machine."""
    return _SCRIPT.replace("FILES", " ".join(map(shlex.quote, files))).replace("END\n", f"{END}\n")


def by_file(answer: str) -> dict[str, str]:
    """Texts by path, of an answer to `read`; lines of our own by their first two words."""
    texts: dict[str, list[str]] = {}
    for line in answer.splitlines():
        if line.startswith(".."):
            name, pid, rest = [*line.split(" ", 2), ""][:3]
            texts[f"{name} {pid}"] = [rest]
        else:
            path, _, text = line.partition(":")
            texts.setdefault(path, []).append(text)
    return {path: "\n".join(lines) for path, lines in texts.items()}


def candidates(answer: str) -> list[tuple[int, str]]:
    """Process ids with their command lines, of an answer to `find`."""
    found = (line.partition(" ") for line in answer.splitlines())
    return [(int(pid), command.strip()) for pid, _, command in found if pid.isdecimal()]


def choose(found: list[tuple[int, str]], port: int, *, alone: bool) -> int | None:
    """The one whose command says that it serves `port`.

    If that server is `alone` on its machine, else the only one there is: behind a proxy the port is another.
    """
    fits = [pid for pid, command in found if _names(command, port)]
    if alone and not fits:
        fits = [pid for pid, _ in found]
    return fits[0] if len(fits) == 1 else None


def _names(command: str, port: int) -> bool:
    """Whether a command line has the SQL port, in any of the ways that observers understand.

    >>> _names("bin/observer -P 2882 -p 2881 -z z1", 2881), _names("bin/observer -P 2881 -p 2883", 2881)
    (True, False)
    """
    words = command.replace("=", " ").replace(",", " ").split()
    after = {f"{one} {other}" for one, other in pairwise(words)}
    ways = {f"{option} {port}" for option in ("-p", "--port", "mysql_port", "--mysql_port")}
    return bool(after & ways) or f"-p{port}" in words
