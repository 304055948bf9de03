"""Metrics of the machine a server runs on, and of its process there: rows of the catalogue's group "host".

Raw columns are named "host."; times are totals in µs. The machine's figures are shares, or a second and
machine: `host.elapsed` is the time that passed there, so that over a zone they are means over its servers,
and a machine that several of them share is not added up. The process's own ("host.proc_") add up.
"""

from __future__ import annotations

from typing import Final

from distdiag_tui.model.metric import Bad, Column, Kind, Metric

_CPU: Final = ("user", "system", "iowait", "steal", "idle")
_ALL_CPU: Final = tuple(f"host.cpu_{name}" for name in _CPU)

HOST_LEVELS: Final[frozenset[Column]] = frozenset(
    f"host.{name}"
    for name in (
        "machines", "cpus", "load", "running", "blocked",
        "memory_total", "memory_available", "swap_total", "swap_used",
        "proc_memory", "proc_threads", "proc_files",
        "cgroup_memory", "cgroup_memory_limit",
    )
)  # fmt: skip
"""Of the columns here; all others are totals. `machines` is 1 wherever there are figures, `load` in 1/100."""


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(f"host.{name}" for name in names)


def _share(
    name: str, title: str, over: tuple[str, ...], under: tuple[str, ...], about: str, bad: Bad = Bad.HIGH
) -> Metric:
    """Per cent of one total in another."""
    return Metric(name, title, "%", Kind.RATIO, "host", _columns(*over), _columns(*under), 100.0, bad, about)


def _cpu(name: str, title: str, over: tuple[str, ...], about: str) -> Metric:
    return Metric(name, title, "%", Kind.RATIO, "host", _columns(*over), _ALL_CPU, 100.0, Bad.HIGH, about)


def _pressure(name: str, what: str, about: str) -> Metric:
    return _share(f"host_{name}", f"{what}", (name,), ("pressure_elapsed",), about)


def _flow(
    name: str, title: str, unit: str, about: str, *, of: str = "elapsed", bad: Bad = Bad.NEITHER
) -> Metric:
    """So much a second of a machine, by the metric's own name without `host_`."""
    over = _columns(name.removeprefix("host_"))
    return Metric(name, title, unit, Kind.RATIO, "host", over, _columns(of), 1e6, bad, about)


def _mean_time(name: str, title: str, over: str, under: str, about: str) -> Metric:
    return Metric(
        name, title, "s", Kind.RATIO, "host", _columns(over), _columns(under), 1e-6, Bad.HIGH, about
    )


def _level(
    name: str,
    title: str,
    unit: str,
    over: str,
    about: str,
    *,
    under: str = "",
    bad: Bad = Bad.NEITHER,
    scale: float = 1.0,
) -> Metric:
    scale = 100.0 if unit == "%" else scale
    below = _columns(under) if under else ()
    return Metric(name, title, unit, Kind.GAUGE, "host", _columns(over), below, scale, bad, about)


def _own(
    name: str, title: str, over: tuple[str, ...], about: str, *, unit: str = "/s", bad: Bad = Bad.NEITHER
) -> Metric:
    """A total of the server's process, a second."""
    scale = 1e-6 if unit == "s/s" else 1.0
    return Metric(name, title, unit, Kind.RATE, "host", _columns(*over), (), scale, bad, about)


HOST_METRICS: Final[tuple[Metric, ...]] = (
    _cpu(
        "host_cpu_percent", "host CPU", ("cpu_user", "cpu_system", "cpu_steal"),
        "CPU time in use on the server's machine, by whomever, or taken from it by its hypervisor.",
    ),
    _cpu("host_cpu_user", "CPU user", ("cpu_user",), "CPU time of the machine in programs."),
    _cpu("host_cpu_system", "CPU system", ("cpu_system",), "CPU time of the machine in its kernel."),
    _cpu("host_cpu_iowait", "CPU iowait", ("cpu_iowait",), "CPUs of the machine idle while a disk works."),
    _cpu("host_cpu_steal", "CPU steal", ("cpu_steal",), "CPU time that the hypervisor gave to others."),
    _level(
        "host_running", "running a CPU", "", "running",
        "Threads of the machine that run or want to, for each of its CPUs, at the moment of reading.",
        under="cpus", bad=Bad.HIGH,
    ),
    _level(
        "host_blocked", "blocked on I/O", "", "blocked",
        "Threads of the machine that wait for a disk, at the moment of reading.", under="machines",
        bad=Bad.HIGH,
    ),
    _level(
        "host_load", "load a CPU", "", "load", "Load average of a minute, for each CPU.", under="cpus",
        bad=Bad.HIGH, scale=0.01,
    ),
    _pressure(
        "pressure_cpu", "CPU pressure",
        "Share of the time in which some thread of the machine waited for a CPU (PSI some).",
    ),
    _pressure(
        "pressure_io", "I/O pressure",
        "Share of the time in which some thread of the machine waited for a disk (PSI some).",
    ),
    _pressure(
        "pressure_io_full", "I/O stalled",
        "Share of the time in which all that was to be done on the machine waited for a disk (PSI full).",
    ),
    _pressure(
        "pressure_memory", "mem. pressure",
        "Share of the time in which some thread of the machine waited for memory (PSI some).",
    ),
    _level(
        "host_memory_percent", "memory left", "%", "memory_available",
        "Memory that the machine can still give, caches included, of all.", under="memory_total", bad=Bad.LOW,
    ),
    _level(
        "host_memory_available", "mem. available", "B", "memory_available",
        "Memory that the machine can still give, caches included.", under="machines", bad=Bad.LOW,
    ),
    _level("host_swap_percent", "swap used", "%", "swap_used", "Swap space used.", under="swap_total"),
    _flow("host_swap_in", "swap in", "/s", "Pages read back from swap.", bad=Bad.HIGH),
    _flow("host_swap_out", "swap out", "/s", "Pages written to swap.", bad=Bad.HIGH),
    _share(
        "host_disk_percent", "disk busy", ("disk_busy",), ("disk_elapsed",),
        "Share of the time in which the disk that holds the server's data had something to do.",
    ),
    _mean_time("host_disk_read_rt", "disk read", "disk_read_time", "disk_reads", "Mean time of a read."),
    _mean_time(
        "host_disk_write_rt", "disk write", "disk_write_time", "disk_writes", "Mean time of a write there."
    ),
    _mean_time(
        "host_disk_flush_rt", "disk flush", "disk_flush_time", "disk_flushes",
        "Mean time until that disk says that all is written: each commit waits for one.",
    ),
    Metric(
        "host_disk_queue", "disk queue", "", Kind.RATIO, "host", _columns("disk_queue_time"),
        _columns("disk_elapsed"), 1.0, Bad.HIGH, "Requests that the disk had at a time, on average.",
    ),
    _flow("host_disk_reads", "disk reads", "/s", "Reads of that disk a second.", of="disk_elapsed"),
    _flow("host_disk_writes", "disk writes", "/s", "Writes of that disk a second.", of="disk_elapsed"),
    _flow("host_disk_read_bytes", "disk read vol.", "B/s", "Bytes read from it.", of="disk_elapsed"),
    _flow("host_disk_write_bytes", "disk write vol.", "B/s", "Bytes written to it.", of="disk_elapsed"),
    _flow("host_net_in_bytes", "network in", "B/s", "Bytes received by the machine, without loopback."),
    _flow("host_net_out_bytes", "network out", "B/s", "Bytes sent by the machine, without loopback."),
    _flow("host_net_in_packets", "packets in", "/s", "Packets received by the machine."),
    _flow("host_net_out_packets", "packets out", "/s", "Packets sent by the machine."),
    _flow("host_net_errors", "net errors", "/s", "Packets with errors, in and out.", bad=Bad.HIGH),
    _flow("host_net_drops", "net drops", "/s", "Packets dropped, in and out.", bad=Bad.HIGH),
    _share(
        "host_tcp_retrans", "TCP resent", ("tcp_resent",), ("tcp_sent",),
        "TCP segments that had to be sent again, of all that the machine sent, loopback too.",
    ),
    _own(
        "proc_cpu_time", "own CPU", ("proc_user", "proc_system"),
        "CPU seconds that the server's process used, a second.", unit="s/s",
    ),
    _own("proc_cpu_user", "own user", ("proc_user",), "The same in its program.", unit="s/s"),
    _own("proc_cpu_system", "own system", ("proc_system",), "The same in the kernel.", unit="s/s"),
    _own(
        "proc_run_delay", "run delay", ("proc_run_delay",),
        "Time that threads of the process were ready to run and waited for a CPU: waiting on average.",
        unit="s/s", bad=Bad.HIGH,
    ),
    _mean_time(
        "proc_run_delay_rt", "delay a run", "proc_run_delay", "proc_runs",
        "Mean wait of a thread of the process for its turn on a CPU.",
    ),
    _own("proc_runs", "runs", ("proc_runs",), "Turns on a CPU of threads of the process, a second."),
    _share(
        "proc_stopped", "stopped", ("proc_stopped",), ("proc_looks",),
        "Of some looks a second, how many found the process stopped by a signal (SIGSTOP).",
    ),
    _own(
        "proc_major_faults", "major faults", ("proc_major_faults",),
        "Page faults of the process that had to read from a disk, a second.", bad=Bad.HIGH,
    ),
    _own("proc_read_bytes", "own reads", ("proc_read_bytes",), "Bytes it had read from disks.", unit="B/s"),
    _own("proc_write_bytes", "own writes", ("proc_write_bytes",), "Bytes it sent to disks.", unit="B/s"),
    _level("proc_memory", "own memory", "B", "proc_memory", "Resident memory of the process (RSS)."),
    _level("proc_threads", "own threads", "", "proc_threads", "Threads of the process."),
    _level("proc_files", "own files", "", "proc_files", "File handles that the process has open."),
    _share(
        "proc_throttled", "throttled", ("cgroup_throttled",), ("cgroup_periods",),
        "Periods in which the process's container had used up its CPU limit, of all (cgroup).",
    ),
    _own(
        "proc_throttled_time", "throttled time", ("cgroup_throttled_time",),
        "Time that the container's CPUs were held back by its limit, a second (cgroup).", unit="s/s",
        bad=Bad.HIGH,
    ),
    _own(
        "proc_cgroup_cpu", "container CPU", ("cgroup_cpu",), "CPU seconds that the container used, a second.",
        unit="s/s",
    ),
    _level(
        "proc_cgroup_memory", "container mem.", "%", "cgroup_memory", "Its memory, of its limit.",
        under="cgroup_memory_limit", bad=Bad.HIGH,
    ),
)  # fmt: skip
