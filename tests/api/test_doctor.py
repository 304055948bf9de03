"""`distdiag doctor`: what is there is told, what is not comes with what to do, and nothing is changed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from commandline import distdiag
from conftest import LiveLab, run
from live_load import one_node, sql

from distdiag_tui.doctor import here
from distdiag_tui.doctor.check import Check


def checks(*words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and each check by name."""
    ended = distdiag("doctor", *words, "--json")
    documents = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {each["schema"] for each in documents} == {"distdiag.doctor/1"}
    return ended.returncode, {each["check"]: each for each in documents}


@contextmanager
def prometheus(status: int, flags: dict[str, str]) -> Iterator[str]:
    """Something that tells its flags, at that address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"status": "success", "data": flags}).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_healthy_cluster(lab: LiveLab, lab_env: LiveLab, tmp_path: Path) -> None:
    code, found = checks("lab")
    assert code == 0, found
    first = lab.target.endpoints[0]
    assert found[f"server {first.label}"]["detail"].startswith("seekdb")
    assert found["right to ALTER SYSTEM"]["state"] == "ok"
    assert found["python"]["state"] == found["state folder"]["state"] == found["extra lab"]["state"] == "ok"
    assert found["terminal"]["state"] == "missing"
    assert not (tmp_path / "state").exists()


def test_for_people_with_what_to_do(lab_env: LiveLab) -> None:
    lines = distdiag("doctor", "lab").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("– prometheus"))
    assert lines[at + 1].strip() == "only to keep history there: set PROMETHEUS_URL"


def test_what_does_not_answer_is_3(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("PROMETHEUS_URL", f"http://{address}")
        code, found = checks(address)
    assert (code, found[f"server {address}"]["state"]) == (3, "unreachable")
    assert found[f"server {address}"]["detail"] == "connection refused"
    assert found["prometheus"]["state"] == "unreachable"


def test_an_account_that_may_too_little(lab: LiveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    node = one_node(lab.target)
    address = node.endpoints[0].address
    statements = ("DROP USER IF EXISTS poor", "CREATE USER poor IDENTIFIED BY 'poor'")
    run(sql(node, node.endpoints[0], *statements))
    try:
        monkeypatch.setenv("OB_PASSWORD", "poor")
        _, found = checks(f"poor@{address}")
        assert found["right to CREATE"]["state"] == "missing"
        assert found["right to CREATE"]["mend"].endswith("GRANT CREATE ON *.* TO 'poor'")
        monkeypatch.setenv("OB_PASSWORD", "wrong")
        code, found = checks(f"poor@{address}")
        assert (code, found[f"server {address}"]["state"]) == (1, "failing")
        assert "denied" in found[f"server {address}"]["detail"]
    finally:
        run(sql(node, node.endpoints[0], "DROP USER poor"))


@pytest.mark.parametrize(
    ("status", "flags", "state", "words"),
    [
        (200, {"web.enable-remote-write-receiver": "true"}, "ok", "takes remote write"),
        (200, {"web.enable-remote-write-receiver": "false"}, "missing", "does not take remote write"),
        (404, {}, "ok", "tells no flags (404)"),
        (200, {}, "unreachable", ""),
    ],
)
def test_prometheus(
    monkeypatch: pytest.MonkeyPatch, status: int, flags: dict[str, str], state: str, words: str
) -> None:
    with prometheus(status, flags) as url:
        monkeypatch.setenv("PROMETHEUS_URL", url)
        _, found = checks("nowhere")
    assert (found["cluster"]["state"], found["prometheus"]["state"]) == ("failing", state)
    assert words in found["prometheus"]["detail"]
    assert "secret" not in found["prometheus"]["detail"]


def test_a_wrong_profiles_file_and_a_folder_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config" / "distdiag" / "profiles.toml"
    file.parent.mkdir(parents=True)
    file.write_text("colour = 'red'\n")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    found = {check.name: check for check in here.folders()}
    assert found["state folder"].state == found["profiles"].state == "failing"
    assert str(file) in found["profiles"].mend


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"NO_COLOR": "1", "COLORTERM": "truecolor"}, Check("colours", "ok", "none, as NO_COLOR asks")),
        ({"COLORTERM": "truecolor"}, Check("colours", "ok", "16 million")),
        (
            {"TERM": "screen-256color"},
            Check("colours", "ok", here.MORE),
        ),
    ],
)
def test_colours(environment: dict[str, str], expected: Check) -> None:
    assert list(here.colours(environment)) == [expected]
