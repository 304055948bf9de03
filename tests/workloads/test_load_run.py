"""A run that goes well: figures, steering, stopping, the command line."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from conftest import LiveLab
from live_load import ROWS, SMALL, TABLES, counts, mean_tps, running, sql

from distdiag_tui.workloads.oltp.config import Mode
from distdiag_tui.workloads.report import IntervalReport


@pytest.mark.parametrize(("mode", "nodes_visited"), [("independent", 1), ("coupled", 3)])
async def test_both_modes_report_a_clean_load_and_leave_every_row(
    lab: LiveLab, mode: Mode, nodes_visited: int
) -> None:
    async with running(lab.target, SMALL | {"mode": mode}) as (load, feed):
        reports = await feed.over(8)
        assert load.record.active
    total = (await feed.end())[-1]
    assert load.record.phase == "stopped"
    assert mean_tps(reports) > 0
    assert total.total
    assert total.errors == {}
    assert total.reconnects == 0
    for report in [report for report in reports if report.tps]:
        assert report.qps == pytest.approx(report.tps * (15 + 2 * nodes_visited), rel=0.01)
        assert report.p50 is not None
        assert report.p95 is not None
        assert report.p99 is not None
        assert 0 < report.p50 <= report.p95 <= report.p99 < 5
        assert report.threads == 6
    assert await counts(lab.target) == [(ROWS, ROWS)] * TABLES * len(lab.target.endpoints)


async def test_latency_agrees_with_the_throughput_of_a_closed_loop(lab: LiveLab) -> None:
    async with running(lab.target, SMALL | {"mix": "point_select"}) as (_, feed):
        await feed.over(6)
    total = (await feed.end())[-1]  # Little's law: clients = rate x latency, less the client's own time
    assert total.mean
    assert 0.2 * 6 < total.tps * total.mean < 1.02 * 6


async def test_the_rate_holds_and_changes(lab: LiveLab) -> None:
    async with running(lab.target, SMALL | {"rate": 50.0}) as (load, feed):
        assert 40 < mean_tps(await feed.over(8, skip=2)) < 60
        load.set_rate(20)
        assert 14 < mean_tps(await feed.over(8, skip=3)) < 26


async def test_threads_change_while_running(lab: LiveLab) -> None:
    idle = await sessions(lab)
    async with running(lab.target, SMALL | {"threads": 1, "rate": 90.0}) as (load, feed):
        for threads in (1, 9, 2):
            load.set_threads(threads)
            reports = await feed.over(1, skip=3)
            assert {report.threads for report in reports} == {threads}
            assert await sessions(lab) == idle + threads
    assert (await feed.end())[-1].errors == {}


async def sessions(lab: LiveLab) -> int:
    """Connections on all nodes."""
    lists = [await sql(lab.target, endpoint, "SHOW PROCESSLIST") for endpoint in lab.target.endpoints]
    return sum(map(len, lists))


def test_command_line(lab_env: LiveLab) -> None:
    options = ["--time", "2", "--tables", str(TABLES), "--rows", str(ROWS)]
    done = subprocess.run(
        command("lab", "--prepare", *options, "--json"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reports = [IntervalReport.from_json(line) for line in done.stdout.splitlines()]
    assert [report.total for report in reports] == [False] * (len(reports) - 1) + [True]
    assert 1.5 < reports[-1].elapsed < 3


def test_ctrl_c_ends_the_command_with_a_summary(lab_env: LiveLab) -> None:
    options = ["--tables", str(TABLES), "--rows", str(ROWS)]
    process = subprocess.Popen(command("lab", "--prepare", *options), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "tx/s" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert rest.splitlines()[-1].startswith("total")


@pytest.mark.parametrize("wrong", [["--threads", "0"], ["--mode", "both"], ["--time", "-1"], ["--rate", "x"]])
def test_bad_options_are_one_line_and_code_2(lab_env: LiveLab, wrong: list[str]) -> None:
    done = subprocess.run(
        command("lab", "--prepare", *wrong), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "distdiag_tui", "workload", "start", "oltp", *arguments]
