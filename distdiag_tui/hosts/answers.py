"""What a machine and its processes tell, as figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from distdiag_tui.hosts import procfs
from distdiag_tui.hosts.procfs import Figures

Texts = Mapping[str, str]
"""Of files, by path; see `shell.by_file` and `local.machine_texts`."""

_PARSERS: Final[Mapping[str, Callable[[str], Figures]]] = {
    "/proc/stat": procfs.cpu,
    "/proc/loadavg": procfs.load,
    "/proc/meminfo": procfs.memory,
    "/proc/vmstat": procfs.swapping,
    "/proc/net/dev": procfs.network,
    "/proc/net/snmp": procfs.tcp,
}
_PRESSURES: Final = ("cpu", "io", "memory")
_UNLIMITED: Final = (
    1 << 60
)  # bytes: no machine has so much, and without a limit cgroups say something near 2**63


def uptime(texts: Texts) -> float:
    """Seconds since the machine began; ValueError if it does not say."""
    return float(texts.get("/proc/uptime", "").partition(" ")[0])


def of_machine(texts: Texts, elapsed: float) -> Figures:
    """All but disks; what it does not tell is left out. `elapsed` is the time now, in µs."""
    figures: Figures = {"machines": 1, "elapsed": elapsed}
    for path, parse in _PARSERS.items():
        figures |= _try(parse, texts.get(path))
    for name in _PRESSURES:
        found = _try(partial(procfs.pressure, name), texts.get(f"/proc/pressure/{name}"))
        figures |= found | {"pressure_elapsed": elapsed} if found else {}
    return figures | _cgroup(texts)


def of_disk(texts: Texts, number: int | None, elapsed: float) -> Figures:
    """Of the device with that number, as `stat` has it; nothing if it is no disk."""
    if number is None:
        return {}
    device = os.major(number), os.minor(number)
    found = _try(partial(procfs.disk, device=device), texts.get("/proc/diskstats"))
    return found | {"disk_elapsed": elapsed} if found else {}


def of_process(texts: Texts, pid: int, page: int) -> Figures:
    """Of one process; empty if it has ended. `page` in bytes."""
    figures = _try(procfs.process, texts.get(f"/proc/{pid}/stat"))
    if not figures:
        return {}
    figures |= _try(partial(procfs.resident, page=page), texts.get(f"/proc/{pid}/statm"))
    figures |= _try(procfs.own_io, texts.get(f"/proc/{pid}/io"))
    figures |= _try(_threads, texts.get(f"..threads {pid}"))
    return figures | _try(_files, texts.get(f"..files {pid}"))


def _threads(text: str) -> Figures:
    delay, runs = text.split()
    return {"proc_run_delay": float(delay) // 1000, "proc_runs": float(runs)}


def _files(text: str) -> Figures:
    return {"proc_files": int(text)}


def _cgroup(texts: Texts) -> Figures:
    """Of the container: of the one hierarchy, or of the older ones."""
    files = {path.removeprefix("/sys/fs/cgroup/"): text for path, text in texts.items()}
    figures = _try(_throttling, files.get("cpu.stat") or files.get("cpu/cpu.stat"))
    if "cgroup_cpu" not in figures:
        figures |= _try(lambda text: {"cgroup_cpu": int(text) // 1000}, files.get("cpuacct/cpuacct.usage"))
    used = files.get("memory.current") or files.get("memory/memory.usage_in_bytes")
    limit = files.get("memory.max") or files.get("memory/memory.limit_in_bytes")
    figures |= _try(lambda text: {"cgroup_memory": int(text)}, used)
    found = _try(lambda text: {"cgroup_memory_limit": int(text)}, limit)
    return figures | {name: value for name, value in found.items() if value < _UNLIMITED}


def _throttling(stat: str) -> Figures:
    """Of cpu.stat; the older one counts in ns."""
    found = {name: int(value) for name, value in (line.split() for line in stat.splitlines())}
    figures: Figures = {}
    for name, word in (("periods", "nr_periods"), ("throttled", "nr_throttled")):
        if word in found:
            figures[f"cgroup_{name}"] = found[word]
    if "throttled_usec" in found or "throttled_time" in found:
        figures["cgroup_throttled_time"] = found.get("throttled_usec", found.get("throttled_time", 0) // 1000)
    if "usage_usec" in found:
        figures["cgroup_cpu"] = found["usage_usec"]
    return figures


def _try(parse: Callable[[str], Figures], text: str | None) -> Figures:
    try:
        return parse(text) if text else {}
    except (ValueError, KeyError, IndexError):
        return {}
