"""From recordings to a model, by requests alone: faults on a lab node, recorded, learned from, judged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LiveLab
from serving import Service, ready, serving, soon

from distdiag_tui.api.collecting import RECOVERED

ANOMALY = {
    **{"type": "cpu_stress", "node": "n1", "severity": "high", "duration": 6},
    **{"collect_training_data": True, "save_post_data": False, "experiment_name": "lesson"},
}
CALM = 12.0
"""Seconds before a fault: diagnosis knows by then what is usual."""


@pytest.fixture
def at_lab(lab: LiveLab, tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path, "lab", "-i", "0.5", DISTDIAG_LAB_HOME=str(lab.home)) as started:
        yield ready(started)


def warm(service: Service) -> float:
    """How much of what is usual is known; 0 before the first tick."""
    lines = service.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("distdiag_diagnosis_warm_ratio{")]
    return float(found[0].split()[-1]) if found else 0.0


def recorded(service: Service) -> str:
    """The message of a fault's recording, once it can be learned from."""
    assert service.post("/api/anomaly/inject", ANOMALY).body["message"].endswith("; it is recorded")

    def over() -> bool:
        return service.get("/api/training/collection-status").body["collection_phase"] is None

    soon(over, 60)
    message: str = service.get("/api/training/collection-status").body["message"]
    return message


@pytest.mark.slow
def test_what_was_recorded_becomes_a_model_that_is_judged_and_used(at_lab: Service) -> None:
    soon(lambda: warm(at_lab) == 1, 60)
    assert recorded(at_lab).endswith(": done")
    time.sleep(RECOVERED + CALM)  # of that calm the next one is to know
    assert recorded(at_lab).endswith(": done")
    stats = at_lab.get("/api/training/stats").body["stats"]
    assert (stats["runs"], stats["anomaly_types"]) == (2, {"cpu_stress": 2})
    asked = {"name": "lesson-1", "note": "by requests", "activate": True}
    assert at_lab.post("/api/training/train", asked).body["status"] == "accepted"
    assert at_lab.post("/api/training/train", asked).body["status"] == "pending"
    soon(lambda: at_lab.get("/api/training/training-status").body["stage"] in ("completed", "failed"), 120)
    ended = at_lab.get("/api/training/training-status").body
    assert (ended["stage"], ended["progress"], ended["model"]) == ("completed", 100, "lesson-1"), ended
    soon(lambda: 'model="lesson-1"' in at_lab.get("/metrics").text)
    assert warm(at_lab) == 1  # what is usual stays known
    model = at_lab.get("/api/models/lesson-1/performance").body
    assert (model["active"], model["runs"], model["causes"]) == (True, 2, ["cpu_saturation"])
    assert model["examples"] > 0
    assert model["scores"] == ended["stats"]
    assert (model["scores"]["runs"], 0 <= model["scores"]["ac1_single"] <= 1) == (2, True)
    file = at_lab.folder / "data" / "distdiag" / "models" / "lesson-1.json"
    assert json.loads(file.read_text())["about"]["note"] == "by requests"
    assert at_lab.get("/api/models/list").body["active"] == "lesson-1"
    valid = at_lab.post("/api/models/validate", {"model_name": "lesson-1"}).body
    assert (valid["valid"], valid["message"]) == (True, "it fits")
    ranks = at_lab.get("/api/models/ranks?model_names[]=lesson-1&model_names[]=rules&threshold=0.5")
    assert (ranks.status, list(ranks.body)) == (200, ["lesson-1", "rules"])
    again = {**asked, "activate": False}
    assert at_lab.post("/api/training/train", again).body["status"] == "accepted"
    soon(lambda: at_lab.get("/api/training/training-status").body["stage"] == "failed", 60)
    error = at_lab.get("/api/training/process-status").body["training"]["error"]
    assert error == "there is a model lesson-1 already"
