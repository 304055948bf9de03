"""Anomalies over HTTP on lab nodes: injected, streamed, recorded, cleared; refused where they must be."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveLab
from serving import Service, ready, serving, soon

from distdiag_tui.recording.reader import open_recording

ANOMALY = {"type": "cpu_stress", "node": "n1", "severity": "low", "duration": "30s"}


@pytest.fixture(scope="module")
def at_lab(lab: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on the lab, as its user would start it."""
    home = {"DISTDIAG_LAB_HOME": str(lab.home)}
    with serving(tmp_path_factory.mktemp("atlab"), "lab", "-i", "0.5", **home) as started:
        yield ready(started)


class Stream(threading.Thread):
    """What a stream sends, event by event."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self.events: list[list[dict[str, Any]]] = []
        self._response = urllib.request.urlopen(service.address + "/api/anomaly/stream", timeout=60)
        self.media = self._response.headers["Content-Type"]
        self.start()

    def run(self) -> None:
        for line in self._response:
            if line.startswith(b"data: "):
                self.events.append(json.loads(line[6:]))


def some_ticks(service: Service) -> None:
    """Until four more were measured."""
    seen: set[str] = set()

    def enough() -> bool:
        seen.add(service.get("/api/metrics/").body["timestamp"])
        return len(seen) > 4

    soon(enough)


def test_an_anomaly_is_streamed_recorded_and_cleared(at_lab: Service) -> None:
    stream = Stream(at_lab)
    soon(lambda: stream.events == [[]])
    some_ticks(at_lab)  # of calm
    collected = {"collect_training_data": True, "save_post_data": False, "experiment_name": "first"}
    injected = at_lab.post("/api/anomaly/inject", {**ANOMALY, **collected})
    assert injected.status == 200, injected
    assert injected.body["message"] == "injected cpu_stress→n1; it is recorded"
    name = injected.body["injections"][0]["id"]
    twice = at_lab.post("/api/anomaly/inject", ANOMALY)
    assert (twice.status, twice.body["detail"].partition(" is ")[0]) == (409, "cpu_stress→n1")
    soon(lambda: stream.events[-1] != [] and stream.events[-1][0]["status"] == "active")
    assert at_lab.get("/api/training/collection-status").body["collection_phase"] == "anomaly"
    (active,) = at_lab.get("/api/anomaly/active").body
    assert (active["id"], active["node"], active["severity"]) == (name, "n1", "low")
    assert 0 < active["left"] <= 30
    some_ticks(at_lab)
    cleared = at_lab.post("/api/anomaly/clear", {"type": "cpu_stress", "target_node": ["n1"]})
    assert cleared.body["message"] == f"undone: {name}"
    assert at_lab.get("/api/anomaly/active").body == []
    soon(lambda: stream.events[-1] == [])
    soon(lambda: at_lab.get("/api/training/collection-status").body["message"].endswith(": done"))
    (info,) = (each for each in [open_recording(_only(at_lab.folder / "data")).info] if each)
    assert [(label.anomaly, label.server) for label in info.labels] == [("cpu_stress", "n1")]
    assert [phase.name for phase in info.phases] == ["calm", "fault", "rest"]
    assert info.phases[0].end > info.phases[0].start
    stats = at_lab.get("/api/anomaly/training/stats").body["stats"]
    assert (stats["runs"], stats["anomaly_types"]) == (1, {"cpu_stress": 1})
    assert stats["anomaly"] > 0
    assert stats["normal"] > 0
    assert stream.media.startswith("text/event-stream")


def test_a_recording_of_what_never_came_to_be_ends(at_lab: Service) -> None:
    kinds = {"anomaly_types": ["cpu_stress", "slow_sql"], "node": "n1", "duration": 30}
    assert at_lab.post("/api/training/compound", kinds).body["message"] == "it is recorded"
    assert at_lab.post("/api/anomaly/stop-all").body["message"].startswith("undone: ")
    soon(lambda: at_lab.get("/api/training/collection-status").body["collection_phase"] is None, 60)


def test_training_tells_why_it_cannot(at_lab: Service) -> None:
    begun = at_lab.curl("curl -X POST http://localhost:8001/api/anomaly/train")
    assert begun["status"] == "accepted"
    soon(lambda: at_lab.get("/api/training/training-status").body["stage"] == "failed", 60)
    error = at_lab.get("/api/training/process-status").body["training"]["error"]
    assert error.startswith(("no example has a cause", "no recorded runs"))


def test_normal_is_recorded_until_it_is_told_to_end(at_lab: Service) -> None:
    assert at_lab.post("/api/training/normal/start").body["status"] == "success"
    assert at_lab.post("/api/anomaly/normal/start").body["status"] == "pending"
    assert at_lab.get("/api/training/collection-status").body["is_collecting_normal"] is True
    assert at_lab.post("/api/anomaly/normal/stop").body["status"] == "success"
    assert at_lab.post("/api/training/stop").body["status"] == "warning"
    soon(lambda: at_lab.get("/api/training/collection-status").body["message"].endswith(": done"))


def test_a_task_is_a_workload_with_its_anomalies(at_lab: Service) -> None:
    options = {"tables": 1, "rows": 200, "rate": 20, "interval": 0.2, "prepare_db": True}
    anomalies = [{"type": "cpu_stress", "target": "n1", "severity": "low", "duration": 30}]
    asked = {"type": "oltp", "task_name": "both", "options": options, "anomalies": anomalies}
    unknown = {**asked, "anomalies": [{"type": "cpu_stress", "target": "n9"}]}
    refused = at_lab.post("/api/workload/create-task", unknown)
    assert (refused.status, at_lab.get("/api/workload/active").body) == (422, [])
    assert refused.body["detail"].startswith("there is no server 'n9' in lab")
    made = at_lab.post("/api/workload/create-task", asked)
    assert (made.status, made.body["status"]) == (200, "running"), made
    assert [each["type"] for each in made.body["anomalies"]] == ["cpu_stress"]
    stopped = at_lab.post(f"/api/workload/tasks/{made.body['id']}/stop").body
    assert (stopped["status"], stopped["anomalies"][0]["status"]) == ("stopped", "ended")
    assert at_lab.get("/api/workload/active").body == []
    assert at_lab.get("/api/anomaly/active").body == []


def test_what_is_injected_is_undone_when_the_service_ends(lab: LiveLab, tmp_path: Path) -> None:
    with serving(tmp_path, "lab", DISTDIAG_LAB_HOME=str(lab.home)) as service:
        stream = Stream(ready(service))
        assert service.post("/api/anomaly/inject", ANOMALY).status == 200
        soon(lambda: bool(stream.events) and any(each["status"] == "active" for each in stream.events[-1]))
        service.process.terminate()
        assert service.process.wait(30) == 0
        assert service.process.stderr is not None
        assert "undoing cpu_stress→n1" in service.process.stderr.read()
        stream.join(5)
        assert not stream.is_alive()
    (file,) = (tmp_path / "state" / "distdiag" / "injections").glob("cpu_stress-*.json")
    assert json.loads(file.read_text())["phase"] == "ended"


def test_only_the_lab_is_made_sick_unless_its_profile_allows_it(service: Service) -> None:
    for path, body in (
        ("/api/anomaly/inject", {"type": "slow_sql"}),
        ("/api/training/compound", {"anomaly_types": ["slow_sql", "lock_contention"]}),
    ):
        refused = service.post(path, body)
        assert refused.status == 403
        assert refused.body["detail"].startswith("anomalies are for the lab")
    assert service.get("/api/anomaly/active").body == []


def test_debugging_aids_have_no_twin_and_the_documentation_says_so(service: Service) -> None:
    assert service.post("/api/training/reset").status == 501
    assert "POST /api/training/reset" in service.get("/docs").text


def _only(folder: Path) -> Path:
    (file,) = folder.rglob("run.json")
    return file.parent
