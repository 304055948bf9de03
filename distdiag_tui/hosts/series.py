"""node_exporter's series: what to ask Prometheus for, and how that becomes figures. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Final

from distdiag_tui.hosts.procfs import Figures

Series = Mapping[str, Any]
"""Of an instant vector, as Prometheus has it: `metric` (labels) and `value` (time, text)."""

_MICRO: Final = 1e6
_CLOCK: Final = "node_time_seconds"
_BOOT: Final = "node_boot_time_seconds"
_NOT_A_WIRE: Final = "lo|(veth|docker|br-|virbr|cni|flannel|cali|dummy|ifb|bond|tun|tap).*|.+[.].+"

_CPU: Final = {
    "user": "cpu_user", "nice": "cpu_user", "system": "cpu_system", "irq": "cpu_system",
    "softirq": "cpu_system", "idle": "cpu_idle", "iowait": "cpu_iowait", "steal": "cpu_steal",
}  # fmt: skip

_SINGLE: Final[Mapping[str, tuple[str, float]]] = {
    "node_load1": ("load", 100),
    "node_procs_running": ("running", 1),
    "node_procs_blocked": ("blocked", 1),
    "node_memory_MemTotal_bytes": ("memory_total", 1),
    "node_memory_MemAvailable_bytes": ("memory_available", 1),
    "node_memory_SwapTotal_bytes": ("swap_total", 1),
    "node_vmstat_pswpin": ("swap_in", 1),
    "node_vmstat_pswpout": ("swap_out", 1),
    "node_netstat_Tcp_OutSegs": ("tcp_sent", 1),
    "node_netstat_Tcp_RetransSegs": ("tcp_resent", 1),
    "node_pressure_cpu_waiting_seconds_total": ("pressure_cpu", _MICRO),
    "node_pressure_io_waiting_seconds_total": ("pressure_io", _MICRO),
    "node_pressure_io_stalled_seconds_total": ("pressure_io_full", _MICRO),
    "node_pressure_memory_waiting_seconds_total": ("pressure_memory", _MICRO),
}
_FREE_SWAP: Final = "node_memory_SwapFree_bytes"

_NETWORK: Final = {
    "node_network_receive_bytes_total": "net_in_bytes",
    "node_network_transmit_bytes_total": "net_out_bytes",
    "node_network_receive_packets_total": "net_in_packets",
    "node_network_transmit_packets_total": "net_out_packets",
    "node_network_receive_errs_total": "net_errors",
    "node_network_transmit_errs_total": "net_errors",
    "node_network_receive_drop_total": "net_drops",
    "node_network_transmit_drop_total": "net_drops",
}
_DISK: Final[Mapping[str, tuple[str, float]]] = {
    "node_disk_reads_completed_total": ("disk_reads", 1),
    "node_disk_writes_completed_total": ("disk_writes", 1),
    "node_disk_read_bytes_total": ("disk_read_bytes", 1),
    "node_disk_written_bytes_total": ("disk_write_bytes", 1),
    "node_disk_read_time_seconds_total": ("disk_read_time", _MICRO),
    "node_disk_write_time_seconds_total": ("disk_write_time", _MICRO),
    "node_disk_io_time_seconds_total": ("disk_busy", _MICRO),
    "node_disk_io_time_weighted_seconds_total": ("disk_queue_time", _MICRO),
    "node_disk_flush_requests_total": ("disk_flushes", 1),
    "node_disk_flush_requests_time_seconds_total": ("disk_flush_time", _MICRO),
}
_PARTITION: Final = re.compile(r"(nvme\d+n\d+|mmcblk\d+)p\d+|([a-z]+)\d+")


def queries(labels: Mapping[str, str], instance: str) -> tuple[str, ...]:
    """All of a reading, of every machine at once: bounded by their number, not by that of their CPUs."""
    only = "".join(f",{name}={json.dumps(value)}" for name, value in labels.items())
    single = "|".join((_CLOCK, _BOOT, _FREE_SWAP, "node_uname_info", *_SINGLE))
    return (
        f'{{__name__=~"{single}"{only}}}',
        f'sum by ({instance}, mode) ({{__name__="node_cpu_seconds_total"{only}}})',
        f'count by ({instance}) ({{__name__="node_cpu_seconds_total",mode="idle"{only}}})',
        f'sum by (__name__, {instance}) ({{__name__=~"{"|".join(_NETWORK)}",device!~"{_NOT_A_WIRE}"{only}}})',
        f'{{__name__=~"{"|".join(_DISK)}"{only}}}',
    )


def mounts_query(labels: Mapping[str, str]) -> str:
    """Which device holds which folder."""
    only = "".join(f",{name}={json.dumps(value)}" for name, value in labels.items())
    return f'{{__name__="node_filesystem_size_bytes"{only}}}'


def by_instance(answers: Iterable[Iterable[Series]], instance: str) -> dict[str, list[Series]]:
    """The series of each machine; those without the label belong to none, and NaN is no figure."""
    found: dict[str, list[Series]] = {}
    for answer in answers:
        for series in answer:
            if (name := series["metric"].get(instance)) and isfinite(float(series["value"][1])):
                found.setdefault(name, []).append(series)
    return found


def clock(series: Iterable[Series]) -> tuple[float, float] | None:
    """Its own time at the reading, and when it began (epoch s); None without."""
    found = {each["metric"].get("__name__"): float(each["value"][1]) for each in series}
    return (found[_CLOCK], found.get(_BOOT, 0.0)) if _CLOCK in found else None


def node_name(series: Iterable[Series]) -> str:
    """As `uname -n` has it; "" if it is not told."""
    return next((n for each in series if (n := each["metric"].get("nodename"))), "")


def device_of(path: str, mounts: Iterable[Series], series: Iterable[Series]) -> str:
    """The disk that holds a path; without a path the only one there is. "" if that cannot be told."""
    disks = {each["metric"]["device"] for each in series if each["metric"].get("__name__") in _DISK}
    if not path:
        return disks.pop() if len(disks) == 1 else ""
    below = {
        each["metric"]["mountpoint"]: each["metric"].get("device", "")
        for each in mounts
        if _is_below(path, each["metric"].get("mountpoint", ""))
    }
    if not below:
        return ""
    device = below[max(below, key=len)].rpartition("/")[2]
    whole = _PARTITION.fullmatch(device)
    names = (device, *(filter(None, whole.groups()) if whole else ()))
    return next((name for name in names if name in disks), "")


def figures(series: Iterable[Series], disk: str) -> Figures:
    """Of one machine; those of disks only of `disk`, if that is not "". What is not told is left out."""
    found: dict[str, float] = {}
    swap_free: float | None = None
    for each in series:
        labels, value = each["metric"], float(each["value"][1])
        name = labels.get("__name__", "")
        if name in _SINGLE:
            column, scale = _SINGLE[name]
            found[column] = round(value * scale)
        elif name in _NETWORK:
            found[_NETWORK[name]] = found.get(_NETWORK[name], 0) + value
        elif name in _DISK and labels.get("device") == disk:
            column, scale = _DISK[name]
            found[column] = round(value * scale)
        elif name == _FREE_SWAP:
            swap_free = value
        elif labels.get("mode") in _CPU:
            column = _CPU[labels["mode"]]
            found[column] = found.get(column, 0) + round(value * _MICRO)
        elif not name and "mode" not in labels:
            found["cpus"] = value
    if swap_free is not None and "swap_total" in found:
        found["swap_used"] = found["swap_total"] - swap_free
    return found


def timed(found: Figures, now: float) -> Figures:
    """With the time that passes there, µs."""
    elapsed = round(now * _MICRO)
    parts = {
        "elapsed": found,
        "pressure_elapsed": "pressure_cpu" in found,
        "disk_elapsed": "disk_reads" in found,
    }
    return found | {"machines": 1} | {name: elapsed for name, there in parts.items() if there}


def _is_below(path: str, mount: str) -> bool:
    return bool(mount) and (path + "/").startswith(mount.rstrip("/") + "/")
