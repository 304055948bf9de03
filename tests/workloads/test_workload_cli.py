"""`distdiag workload` in a script: exit codes, one-line errors, JSON, runs in the background."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_load import (
    QUICK,
    SMALL,
    at_once,
    documents,
    end_everything,
    fresh,
    going_on,
    one_line,
    soon,
    the_run,
    workload,
)
from conftest import LiveLab, run
from live_load import alive, drop_load, make_ready, one_node, served, sql

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.report import IntervalReport


@pytest.fixture(scope="module")
def node(lab: LiveLab) -> Iterator[Target]:
    """One node of the lab, without the load's database afterwards."""
    target = one_node(lab.target)
    yield target
    run(drop_load(target))


@pytest.fixture
def server(node: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """How that node is named on a command line; what runs against it afterwards is ended."""
    monkeypatch.setenv("OB_PASSWORD", node.password.reveal())
    yield node.endpoints[0].address
    end_everything()


@pytest.fixture
def ready(server: str, node: Target, tmp_path: Path) -> str:
    """The same, with data."""

    async def prepare() -> None:
        async with served(node, tmp_path / "elsewhere") as workloads:
            await make_ready(workloads, {"tables": 1, "rows": 200})

    run(prepare())
    return server


def execute(node: Target, *statements: str) -> None:
    run(sql(node, node.endpoints[0], *statements))


def test_what_there_is_can_be_listed() -> None:
    assert "oltp " in at_once("list").stdout
    shown = at_once("list", "oltp").stdout
    assert "--threads" in shown
    assert "1 to 1,024" in shown
    (document,) = documents(at_once("list", "--json").stdout)
    assert document["schema"] == "distdiag.workloads/1"
    (oltp,) = [each for each in document["workloads"] if each["id"] == "oltp"]
    assert set(oltp) == {"id", "title", "about", "missing", "stand_in", "options"}
    assert oltp["missing"] == ""
    rows = next(option for option in oltp["options"] if option["name"] == "rows")
    assert (rows["default"], rows["takes"], rows["size"]) == (10_000, "100 to 100,000,000", True)
    assert set(rows) == {"name", "default", "takes", "size", "about"}
    assert [option["name"] for option in oltp["options"]][-1] == "servers"


def test_nothing_has_run_yet() -> None:
    shown = at_once("status")
    assert (shown.returncode, shown.stdout) == (0, "nothing was started yet\n")
    shown = at_once("status", "--json")
    assert (shown.returncode, documents(shown.stdout)) == (0, [{"schema": "distdiag.runs/1", "runs": []}])
    stopped = at_once("stop", "--all")
    assert (stopped.returncode, stopped.stdout) == (0, "nothing is running\n")


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["start", "nope"], 2, "there is no workload 'nope'; there are: oltp"),
        (["list", "nope"], 2, "there is no workload 'nope'; there are: oltp"),
        (["start", "oltp", "--colour", "red"], 2, "there is no option --colour here; there are: --threads"),
        (["prepare", "oltp", "--rows", "9"], 2, "--rows takes 100 to 100,000,000, not '9'"),
        (["start", "oltp", "127.0.0.1:1"], 3, "127.0.0.1:1: Can't connect"),
        (["cleanup", "oltp", "nowhere"], 2, "no profile named 'nowhere'"),
        (["stop"], 2, "which run? Name one that status shows, or give --all"),
        (["stop", "oltp-0000"], 1, "there is no run 'oltp-0000'; running: none"),
        (["start"], 2, "Missing argument"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_clear_line(words: list[str], code: int, line: str) -> None:
    if words[:2] in (["start", "oltp"], ["prepare", "oltp"]) and len(words) == 4:
        words = [*words, "127.0.0.1:1"]  # options may come before the target
    assert one_line(at_once(*words), code).startswith(line)
    assert Journal().records() == []


def test_from_prepare_to_cleanup_for_a_person(server: str, node: Target) -> None:
    run(drop_load(node))
    assert "oltp is not prepared" in one_line(at_once("start", "oltp", server), 1)
    prepared = workload("prepare", "oltp", server, *SMALL)
    assert (prepared.returncode, prepared.stdout) == (0, "oltp: prepared with tables 1, rows 200\n")
    assert prepared.stderr.splitlines()[-1].startswith("100% preparing")
    ran = workload("start", "oltp", *QUICK, "--time", "0.5", server)
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[-1].startswith("total")
    verified = workload("verify", "oltp", server)
    assert verified.returncode == 0
    assert verified.stdout.splitlines() == [
        f"✓ {server} oltp1  200 rows, ids up to 200",
        "oltp: all 1 checks passed",
    ]
    execute(node, "DELETE FROM distdiag_load.oltp1 WHERE id = 7")
    wrong = workload("verify", "oltp", server)
    assert wrong.returncode == 1
    assert wrong.stdout == f"✗ {server} oltp1  199 rows, ids up to 200\n"
    assert wrong.stderr.splitlines()[-1] == "distdiag: 1 of 1 checks failed"
    for said in ("oltp: dropped\n", "oltp: there was nothing to drop\n"):
        cleaned = workload("cleanup", "oltp", server)
        assert (cleaned.returncode, cleaned.stdout) == (0, said)
    shown = at_once("status").stdout.splitlines()
    assert [line.split()[2] for line in shown[1:]] == ["done", "done", "done", "failed", "done", "done"]
    assert shown[4].endswith("1 of 1 checks failed")


def test_from_prepare_to_cleanup_for_a_program(server: str, node: Target) -> None:
    run(drop_load(node))
    for words, schemas in (
        (["prepare", *SMALL], ["distdiag.run/1"]),
        (["verify"], ["distdiag.check/1", "distdiag.run/1"]),
        (["cleanup"], ["distdiag.run/1"]),
    ):
        ended = workload(words[0], "oltp", server, *words[1:], "--json")
        assert (ended.returncode, ended.stderr) == (0, "")
        told = documents(ended.stdout)
        assert [document["schema"] for document in told] == schemas
        assert RunRecord.from_fields(told[-1]).phase == "done"
        if words == ["verify"]:
            assert told[0] == {
                "schema": "distdiag.check/1",
                "check": f"{server} oltp1",
                "passed": True,
                "detail": "200 rows, ids up to 200",
            }
    ran = workload("start", "oltp", server, *SMALL, *QUICK, "--prepare", "--time", "0.5", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    reports = [IntervalReport.from_json(line) for line in ran.stdout.splitlines()]
    assert [report.total for report in reports] == [False] * (len(reports) - 1) + [True]
    shown = at_once("status", "--json")
    assert shown.returncode == 0
    (document,) = documents(shown.stdout)
    assert document["schema"] == "distdiag.runs/1"
    runs = [RunRecord.from_fields(fields) for fields in document["runs"]]
    assert [each.steps for each in runs] == [("prepare",), ("verify",), ("cleanup",), ("prepare", "run")]
    assert runs[-1].report is not None
    assert runs[-1].report.total


def test_a_run_in_the_background(ready: str) -> None:
    begun = workload("start", "oltp", ready, *QUICK, "-d")
    name = the_run().id
    said = f"{name} is running; to end it: distdiag workload stop {name}\n"
    assert (begun.returncode, begun.stdout, begun.stderr) == (0, said, "")
    for _ in range(2):
        fresh()
    shown = at_once("status")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[-1].split()[:3] == [name, ready, "running"]
    for words in (["start", "oltp"], ["prepare", "oltp"], ["cleanup", "oltp"]):
        line = one_line(at_once(*words, ready), 1)
        assert line == f"oltp is already running on {ready}; stop it first: distdiag workload stop {name}"
    stopped = at_once("stop", name)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, f"{name} stopped\n", "")
    soon(lambda: not alive(the_run().pid), 10)
    again = at_once("stop", name)
    assert (again.returncode, again.stdout) == (0, f"{name} had ended: stopped\n")
    assert at_once("status").stdout.splitlines()[-1].split()[:3] == [name, ready, "stopped"]


def test_a_run_in_the_background_for_a_program(ready: str) -> None:
    begun = workload("start", "oltp", ready, *QUICK, "--prepare", "--detach", "--json")
    assert (begun.returncode, begun.stderr) == (0, "")
    (fields,) = documents(begun.stdout)
    record = RunRecord.from_fields(fields)
    assert (record.phase, record.pid) == ("running", the_run().pid)
    fresh()
    stopped = at_once("stop", "--all", "--json")
    (fields,) = documents(stopped.stdout)
    assert (stopped.returncode, RunRecord.from_fields(fields).phase) == (0, "stopped")
    ended = the_run()
    assert ended.report is not None
    assert ended.report.total


def test_a_background_run_that_cannot_start_is_told(ready: str, node: Target) -> None:
    execute(node, "DROP TABLE distdiag_load.oltp1")
    line = one_line(workload("start", "oltp", ready, *QUICK, "-d"), 1)
    assert line.endswith("doesn't exist; prepare the workload again")
    assert (the_run().phase, the_run().message) == ("failed", line)
    soon(lambda: not alive(the_run().pid), 10)


def test_a_background_run_whose_database_goes_away_has_failed(ready: str, node: Target) -> None:
    assert workload("start", "oltp", ready, *QUICK, "-d").returncode == 0
    fresh()
    execute(node, "DROP DATABASE distdiag_load")
    soon(lambda: not the_run().active, 5)
    record = the_run()
    assert record.phase == "failed"
    assert "prepare the workload again" in record.message
    soon(lambda: not alive(record.pid), 10)
    shown = at_once("status")
    assert shown.returncode == 0
    assert "failed" in shown.stdout
    assert record.message in shown.stdout
    assert "oltp is not prepared" in one_line(at_once("start", "oltp", ready), 1)


def test_a_table_that_goes_away_ends_the_command(ready: str, node: Target) -> None:
    with going_on("start", "oltp", ready, *QUICK) as process:
        assert process.stdout is not None
        process.stdout.readline()
        execute(node, "DROP TABLE distdiag_load.oltp1")
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.splitlines()[-1].endswith("doesn't exist; prepare the workload again")
    assert workload("prepare", "oltp", ready).returncode == 0
    assert workload("verify", "oltp", ready).returncode == 0


def test_an_account_that_may_only_read(ready: str, node: Target) -> None:
    reader = f"reader@{ready}"
    execute(
        node,
        "DROP USER IF EXISTS reader",
        "CREATE USER reader IDENTIFIED BY 'only reads'",
        "GRANT SELECT ON *.* TO reader",
    )
    try:
        for words in (["prepare", "oltp"], ["start", "oltp"], ["cleanup", "oltp"]):
            ended = workload(*words, reader, OB_PASSWORD="only reads")
            assert ended.returncode == 1
            assert "denied" in ended.stderr.splitlines()[-1]
            assert the_run().phase == "failed"
            assert "denied" in the_run().message
        assert workload("verify", "oltp", reader, OB_PASSWORD="only reads").returncode == 0
        execute(node, "DROP DATABASE distdiag_load")
        ended = workload("prepare", "oltp", reader, OB_PASSWORD="only reads")
        assert ended.returncode == 1
        assert "denied" in one_line(ended, 1)
    finally:
        execute(node, "DROP USER reader")


def test_production_is_spared(ready: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profiles = tmp_path / "config" / "distdiag" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f'[profile.shop]\nservers = ["{ready}"]\nproduction = true\n')
    before = Journal().records()
    for words in (["prepare", *SMALL], ["start"], ["start", "--prepare"], ["start", "-d"], ["cleanup"]):
        line = one_line(at_once(words[0], "oltp", "shop", *words[1:]), 2)
        assert line.startswith("shop is a production cluster")
        assert line.endswith("if that is meant, add --i-know-this-is-production")
    assert Journal().records() == before
    assert workload("verify", "oltp", "shop").returncode == 0
    insisting = ("shop", "--i-know-this-is-production")
    assert workload("start", "oltp", *insisting, *QUICK, "--time", "0.2").returncode == 0
    assert workload("cleanup", "oltp", *insisting).stdout == "oltp: dropped\n"


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, "workload stop"])
def test_a_prepare_that_is_cut_short_can_be_repeated(server: str, node: Target, by: object) -> None:
    run(drop_load(node))
    with going_on("prepare", "oltp", server, "--tables", "1", "--rows", "24000") as process:
        soon(lambda: Journal().records() != [] and the_run().fraction > 0)
        if isinstance(by, signal.Signals):
            process.send_signal(by)
        else:
            assert at_once("stop", "--all").stdout == f"{the_run().id} stopped\n"
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output) == (130 if by != "workload stop" else 1, "")
    assert errors.splitlines()[-1] == "distdiag: oltp prepare was cut short; it can be repeated"
    assert the_run().phase == "stopped"
    assert not alive(the_run().pid)
    assert "half prepared" in one_line(at_once("start", "oltp", server), 1)
    again = workload("prepare", "oltp", server)
    assert (again.returncode, again.stdout) == (0, "oltp: prepared with tables 1, rows 24,000\n")
    assert workload("verify", "oltp", server).returncode == 0


def test_a_run_stopped_from_elsewhere_gives_its_summary(ready: str) -> None:
    with going_on("start", "oltp", ready, *QUICK) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert at_once("stop", the_run().id).returncode == 0
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert output.splitlines()[-1].startswith("total")


def test_nobody_reads_any_more(ready: str) -> None:
    with going_on("start", "oltp", ready, *QUICK) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert the_run().phase == "stopped"
    assert not alive(the_run().pid)


def test_the_commands_death_is_the_loads(ready: str) -> None:
    with going_on("start", "oltp", ready, *QUICK) as process:
        assert process.stdout is not None
        process.stdout.readline()
        worker = the_run().pid
        assert alive(worker)
        process.kill()
        soon(lambda: not alive(worker), 10)
    record = the_run()
    killed, told = ("failed", "its process was killed"), ("stopped", "the console that started it has gone")
    assert (record.phase, record.message) in (killed, told)  # the kernel ends it, unless it is quicker itself
    again = workload("start", "oltp", ready, *QUICK, "--time", "0.2")
    assert again.returncode == 0


def test_hostile_words_of_a_server_do_not_reach_the_terminal(server: str) -> None:
    """The server repeats the account's name, which here tries to act on the terminal."""
    hostile = "\x1b[31m\x07evil\u202e"
    for words in (["start", "oltp"], ["cleanup", "oltp"]):
        ended = workload(*words, server, OB_USER=hostile)
        assert "evil" in one_line(ended, 3)
        assert not {"\x1b", "\x07", "\u202e"} & set(ended.stderr)
    shown = at_once("status").stdout
    assert "evil" in shown
    assert shown.replace("\n", "").isprintable()
    assert "\\u001b" in json.dumps(the_run().message)
