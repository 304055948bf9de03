"""The console in a real terminal, on a real server, with a real Prometheus."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from conftest import LiveLab
from prometheusserver import prometheus
from terminal import Terminal
from told import until

CONNECT = (sys.executable, "-m", "distdiag_tui", "connect", "lab")
LIVE = r"n1 +[0-9.]+ k?/s"  # a rate of the first server, in the topology


def test_what_is_sampled_is_written_beside_the_screen(lab_env: LiveLab, tmp_path: Path) -> None:
    with prometheus(tmp_path, "--web.enable-remote-write-receiver") as server:
        variables = {"PROMETHEUS_URL": server.url.replace("//", "//ann:tiger@")}
        with Terminal(CONNECT, 200, 48, environment=variables) as console:
            console.wait_for(LIVE)
            console.wait_for(r"Prometheus \d")
            until(lambda: bool(server.value("count(oceanbase_sql_select_total)")))
            console.send("q")
            assert console.wait_exit() == 0
            assert b"tiger" not in console.output()
        written = server.value("min(count_over_time(distdiag_server_up[1m]))")
        assert written is not None
        assert written >= 2  # the last one as it was left


def test_the_console_lives_without_it(lab_env: LiveLab) -> None:
    variables = {"PROMETHEUS_URL": "http://127.0.0.1:9"}
    with Terminal(CONNECT, 200, 48, environment=variables) as console:
        console.wait_for(LIVE)
        console.wait_for("Prometheus unreachable")
        console.send("q")
        assert console.wait_exit() == 0
        assert b"Traceback" not in console.output()


def test_stopped_by_hand_it_lets_another_one_write(lab_env: LiveLab, tmp_path: Path) -> None:
    elsewhere = "Prometheus fed by another console"
    with prometheus(tmp_path, "--web.enable-remote-write-receiver") as server:
        variables = {"PROMETHEUS_URL": server.url}
        with Terminal(CONNECT, 200, 48, environment=variables) as first:
            first.wait_for(r"Prometheus \d")
            with Terminal(CONNECT, 200, 48, environment=variables) as second:
                second.wait_for(elsewhere)
                first.send("\x1a")
                first.wait_stopped()
                second.wait_for(r"Prometheus \d")
                os.kill(first.pid, signal.SIGCONT)
                first.wait_for(elsewhere)
                first.wait_for(LIVE)
                second.send("q")
                assert second.wait_exit() == 0
            first.wait_for(r"Prometheus \d")
            first.send("q")
            assert first.wait_exit() == 0
