"""Figures of Linux from the text of files in /proc: pure functions, whichever way the text came.

All give raw columns without "host."; totals of time in µs. What a kernel does not tell is left out.
"""

from __future__ import annotations

import re
from typing import Final

Figures = dict[str, float]

TICK: Final = 10_000
"""µs. The kernel counts CPU time for programs in 1/100 s, whatever it was built with."""

_SECTOR: Final = 512  # bytes, on every device
_NOT_A_WIRE: Final = re.compile(
    r"lo|(veth|docker|br-|virbr|cni|flannel|cali|dummy|ifb|bond|tun|tap)\d*.*|.+\..+"
)
"""Interfaces whose traffic stays on the machine, or is counted once more below them."""


def cpu(stat: str) -> Figures:
    """Of /proc/stat: CPU time of the machine, and how many threads want a CPU or wait for a disk."""
    figures: Figures = {}
    cpus = 0
    for line in stat.splitlines():
        name, *values = line.split()
        if name == "cpu":
            user, nice, system, idle, iowait, irq, softirq, steal = (int(v) * TICK for v in values[:8])
            figures.update(
                cpu_user=user + nice,
                cpu_system=system + irq + softirq,
                cpu_idle=idle,
                cpu_iowait=iowait,
                cpu_steal=steal,
            )
        elif name.startswith("cpu"):
            cpus += 1
        elif name == "procs_running":
            figures["running"] = int(values[0])
        elif name == "procs_blocked":
            figures["blocked"] = int(values[0])
    return figures | {"cpus": cpus}


def boot_time(stat: str) -> int:
    """Of /proc/stat: epoch seconds."""
    return int(stat.partition("\nbtime ")[2].partition("\n")[0])


def load(loadavg: str) -> Figures:
    """Of /proc/loadavg: the average of a minute, in 1/100."""
    return {"load": round(100 * float(loadavg.split(maxsplit=1)[0]))}


def memory(meminfo: str) -> Figures:
    """Of /proc/meminfo, bytes."""
    kib = {name: int(rest.split()[0]) for name, _, rest in (s.partition(":") for s in meminfo.splitlines())}
    return {
        "memory_total": kib["MemTotal"] * 1024,
        "memory_available": kib["MemAvailable"] * 1024,
        "swap_total": kib["SwapTotal"] * 1024,
        "swap_used": (kib["SwapTotal"] - kib["SwapFree"]) * 1024,
    }


def swapping(vmstat: str) -> Figures:
    """Of /proc/vmstat: pages."""
    return {
        name: int(vmstat.partition(f"\n{word} ")[2].partition("\n")[0])
        for name, word in (("swap_in", "pswpin"), ("swap_out", "pswpout"))
    }


def disk(diskstats: str, device: tuple[int, int]) -> Figures:
    """Of /proc/diskstats: the device of that major and minor number; nothing if it is no disk."""
    for line in diskstats.splitlines():
        major, minor, _, *texts = line.split()
        if (int(major), int(minor)) != device:
            continue
        values = [int(text) for text in texts]
        reads, _, sectors_read, read_ms, writes, _, sectors_written, write_ms, _, busy_ms, queue_ms = values[
            :11
        ]
        figures: Figures = {
            "disk_reads": reads,
            "disk_writes": writes,
            "disk_read_bytes": sectors_read * _SECTOR,
            "disk_write_bytes": sectors_written * _SECTOR,
            "disk_read_time": read_ms * 1000,
            "disk_write_time": write_ms * 1000,
            "disk_busy": busy_ms * 1000,
            "disk_queue_time": queue_ms * 1000,
        }
        if len(values) >= 17:  # Linux 5.5
            figures |= {"disk_flushes": values[15], "disk_flush_time": values[16] * 1000}
        return figures
    return {}


def network(dev: str) -> Figures:
    """Of /proc/net/dev: all interfaces that lead elsewhere, together."""
    totals = [0] * 6
    for line in dev.splitlines()[2:]:
        name, _, rest = line.partition(":")
        if _NOT_A_WIRE.fullmatch(name.strip()):
            continue
        values = [int(text) for text in rest.split()]
        received, sent = values[:4], values[8:12]
        mine = (
            received[0], sent[0], received[1], sent[1], received[2] + sent[2], received[3] + sent[3],
        )  # fmt: skip
        totals = [total + value for total, value in zip(totals, mine, strict=True)]
    names = ("in_bytes", "out_bytes", "in_packets", "out_packets", "errors", "drops")
    return {f"net_{name}": total for name, total in zip(names, totals, strict=True)}


def tcp(snmp: str) -> Figures:
    """Of /proc/net/snmp: segments sent, and those of them that were sent again."""
    names, values = (line.split() for line in snmp.splitlines() if line.startswith("Tcp:"))
    found = dict(zip(names, values, strict=True))
    return {"tcp_sent": int(found["OutSegs"]), "tcp_resent": int(found["RetransSegs"])}


def pressure(name: str, text: str) -> Figures:
    """Of /proc/pressure/`name`: time for which some thread was held up, and for I/O all of them."""
    figures: Figures = {}
    for line in text.splitlines():
        kind, *words = line.split()
        total = int(words[-1].removeprefix("total="))
        if kind == "some":
            figures[f"pressure_{name}"] = total
        elif name == "io":
            figures["pressure_io_full"] = total
    return figures


def process(stat: str) -> Figures:
    """Of /proc/PID/stat."""
    fields = after_name(stat)
    return {
        "proc_major_faults": int(fields[9]),
        "proc_user": int(fields[11]) * TICK,
        "proc_system": int(fields[12]) * TICK,
        "proc_threads": int(fields[17]),
    }


def after_name(stat: str) -> list[str]:
    """Fields of /proc/PID/stat from the state on, the third; the name may hold blanks and brackets."""
    return stat[stat.rindex(")") + 2 :].split()


def stopped(stat: str) -> bool:
    """Of /proc/PID/stat: whether a signal holds the process at this moment."""
    return after_name(stat)[0] in ("T", "t")


def started(stat: str) -> int:
    """Of /proc/PID/stat: when the process began, in 1/100 s after the machine's start."""
    return int(after_name(stat)[19])


def resident(statm: str, page: int) -> Figures:
    """Of /proc/PID/statm: bytes; `page` is the machine's, in bytes."""
    return {"proc_memory": int(statm.split()[1]) * page}


def own_io(io: str) -> Figures:
    """Of /proc/PID/io: what reached a disk."""
    found = dict(line.split(": ") for line in io.splitlines())
    return {"proc_read_bytes": int(found["read_bytes"]), "proc_write_bytes": int(found["write_bytes"])}
