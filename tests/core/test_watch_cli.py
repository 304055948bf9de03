"""`distdiag watch` as a script uses it: real processes, real servers, exit codes and clean ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveLab, run
from live_load import sql

from distdiag_tui.model.metrics import METRIC_IDS

COMMAND = [sys.executable, "-m", "distdiag_tui", "watch"]
ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """This process's environment with the package importable from any folder."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "300", **more}


def watch(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`distdiag watch ...` to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def streaming(*arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A running `distdiag watch`, killed afterwards if it has not ended."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    document: dict[str, Any] = json.loads(process.stdout.readline())
    return document


@pytest.fixture
def dead() -> Iterator[str]:
    """The address of a port that is taken, so that nothing else gets it, and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def one_line_of_error(ended: subprocess.CompletedProcess[str]) -> str:
    """What stderr holds, which is one line of ours and no traceback."""
    assert ended.stderr.startswith("distdiag: "), ended.stderr
    assert ended.stderr.count("\n") == 1
    return ended.stderr


def test_one_tick_as_json(lab_env: LiveLab) -> None:
    ended = watch("lab", "--json", "--once")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1
    document = json.loads(ended.stdout)
    assert (document["schema"], document["cluster"]) == ("distdiag.watch/1", "lab")
    assert [each["name"] for each in document["servers"]] == ["n1", "n2", "n3"]
    for each, endpoint in zip(document["servers"], lab_env.target.endpoints, strict=True):
        assert (each["status"], each["detail"], each["address"]) == ("up", "", endpoint.address)
        assert set(each["metrics"]) == set(METRIC_IDS)
        assert each["metrics"]["qps"] > 0
        assert 0 < each["metrics"]["memory_percent"] < 100
        assert each["metrics"]["proc_memory"] > 1e8  # a level: rates of a machine may take a tick more
        assert 0 < each["metrics"]["host_memory_percent"] < 100


def test_one_tick_for_people(lab_env: LiveLab) -> None:
    ended = watch("lab", "--once")
    assert (ended.returncode, ended.stderr) == (0, "")
    header, *lines = ended.stdout.splitlines()
    assert header.split()[:4] == ["time", "server", "status", "QPS"]
    assert [line.split()[1:3] for line in lines] == [["n1", "up"], ["n2", "up"], ["n3", "up"]]
    assert all("/s" in line and "%" in line for line in lines)
    assert max(map(len, (header, *lines))) <= 80


def test_one_tick_that_was_waited_for_has_its_header_too(lab: LiveLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        both = f"{lab.target.endpoints[0].address},127.0.0.1:{silent.getsockname()[1]}"
        ended = watch(both, "--once", "-i", "0.2", OB_PASSWORD=lab.target.password.reveal())
    assert (ended.returncode, ended.stderr) == (1, "")
    header, well, sick = ended.stdout.splitlines()
    assert header.startswith("time ")
    assert " up " in well
    assert "unreachable  no answer within 3 s" in sick


def test_nothing_reachable(dead: str) -> None:
    ended = watch(dead, "--json", "--once")
    assert ended.returncode == 3
    line = one_line_of_error(ended)
    assert line == f"distdiag: no server answers; {dead}: unreachable: connection refused\n"
    (server,) = json.loads(ended.stdout)["servers"]
    assert server["status"] == "unreachable"


def test_views_that_cannot_be_read_are_not_well(lab: LiveLab) -> None:
    first, user = lab.target.endpoints[0], "distdiag_poor"
    node = replace(lab.target, endpoints=(first,))
    run(sql(node, first, f"DROP USER IF EXISTS {user}", f"CREATE USER {user} IDENTIFIED BY 'poor'"))
    try:
        ended = watch(f"{user}@{first.address}", "--json", "--once", OB_PASSWORD="poor")
    finally:
        run(sql(node, first, f"DROP USER {user}"))
    (server,) = json.loads(ended.stdout)["servers"]
    assert (ended.returncode, ended.stderr, server["status"]) == (1, "", "view missing")


def test_a_wrong_password_says_so(lab: LiveLab) -> None:
    ended = watch(lab.target.endpoints[0].address, "--json", "--once", OB_PASSWORD="not-the-right-one")
    assert ended.returncode == 3
    assert "refused: Access denied for user 'root'" in one_line_of_error(ended)
    assert "not-the-right-one" not in ended.stdout + ended.stderr


def test_one_of_two_is_dead(lab: LiveLab, dead: str) -> None:
    both = f"{lab.target.endpoints[0].address},{dead}"
    ended = watch(both, "--json", "--once", OB_PASSWORD=lab.target.password.reveal())
    assert (ended.returncode, ended.stderr) == (1, "")
    document = json.loads(ended.stdout)
    well, sick = document["servers"]
    assert document["cluster"] == ",".join(sorted(both.split(",")))
    assert (well["status"], well["zone"]) == ("up", "z1")
    assert well["metrics"]["qps"] > 0
    assert (sick["status"], sick["detail"]) == ("unreachable", "connection refused")
    assert set(sick["metrics"].values()) == {None}


def test_a_stream_ends_cleanly_when_interrupted(lab_env: LiveLab) -> None:
    with streaming("lab", "--json", "--interval", "0.2") as process:
        documents = [line_of(process) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
    assert any(all(each["metrics"]["qps"] is not None for each in one["servers"]) for one in documents)
    times = [document["time"] for document in documents]
    assert times == sorted(set(times))
    assert "Traceback" not in errors
    assert process.returncode == 130


def test_a_stream_ends_cleanly_when_its_reader_is_gone(lab_env: LiveLab) -> None:
    with streaming("lab", "--json", "--interval", "0.2") as process:
        line_of(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=15)
    assert errors == ""
    assert process.returncode != 0


def test_in_a_pipeline(lab_env: LiveLab) -> None:
    command = f"'{sys.executable}' -m distdiag_tui watch lab --json -i 0.2 | head -1"
    ended = subprocess.run(
        command, shell=True, env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["schema"] == "distdiag.watch/1"


def test_the_password_is_nowhere(lab: LiveLab) -> None:
    password = lab.target.password.reveal()
    address = lab.target.endpoints[0].address
    with streaming(address, "--json", "-i", "0.2", OB_PASSWORD=password) as process:
        texts = [json.dumps(line_of(process)) for _ in range(3)]
        texts.append(Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8"))
        process.send_signal(signal.SIGINT)
        texts += process.communicate(timeout=15)
    assert not any(password in text for text in texts)


def test_a_password_file_will_do(lab: LiveLab, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(lab.target.password.reveal() + "\n", encoding="utf-8")
    ended = watch("--json", "--once", OB_HOST=lab.target.endpoints[2].address, OB_PASSWORD_FILE=str(file))
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--nope",), "--nope"),
        (("--interval", "0"), "--interval"),
        (("--interval", "soon"), "--interval"),
        (("a", "b"), "b"),
        (("lab",), "no lab is running; start one with: distdiag lab up"),
        (("nowhere",), "no profile named 'nowhere'"),
        (("root:tiger@ob1",), "OB_PASSWORD"),
        (("ob1:99999",), "a port from 1 to 65535"),
        (("ob1,ob1",), "listed twice"),
        ((), "no cluster is named"),
    ],
)
def test_what_cannot_be_asked(arguments: tuple[str, ...], words: str) -> None:
    ended = watch(*arguments, "--once")
    assert (ended.returncode, ended.stdout) == (2, "")
    line = one_line_of_error(ended)
    assert words in line
    assert "tiger" not in line
