"""Workloads over HTTP: the requests of the original service's README as they stand there, run by curl."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LiveLab, run
from live_load import alive, one_node
from serving import Service, ready, serving, soon

from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.journal import Journal

PREPARE = """
curl -X POST "http://localhost:8000/api/workload/prepare" -H "Content-Type: application/json" \
 -d '{"type": "KIND"}'
"""
START = """
curl -X POST "http://localhost:8000/api/workload/start" -H "Content-Type: application/json" \
 -d '{"type": "KIND", "threads": THREADS}'
"""
QUICK = {"tables": 1, "rows": 200, "rate": 20, "interval": 0.2}


@pytest.fixture(scope="module", autouse=True)
def _no_data_afterwards(lab: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    target = one_node(lab.target)

    async def clean_up(kind: str) -> None:
        wish = Wish(kind, ("cleanup",))
        process = await Workloads(target, Journal(tmp_path_factory.mktemp(kind))).start(wish)
        await process.ended()

    for kind in ("sysbench", "tpcc", "tpch", "oltp"):
        run(clean_up(kind))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "threads"), [("sysbench", 4), ("tpcc", 4), ("tpch", 1)])
def test_the_readmes_requests_work_as_they_stand(service: Service, kind: str, threads: int) -> None:
    assert shutil.which("curl"), "the README's requests are curl's"
    prepared = service.curl(PREPARE.replace("KIND", kind))
    assert prepared["status"] == "success"
    assert "prepared with" in prepared["message"]
    started = service.curl(START.replace("KIND", kind).replace("THREADS", str(threads)))
    assert started["status"] == "running"
    assert started["output"]["schema"] == "distdiag.workload/1"
    name = started["workload_id"]
    active = service.get("/api/workload/active").body
    if kind == "tpch" and not (active and alive(active[0]["pid"])):  # its queries may be over by now
        soon(lambda: bool(service.get(f"/api/workload/{name}/status").body["status"] == "stopped"))
        return
    (info,) = active
    assert (info["id"], info["threads"], info["status"]) == (name, threads, "running")
    assert alive(info["pid"])
    assert service.get(f"/api/workload/{name}/status").body["status"] == "running"
    assert service.post(f"/api/workload/{name}/stop").body["status"] == "stopped"
    assert service.get("/api/workload/active").body == []
    assert not alive(info["pid"])


def test_options_by_the_originals_names_and_by_our_own(service: Service) -> None:
    options = {**QUICK, "tableSize": 200, "warmupTime": 5, "runningTime": 60, "warehouses": 2}
    del options["rows"]
    body = {"type": "oltp", "threads": 2, "task_name": "first", "options": {**options, "prepare_db": True}}
    started = service.post("/api/workload/start", body)
    assert started.status == 200, started
    assert "not for oltp: warehouses, warmupTime" in started.body["message"]
    task = service.get(f"/api/workload/tasks/{started.body['task_id']}").body
    assert (task["name"], task["type"], task["status"]) == ("first", "oltp", "running")
    again = service.post("/api/workload/start", body)
    assert (again.status, again.media) == (409, "application/problem+json")
    assert again.body["detail"].startswith("oltp is already running on")
    assert [each["id"] for each in service.get("/api/workload/tasks/active").body] == [task["id"]]
    stopped = service.post(f"/api/workload/tasks/{task['id']}/stop")
    assert (stopped.status, stopped.body["status"]) == (200, "stopped")
    assert service.post("/api/workload/tasks/cleanup").body["message"] == "1 forgotten"
    assert service.get("/api/workload/tasks").body == []


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("prepare", {"type": "nope"}, 422, "type: Input should be 'sysbench', 'tpcc', 'tpch' or 'oltp'"),
        ("start", {"type": "oltp", "thread": 4}, 422, "thread: Extra inputs are not permitted"),
        ("start", {"type": "oltp", "threads": 0}, 422, "threads: Input should be greater than or equal to 1"),
        ("start", {"type": "oltp", "options": {"colour": "red"}}, 422, "there is no option 'colour' here"),
        ("start", {"type": "oltp", "options": {"rows": 9}}, 422, "--rows takes 100 to 100,000,000, not 9"),
        ("start", {"type": "oltp", "options": {"rate": 10**400}}, 422, "--rate takes 0 to 1,000,000, not "),
        ("start", {"type": "sysbench", "options": {"reportInterval": 1.5}}, 422, "--interval takes 1 to "),
        ("start", b"{", 422, "the body is no JSON"),
        ("start", None, 422, "body: Field required"),
        ("oltp-0000/stop", None, 404, "there is no workload 'oltp-0000'; running: none"),
        ("tasks/task-0000/stop", None, 404, "there is no task 'task-0000'"),
        ("create-task", {"type": "oltp", "task_name": "x", "workload_id": "oltp-0000"}, 404, "there is no"),
        ("create-task", {"type": "oltp", "task_name": "x", "anomalies": [{"type": "slow_sql"}]}, 403,
         "anomalies are for the lab"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_one_clear_sentence(
    service: Service, path: str, body: object, status: int, words: str
) -> None:
    answer = service.post(f"/api/workload/{path}", body)
    assert (answer.status, answer.media) == (status, "application/problem+json")
    assert answer.body["status"] == status
    assert answer.body["detail"].startswith(words)
    assert service.get("/api/workload/active").body == []


def test_what_is_no_json_is_told_so(service: Service) -> None:
    answer = service.post("/api/workload/start", b'{"type": "oltp"}', Content_Type="text/plain")
    assert answer.status == 415
    assert "Content-Type: application/json" in answer.body["detail"]


def test_production_is_spared_until_it_is_confirmed_and_all_ends_with_the_service(
    lab: LiveLab, tmp_path: Path
) -> None:
    profiles = tmp_path / "config" / "distdiag" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    address = lab.target.endpoints[0].address
    profiles.write_text(f'[profile.shop]\nservers = ["{address}"]\nproduction = true\n')
    body: dict[str, object] = {"type": "oltp", "options": {**QUICK, "prepare_db": True}}
    with serving(tmp_path, "shop", OB_PASSWORD=lab.target.password.reveal()) as production:
        for wrong in (body, {**body, "confirm": "shopp"}):
            refused = production.post("/api/workload/start", wrong)
            assert refused.status == 403
            assert refused.body["detail"].endswith('if that is meant, send its name as "confirm"')
        injected = production.post(
            "/api/workload/create-task",
            {"type": "oltp", "task_name": "x", "anomalies": [{"type": "slow_sql"}], "confirm": "shop"},
        )
        assert (injected.status, production.get("/api/workload/active").body) == (403, [])
        ready(production)
        assert production.post("/api/workload/start", {**body, "confirm": "shop"}).status == 200
        (info,) = production.get("/api/workload/active").body
        production.process.send_signal(signal.SIGINT)
        assert production.process.wait(20) == 130
        assert not alive(info["pid"])
