"""What `distdiag lab` prints about a lab of three."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import pytest
from conftest import LiveLab, run, servers_below

from distdiag_tui.lab.logs import server_log


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "distdiag_tui", "lab", *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_status_shows_every_node_with_a_glyph_and_a_word(lab_env: LiveLab) -> None:
    shown = command("status")
    assert (shown.returncode, shown.stderr) == (0, "")
    head, *rows = shown.stdout.splitlines()
    assert head.split() == ["NODE", "ZONE", "ADDRESS", "STATE", "PID", "UPTIME", "MEMORY"]
    for number, (row, endpoint) in enumerate(zip(rows, lab_env.target.endpoints, strict=True), 1):
        assert row.split()[:5] == [f"n{number}", f"zone{number}", endpoint.address, "●", "running"]


def test_status_for_programs(lab_env: LiveLab) -> None:
    shown = command("status", "--json")
    data = json.loads(shown.stdout)
    assert (shown.returncode, data["cluster"]) == (0, "lab")
    assert [node["name"] for node in data["nodes"]] == ["n1", "n2", "n3"]
    assert all(node["state"] == "running" and node["memory"] > 100e6 for node in data["nodes"])
    assert sorted(node["pid"] for node in data["nodes"]) == sorted(servers_below(lab_env.home))


def test_status_is_quick(lab_env: LiveLab) -> None:
    started = time.monotonic()
    lab_env.lab.status()
    assert time.monotonic() - started < 10


def test_no_lab_is_no_error_but_not_a_success_either() -> None:
    shown = command("status")
    assert (shown.returncode, shown.stderr) == (1, "")
    assert shown.stdout == "no lab is running; start one with: distdiag lab up\n"
    assert json.loads(command("status", "--json").stdout) == {"cluster": "lab", "nodes": []}
    assert command("down").stdout == "no node was running\n"


def test_up_again_changes_nothing(lab_env: LiveLab) -> None:
    before = [node.pid for node in lab_env.lab.status()]
    again = command("up")
    assert again.returncode == 0
    assert "n3: password set" in again.stderr.splitlines()
    assert again.stdout.endswith("look at it with: distdiag connect lab\n")
    assert [node.pid for node in lab_env.lab.status()] == before


def test_logs_of_one_and_of_all(lab_env: LiveLab) -> None:
    one = command("logs", "n2", "-n", "2")
    assert one.returncode == 0
    assert one.stdout.splitlines()[0] == "==> n2/output.log <=="
    assert one.stdout.count("\n") == 6
    assert "==> n3/log/seekdb.log <==" in command("logs").stdout


def test_logs_follow_and_end_on_interrupt(lab_env: LiveLab) -> None:
    words = [sys.executable, "-m", "distdiag_tui", "lab", "logs", "n1", "-n", "1", "-f"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        limit = threading.Timer(20, following.kill)
        limit.start()
        for line in following.stdout:
            if line.startswith("["):  # the last one of those that were there
                break
        with server_log(lab_env.home, "n1").open("a", encoding="utf-8") as file:
            file.write("a new \x1b[2J line\n")
        assert any("a new \ufffd[2J line" in line for line in following.stdout)
        following.send_signal(2)
        assert following.wait(10) == 0
        limit.cancel()


def test_a_closed_pipe_is_no_traceback(lab_env: LiveLab) -> None:
    words = f"{sys.executable} -m distdiag_tui lab logs -n 100000 | head -n 1"
    shown = subprocess.run(["/bin/sh", "-c", words], capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in shown.stderr


def test_the_session_s_lab_answers_on_every_node(lab: LiveLab) -> None:
    import asyncmy  # noqa: PLC0415

    async def ask(port: int) -> object:
        secret = lab.target.password.reveal()
        async with (
            await asyncmy.connect(host="127.0.0.1", port=port, user="root", password=secret) as link,
            link.cursor() as cursor,
        ):
            await cursor.execute("select query_sql from oceanbase.gv$ob_sql_audit")
            return [row for row in await cursor.fetchall() if secret in str(row)]

    for endpoint in lab.target.endpoints:
        assert run(ask(endpoint.port)) == []


@pytest.mark.parametrize("word", ["up", "down", "status", "logs"])
def test_every_command_has_help(word: str) -> None:
    shown = command(word, "--help")
    assert shown.returncode == 0
    assert "Usage:" in shown.stdout
