"""`distdiag doctor`: what is there is told, what is not comes with what to do, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
import socket
import socketserver
import threading
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apiserver import serve
from chaosworld import RIGHTS as CHAOS
from commandline import distdiag
from conftest import LiveLab, run
from live_load import one_node, sql
from prometheusserver import prometheus, victoria_metrics
from realserver import real_server
from told import canned

from distdiag_tui.doctor import here, servers
from distdiag_tui.doctor.check import Check
from distdiag_tui.model.target import Target

PASSWORD = "THE-PASSWORD-FILE"


def checks(*words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and each check by name."""
    ended = distdiag("doctor", *words, "--json")
    documents = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {each["schema"] for each in documents} == {"distdiag.doctor/1"}
    return ended.returncode, {each["check"]: each for each in documents}


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


@pytest.mark.parametrize("greeting", [b"\x05\x00\x00\x00\x0aabc\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_server_costs_only_its_own_line(greeting: bytes) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(greeting)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        code, found = checks(address)
        server.shutdown()
    assert (code, found[f"server {address}"]["state"]) == (3, "unreachable")
    assert "python" in found


async def test_rights_on_one_database_are_none_everywhere() -> None:
    told = ["GRANT ALL PRIVILEGES ON `shop`.* TO 'app'", "GRANT CREATE ON *.* TO 'app'"]

    class Rows:
        async def __aenter__(self) -> Rows:
            return self

        async def __aexit__(self, *_: object) -> None:
            """Nothing."""

        async def execute(self, _: str) -> None:
            """Nothing."""

        async def fetchall(self) -> list[tuple[str]]:
            return [(line,) for line in told]

    grants = await servers._grants(SimpleNamespace(cursor=Rows))
    states = [check.state for check in servers._rights(Target("shop", ()), grants)]
    assert states == ["ok", "missing"]


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


def profile(folder: Path, lines: str) -> None:
    """The profile "shop" of a server that is not there."""
    file = folder / "config" / "distdiag" / "profiles.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    secret = folder / "secret"
    secret.write_text("tiger")
    secret.chmod(0o600)
    file.write_text(f'[profile.shop]\nservers = ["127.0.0.1:1"]\n{lines}\n'.replace(PASSWORD, str(secret)))


@pytest.mark.parametrize("receives", [True, False])
def test_a_real_prometheus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, receives: bool) -> None:
    with prometheus(tmp_path, *["--web.enable-remote-write-receiver"] * receives) as server:
        monkeypatch.setenv("PROMETHEUS_URL", server.url.replace("//", "//ann:tiger@"))
        _, found = checks()
    assert found["prometheus"]["state"] == "ok"
    assert found["remote write"]["state"] == ("ok" if receives else "missing")
    assert ("start it with --web.enable" in found["remote write"]["mend"]) is not receives
    assert "tiger" not in json.dumps(found)


def test_a_real_victoria_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with victoria_metrics(tmp_path) as server:
        monkeypatch.setenv("PROMETHEUS_URL", server.url)
        _, found = checks()
    assert (found["prometheus"]["state"], found["remote write"]["state"]) == ("ok", "ok")


@pytest.mark.parametrize(
    ("status", "headers", "state", "words"),
    [
        (401, {}, "failing", "HTTP 401"),
        (302, {"Location": "http://127.0.0.1:1/"}, "failing", "redirects elsewhere"),
        (200, {"Content-Type": "text/html"}, "failing", "a web page answers"),
        (200, {"Date": formatdate(0)}, "failing", "s behind ours"),
        (503, {}, "unreachable", "HTTP 503"),
    ],
)
def test_a_prometheus_of_a_profile_that_will_not(
    tmp_path: Path, status: int, headers: dict[str, str], state: str, words: str
) -> None:
    with canned(status, headers, b"") as url:
        profile(
            tmp_path, f'[profile.shop.prometheus]\nurl = "{url}"\nuser = "ann"\npassword_file = "{PASSWORD}"'
        )
        _, found = checks("shop")
    assert found["prometheus"]["state"] == state
    assert words in found["prometheus"]["detail"]
    assert found["prometheus"]["detail"].startswith(url)


async def kubernetes(*words: str) -> dict[str, dict[str, Any]]:
    """What is found while an API server runs in this loop."""
    _, found = await asyncio.to_thread(checks, *words)
    return found


RIGHTS = CHAOS | {
    *((verb, "jobs.batch") for verb in ("create", "list", "get", "delete")),
    *((verb, "secrets") for verb in ("create", "get", "patch", "delete")),
    *((verb, "pods") for verb in ("list", "get")),
    *(("get", "pods/log"), ("get", "pods/exec"), ("create", "pods/exec")),
}
LACKING = {
    ("watch", "iochaos.chaos-mesh.org"): "may not watch iochaos.chaos-mesh.org",
    ("list", "observers.oceanbase.oceanbase.com"): "",  # to list pods does as well
    ("get", "pods/log"): "may not get pods/log",
    ("create", "pods/exec"): "may not create pods/exec",
}


async def test_rights_in_kubernetes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profile(tmp_path, "kubernetes = {}")
    async with serve() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        server.gate.rights = RIGHTS
        found = await kubernetes("shop")
        uses = {name: each for name, each in found.items() if name.startswith("rights: ")}
        assert [each["state"] for each in uses.values()] == ["ok"] * 3, uses
        assert server.gate.used == set()  # to ask is not to do
        for lacks, words in LACKING.items():
            server.gate.rights = RIGHTS - {lacks}
            found = await kubernetes("shop")
            told = [
                each for name, each in found.items() if name.startswith("rights: ") and each["state"] != "ok"
            ]
            assert [each["detail"] for each in told] == [words] * bool(words)
            assert {each["state"] for each in told} <= {"failing"}
        server.gate.rights = set()
        found = await kubernetes("127.0.0.1:1")  # nothing of it is on Kubernetes
        assert found["rights: workloads as jobs"]["state"] == "missing"
        wrong = server.kubeconfig(tmp_path, token="wrong")
        assert wrong == tmp_path / "kubeconfig"
        found = await kubernetes("shop")
        assert (found["api server"]["state"], found["api server"]["mend"]) == ("failing", "log in anew")
        assert found["api server"]["detail"].startswith("HTTP 401: ")
        await server.down()
        found = await kubernetes("shop")
        assert found["api server"]["state"] == "unreachable"
        await server.up()


@pytest.mark.slow
async def test_an_api_server_without_reviews_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A real one of custom resources alone, which knows who asks, and nothing of rights."""
    profile(tmp_path, "kubernetes = {}")
    with real_server(tmp_path) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path, "default")))
        found = await kubernetes("shop")
        assert found["api server"]["state"] == "failing"
        assert found["api server"]["detail"].startswith("HTTP 404: ")
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path, "default", token="wrong")))
        found = await kubernetes("shop")
        assert found["api server"]["detail"].startswith("HTTP 401: ")


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


def test_a_password_that_others_can_read(tmp_path: Path) -> None:
    config = tmp_path / "config" / "distdiag"
    config.mkdir(parents=True)
    for name, mode in (("open", 0o644), ("of-the-group", 0o640), ("own", 0o600)):
        (config / name).write_text("secret")
        (config / name).chmod(mode)
    (config / "profiles.toml").write_text(
        f"""[profile.a]\nservers = ["n1:2881"]\npassword_file = "{config}/open"
        [profile.a.prometheus]\nurl = "http://p:9090"\ntoken_file = "{config}/of-the-group"
        [profile.b]\nservers = ["n1:2881"]\npassword_file = "{config}/own"
        [profile.c]\nservers = ["n1:2881"]\npassword_file = "~nobody-of-that-name/nowhere"
        """
    )
    found = [check for check in here.folders() if check.name == "secrets"]
    assert [check.mend for check in found] == [
        f"chmod 600 {config}/{name}" for name in ("of-the-group", "open")
    ]
    assert {check.state for check in found} == {"failing"}


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
