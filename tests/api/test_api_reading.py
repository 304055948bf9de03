"""What the service tells: metrics, findings, models; who may ask, how much and how often."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from conftest import LiveLab, run
from fastapi import FastAPI
from serving import Service, ready, serving, soon
from starlette.types import ASGIApp, Receive, Scope, Send

from distdiag_tui.api import patience
from distdiag_tui.api.access import read_token
from distdiag_tui.api.app import make_app
from distdiag_tui.api.guard import Pace, Policy
from distdiag_tui.api.listening import Listening
from distdiag_tui.api.patience import Impatient
from distdiag_tui.api.problem import handle_problems
from distdiag_tui.api.server import serve
from distdiag_tui.api.station import Station
from distdiag_tui.api.tasks import Tasks
from distdiag_tui.api.trainjob import TrainJob
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.metrics import CATALOGUE
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.workloads.journal import RunRecord

NOT_CHECKED = (
    "ignored_auth",  # there is none on loopback
    "positive_data_acceptance",  # what is well formed may still name what there is not, or be refused here
)


def test_the_newest_figures_of_every_server(service: Service, lab: LiveLab) -> None:
    address = lab.target.endpoints[0].address
    soon(lambda: service.get("/api/metrics/").body["metrics"][address]["sql"]["qps"]["value"] is not None)
    answer = service.get("/api/metrics/").body
    assert answer["nodes"][address]["status"] in ("up", "slow")
    told = {name for group in answer["metrics"][address].values() for name in group}
    assert told == {row.id for row in CATALOGUE}
    assert answer["metrics"][address]["sql"]["qps"]["value"] >= 0
    none_moved = service.get("/api/metrics/fluctuations?least=50").body["summary"]
    all_moved = service.get("/api/metrics/fluctuations?least=0").body["summary"]
    assert all_moved["fluctuating_metrics"] == all_moved["total_metrics"] == len(told)
    assert none_moved["fluctuating_metrics"] <= answer["summary"]["fluctuating_metrics"]


def test_chosen_metrics_with_their_past(service: Service, lab: LiveLab) -> None:
    address = lab.target.endpoints[0].address
    for node in (address, "127.0.0.1"):  # the only server on that host
        wanted = quote(json.dumps({"cpu": "cpu usage", "sql": "QPS", "io": "io_read_rate"}))
        answer = service.get(f"/api/metrics/detailed/selected?node_ip={node}&metrics={wanted}&seconds=5").body
        assert answer["node_ip"] == address
        assert answer["metrics"]["cpu"]["cpu usage"]["id"] == "cpu_percent"
        past = answer["metrics"]["sql"]["QPS"]["data"]
        assert 1 <= len(past) <= 10
        assert past[-1]["timestamp"] == answer["timestamp"]
        assert past[-1]["value"] == answer["metrics"]["sql"]["QPS"]["latest"]
    for query, words in (
        (f"node_ip={address}&metrics=%7B", "metrics is to be a JSON object"),
        (f"node_ip={address}&metrics=%7B%22x%22%3A%22nope%22%7D", "there is no metric 'nope'"),
        ("node_ip=n9&metrics=%7B%7D", "there is no server 'n9'"),
    ):
        answer = service.get(f"/api/metrics/detailed/selected?{query}")
        assert (answer.status, answer.body["detail"][: len(words)]) == (422, words)


def test_sampling_can_be_stopped_and_started(service: Service) -> None:
    try:
        assert service.post("/api/metrics/stop").body["status"] == "stopped"
        waits = service.get("/readyz")
        assert (waits.status, waits.body["detail"]) == (503, "sampling was stopped by a request")
        assert service.get("/healthz").status == 200
    finally:
        assert service.post("/api/metrics/start").body["status"] == "started"
    ready(service)


def test_models_are_told_of(service: Service) -> None:
    listed = service.get("/api/models/list").body
    assert (listed["models"], listed["active"]) == (["rules"], "rules")
    assert "lock_contention" in service.get("/api/models/rules/performance").body["causes"]
    assert isinstance(service.get("/api/models/ranks?model_names[]=rules").body["rules"], list)
    assert service.get("/api/models/metrics_ranks?node=127.0.0.1").body["model_name"] == "rules"
    assert service.get("/api/models/nope/performance").status == 404
    assert service.post("/api/models/validate", {"model_name": "../x"}).body["valid"] is False
    assert service.post("/api/models/validate", {"model_name": "rules"}).body["valid"] is True


def test_pages_of_other_sites_and_other_names_of_this_machine_are_refused(service: Service) -> None:
    for headers, status in (
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": service.address}, 200),
        ({"Host": f"localhost:{service.port}"}, 200),
    ):
        answer = service.get("/api/anomaly/active", **headers)
        assert answer.status == status, headers
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_request_has_a_size(service: Service) -> None:
    answer = service.post("/api/workload/start", b" " * (65 << 10))
    assert (answer.status, answer.body["detail"]) == (413, "a request may have 64 KiB")
    with socket.create_connection(("127.0.0.1", service.port), 10) as line:  # without saying how much comes
        head = "POST /api/workload/start HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        line.sendall(head.encode())
        for _ in range(5):
            line.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


async def in_process(app: ASGIApp, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and body of a GET, without a network."""
    sent: list[Any] = []

    async def receive() -> Any:  # noqa: ANN401  ASGI
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401  ASGI
        sent.append(message)

    pairs = [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers.items())]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": pairs,
             "http_version": "1.1", "scheme": "http", "server": ("localhost", 80)}  # fmt: skip
    with suppress(ValueError):  # a bug goes on, to the log
        await app(scope, receive, send)
    found = dict(sent[0]["headers"])
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], found[b"content-type"].decode(), body.decode()


async def test_a_bug_of_ours_shows_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    handle_problems(app)

    @app.get("/bug")
    async def bug() -> None:
        int("tiger")

    status, media, body = await in_process(app, "/bug")
    assert (status, media) == (500, "application/problem+json")
    assert json.loads(body)["detail"] == "something is wrong in distdiag itself; its log says what"
    assert "tiger" in caplog.text


async def test_metrics_are_what_is_plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    station = Station(Target("nothing", (Endpoint("127.0.0.1", 1),)), 1.0)
    plain = make_app(station, Policy(Secret()))
    assert (await in_process(plain, "/metrics"))[0] == 404
    told = make_app(station, Policy(Secret()), lambda snapshot, accept: (accept.encode(), "text/x; v=1"))
    assert await in_process(told, "/metrics", accept="open") == (200, "text/x; v=1", "open")


def test_who_asks_too_often_is_told_to_wait() -> None:
    now = 0.0
    pace = Pace(2.0, lambda: now)
    assert [pace.wait("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert pace.wait("b") == 0
    now = 0.5
    assert [pace.wait("a"), pace.wait("a")] == [0, 1]
    now = 100.0
    assert [pace.wait("a") for _ in range(5)] == [0, 0, 0, 0, 1]


async def test_a_connection_that_brings_no_request_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.6)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    server = uvicorn.Server(uvicorn.Config(slow, port=0, http=Impatient, lifespan="off", log_config=None))
    monkeypatch.setattr(server, "capture_signals", nullcontext)
    serving_it = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.01)
        where = server.servers[0].sockets[0].getsockname()
        for begun in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection(*where)
            writer.write(begun)
            assert await reader.read() == b""
            writer.close()
        reader, writer = await asyncio.open_connection(*where)
        for _ in range(2):  # one that is answered slowly is not cut, nor is a second one
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
        writer.write(b"GET")
        assert await reader.read() == b""
        writer.close()
        server.should_exit = True
        await serving_it


def test_as_many_tasks_that_have_ended_are_kept_as_is_said() -> None:
    board, run_record = Tasks(), RunRecord("oltp-1", "oltp", "shop", ("127.0.0.1:1",), ("run",), {}, 100.0)
    names = [board.add("t", run_record).id for _ in range(6)]
    assert board.forget(names, 10) == 0
    assert board.forget(names, 4) == 2
    assert [task.id for task in board.all()] == names[2:]


async def test_two_who_ask_at_once_start_one_training(tmp_path: Path) -> None:
    job = TrainJob(tmp_path / "models", lambda: None)
    asked = [job.start(tmp_path / "none", "", "", activate=False) for _ in range(2)]
    assert sorted(await asyncio.gather(*asked)) == [False, True]
    await job.close()


def test_with_a_token_nobody_else_is_answered(lab: LiveLab, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-long-and-secret-token\n")
    token.chmod(0o600)
    address, password = lab.target.endpoints[0].address, lab.target.password.reveal()
    words = (address, "--token-file", str(token), "--host", "0.0.0.0")
    with serving(tmp_path, *words, OB_PASSWORD=password) as service:
        for header in ("", "Bearer", "Bearer wrong", "Basic a-long-and-secret-token", "Bearer ä"):
            answer = service.get("/api/workload/active", **({"Authorization": header} if header else {}))
            assert answer.status == 401, header
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.body["detail"] == "a token is needed: Authorization: Bearer TOKEN"
        allowed = service.get("/api/workload/active", Authorization="Bearer a-long-and-secret-token")
        assert (allowed.status, allowed.body) == (200, [])
        assert [service.get(path).status for path in ("/healthz", "/docs", "/openapi.json")] == [200] * 3
        assert b"a-long-and-secret-token" not in Path(f"/proc/{service.process.pid}/cmdline").read_bytes()


def test_a_token_is_only_the_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    for text, mode, words in (
        ("a-long-and-secret-token", 0o640, "others can read the token file"),
        ("short", 0o600, "a token has at least 16 characters"),
        ("", 0o600, "is empty"),
    ):
        file.write_text(text)
        file.chmod(mode)
        with pytest.raises(ConfigError, match=words):
            read_token(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="cannot read the token file"):
        read_token(tmp_path / "nowhere")
    monkeypatch.setenv("DISTDIAG_TOKEN", "from-the-environment")
    assert read_token(None).reveal() == "from-the-environment"


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("0.0.0.0", 0, "0.0.0.0 can be reached from other machines: give a token"),
        ("::", 0, ":: can be reached from other machines: give a token"),
        ("127.0.0.1", None, "cannot listen on 127.0.0.1:.*: Address already in use"),
    ],
)
def test_it_does_not_listen_where_it_must_not_or_cannot(
    service: Service, host: str, port: int | None, words: str
) -> None:
    where = Listening(host, service.port if port is None else port, Secret())
    with pytest.raises(ConfigError, match=words):
        run(serve(Target("nothing", (Endpoint("127.0.0.1", 1),)), 1.0, where, print))


def test_an_address_with_nobody_behind_it_is_served_all_the_same(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1:1") as service:
        assert service.get("/healthz").body == {"status": "ok", "detail": ""}
        assert service.get("/readyz").status == 503
        scraped = service.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert (scraped.status, scraped.media) == (200, "application/openmetrics-text")
        assert scraped.text.endswith("# EOF\n")
        refused = service.post("/api/workload/start", {"type": "oltp"})
        assert refused.status == 503
        assert refused.body["detail"].startswith("127.0.0.1:1: Can't connect")


@pytest.mark.slow
def test_schemathesis_finds_nothing(lab: LiveLab, tmp_path: Path) -> None:
    """All that the document allows, and much that it does not; on production nothing of it is done."""
    profiles = tmp_path / "config" / "distdiag" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    address, password = lab.target.endpoints[0].address, lab.target.password.reveal()
    profiles.write_text(f'[profile.shop]\nservers = ["{address}"]\nproduction = true\n')
    with serving(tmp_path, "shop", "-i", "0.5", OB_PASSWORD=password) as service:
        ready(service)
        asked = (
            *("run", f"{service.address}/openapi.json", "--seed", "7", "--max-examples", "1"),
            *("--phases", "examples,coverage,fuzzing,stateful", "--rate-limit", "auto", "--no-color"),
            *("--checks", "all", "--exclude-checks", ",".join(NOT_CHECKED)),
            *("--exclude-path", "/api/anomaly/stream", "--exclude-path", "/api/metrics/stop"),
        )
        command = [sys.executable, "-m", "schemathesis.cli", *asked]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path
        )
        assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr
        assert service.get("/api/workload/active").body == []
