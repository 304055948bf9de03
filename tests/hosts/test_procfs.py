"""Figures from what Linux writes in /proc, on old kernels and new ones."""

from __future__ import annotations

import os

import pytest

from distdiag_tui.hosts import procfs
from distdiag_tui.hosts.answers import of_disk, of_machine, of_process, uptime
from distdiag_tui.hosts.shell import by_file, candidates, choose

STAT = """cpu  2605866 697104 837065 3659303 31430 5 77708 3572 0 0
cpu0 1262502 327215 404646 1914848 12993 0 29361 1754 0 0
cpu1 1343363 369889 432419 1744455 18437 5 48347 1817 0 0
intr 123 0 0
ctxt 99887766
btime 1795500000
processes 815
procs_running 3
procs_blocked 1
"""
DISKS = """   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 6274715 41719 114064938 1675729 17442959 1963756 1714108704 5692109 0 3132304 8985235 1 2 3 4 5086301 1518944
 254       1 vda1 100 0 800 10 200 0 1600 20 0 30 30
"""  # noqa: E501
NETWORK = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 900 90 0 0 0 0 0 0 900 90 0 0 0 0 0 0
  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0
eth0.7: 500 5 0 0 0 0 0 0 500 5 0 0 0 0 0 0
 bond0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0
 wlan0:   10  1 0 0 0 0 0 0   20  2 0 0 0 0 0 0
vethab12: 77 7 0 0 0 0 0 0 77 7 0 0 0 0 0 0
"""  # noqa: E501
PROCESS = "77 (a (b) c) S 1 77 77 0 -1 4194304 124 0 42 0 150 50 0 0 20 0 9 0 4031753 3932160 553 184467"


def test_cpu_time_of_the_machine_in_microseconds() -> None:
    found = procfs.cpu(STAT)
    assert found == {
        "cpu_user": (2605866 + 697104) * 10_000,
        "cpu_system": (837065 + 5 + 77708) * 10_000,
        "cpu_idle": 3659303 * 10_000,
        "cpu_iowait": 31430 * 10_000,
        "cpu_steal": 3572 * 10_000,
        "cpus": 2,
        "running": 3,
        "blocked": 1,
    }
    assert procfs.boot_time(STAT) == 1795500000


def test_of_disks_only_the_one_that_is_asked_for() -> None:
    found = procfs.disk(DISKS, (254, 0))
    assert (found["disk_reads"], found["disk_writes"]) == (6274715, 17442959)
    assert found["disk_read_bytes"] == 114064938 * 512
    assert found["disk_busy"] == 3132304_000
    assert (found["disk_flushes"], found["disk_flush_time"]) == (5086301, 1518944_000)
    assert "disk_flushes" not in procfs.disk(DISKS, (254, 1))  # an old kernel's line ends before
    assert procfs.disk(DISKS, (0, 44)) == {}  # such as of a folder in memory


def test_the_network_is_what_leads_elsewhere_and_counted_once() -> None:
    assert procfs.network(NETWORK) == {
        "net_in_bytes": 1010,
        "net_out_bytes": 2020,
        "net_in_packets": 11,
        "net_out_packets": 22,
        "net_errors": 4,
        "net_drops": 6,
    }


def test_pressure_has_all_and_some_only_for_disks() -> None:
    text = "some avg10=0.00 avg60=0.11 total=128\nfull avg10=0.00 avg60=0.00 total=5\n"
    assert procfs.pressure("cpu", text) == {"pressure_cpu": 128}
    assert procfs.pressure("io", text) == {"pressure_io": 128, "pressure_io_full": 5}


def test_the_name_of_a_process_may_hold_anything() -> None:
    assert procfs.process(PROCESS) == {
        "proc_major_faults": 42, "proc_user": 1_500_000, "proc_system": 500_000, "proc_threads": 9,
    }  # fmt: skip
    assert procfs.started(PROCESS) == 4031753


def test_an_answer_is_taken_apart_by_its_files_and_what_is_not_there_is_left_out() -> None:
    answer = "/proc/uptime:100.25 7\n/proc/77/stat:" + PROCESS + "\n..threads 77 9000 4\n..files 77 12"
    texts = by_file(answer)
    assert uptime(texts) == 100.25
    assert of_machine(texts, 5.0) == {"machines": 1, "elapsed": 5.0}
    assert of_disk(texts, os.makedev(254, 0), 5.0) == {}
    assert of_disk({"/proc/diskstats": DISKS}, None, 5.0) == {}
    assert of_disk({"/proc/diskstats": DISKS}, os.makedev(254, 1), 5.0)["disk_elapsed"] == 5.0
    own = of_process(texts, 77, 4096)
    assert (own["proc_run_delay"], own["proc_runs"], own["proc_files"]) == (9, 4, 12)
    assert "proc_memory" not in own
    assert of_process(texts, 78, 4096) == {}


@pytest.mark.parametrize(
    "files",
    [
        {
            "cpu.stat": "usage_usec 5000\nnr_periods 40\nnr_throttled 10\nthrottled_usec 777",
            "memory.current": "1048576",
            "memory.max": "4194304",
        },
        {
            "cpu/cpu.stat": "nr_periods 40\nnr_throttled 10\nthrottled_time 777999",
            "cpuacct/cpuacct.usage": "5000123",
            "memory/memory.usage_in_bytes": "1048576",
            "memory/memory.limit_in_bytes": "4194304",
        },
    ],
    ids=["one hierarchy", "older ones"],
)
def test_a_container_s_limits_come_from_its_cgroup(files: dict[str, str]) -> None:
    texts = {f"/sys/fs/cgroup/{name}": text for name, text in files.items()}
    found = of_machine(texts, 1.0)
    assert {name: value for name, value in found.items() if name.startswith("cgroup")} == {
        "cgroup_cpu": 5000,
        "cgroup_periods": 40,
        "cgroup_throttled": 10,
        "cgroup_throttled_time": 777,
        "cgroup_memory": 1048576,
        "cgroup_memory_limit": 4194304,
    }


@pytest.mark.parametrize(("name", "text"), [("memory.max", "max"), ("memory.max", str(2**63 - 4096))])
def test_without_a_limit_there_is_no_share_of_it(name: str, text: str) -> None:
    found = of_machine({f"/sys/fs/cgroup/{name}": text}, 1.0)
    assert "cgroup_memory_limit" not in found


def test_of_processes_only_one_whose_command_names_the_port_or_the_only_one_of_an_only_server() -> None:
    both = candidates(
        "7 /bin/observer -P 2882 -p 2881 -z z1 \n9 /bin/observer --mysql_port=3881 \nnonsense\n"
    )
    assert [pid for pid, _ in both] == [7, 9]
    for alone in (True, False):
        assert [choose(both, port, alone=alone) for port in (2881, 3881, 2882)] == [7, 9, None]
        assert choose([], 2881, alone=alone) is None
    assert choose(both[:1], 5555, alone=True) == 7  # behind a proxy the port is another
    assert choose(both[:1], 3881, alone=False) is None  # its own process has ended
