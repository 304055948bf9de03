"""Every object that the catalogue can have made fits the real definitions and the rules of Chaos Mesh."""

from __future__ import annotations

import re

import pytest
from apicustom import read
from apistatus import Cause
from chaosmesh import definitions
from chaosrules import webhook
from chaosworld import ENTRIES, OTHERS, POD, fault
from facts import facts

from distdiag_tui.anomalies.chaos.manifests import (
    KINDS,
    Manifest,
    Prey,
    go_duration,
    label_value,
    object_name,
    partition,
)
from distdiag_tui.anomalies.entry import Means
from distdiag_tui.anomalies.protocol import SEVERITIES, Severity
from distdiag_tui.model.errors import ConfigError

PREY = Prey(POD, "oceanbase", OTHERS)
CASES = [pytest.param(m, s, id=f"{a}-{s}") for a, m in ENTRIES for s in SEVERITIES]


def checked(manifest: Manifest) -> tuple[list[str], list[Cause]]:
    """Fields that the API server would drop, and what it or the webhook would refuse."""
    schemas = {
        each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for each in definitions()
    }
    body, unknown, causes = read(schemas[manifest["kind"]], manifest)
    return unknown, [*causes, *webhook(body)]


def made(means: Means, severity: Severity) -> Manifest:
    return fault(means, severity, seconds=90.0).manifest(PREY)


@pytest.mark.parametrize(("means", "severity"), CASES)
def test_it_fits_the_definition(means: Means, severity: Severity) -> None:
    manifest = made(means, severity)
    assert checked(manifest) == ([], [])
    meta, spec = manifest["metadata"], manifest["spec"]
    assert meta["name"] == "some-fault-3f9c"
    assert meta["labels"]["app.kubernetes.io/managed-by"] == "distdiag"
    assert meta["labels"]["distdiag/injection"] == "some_fault-3f9c"
    assert spec["duration"] == "90s"
    assert spec["selector"] == {"namespaces": ["oceanbase"], "pods": {"oceanbase": [POD]}}


def test_every_kind_is_used() -> None:
    assert {made(means, "low")["kind"] for _, means in ENTRIES} == set(KINDS)
    assert set(KINDS.values()) == {d["spec"]["names"]["plural"] for d in definitions()}


@pytest.mark.parametrize(("means", "severity"), CASES)
def test_words_and_values_agree(means: Means, severity: Severity) -> None:
    """What is shown to people is what the object says."""
    words, spec = means.describe(severity), str(made(means, severity)["spec"])
    if not means.maker.endswith(":Partition"):  # its per cent are of servers, which the object names
        assert [n for n in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", words) if n not in spec] == []


def test_the_check_itself_agrees_with_what_is_known_of_other_objects() -> None:
    """Specs that another program sent: which fields were unknown, and which were missing."""
    document = facts("chaosmesh/distdiagdemo_anomalies.json")
    known = [each for part in ("main", "refactor_anomalies", "history") for each in document[part]]
    tried = 0
    for each in known:
        if each["kind"] not in KINDS or "spec" not in each or "only" in str(each.get("severities")):
            continue
        schema = next(d for d in definitions() if d["spec"]["names"]["kind"] == each["kind"])
        item = {"kind": each["kind"], "metadata": {"name": "x"}, "spec": each["spec"]}
        _, unknown, causes = read(schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"], item)
        said = each["schema_check_v2.8.3"]
        assert [f".{field}" for field in unknown] == said["unknown_fields"]
        assert len(causes) == len(said["errors"])
        tried += 1
    assert tried > 15


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("StressChaos", {"stressors": {}}, "missing stressors"),
        ("StressChaos", {"stressors": {"memory": {"workers": 1, "size": "1 cow"}}}, "incorrect bytes format"),
        ("StressChaos", {"stressors": {"cpu": {"workers": 0}}}, "workers must be above 0"),
        ("NetworkChaos", {"action": "loss", "loss": {"loss": "50%"}}, "no number"),
        (
            "NetworkChaos",
            {"action": "delay", "delay": {"latency": "1ms"}, "direction": "both"},
            "needs a target",
        ),
        ("NetworkChaos", {"action": "netem", "rate": {"rate": "5 Mbit"}}, "invalid unit"),
        ("IOChaos", {"action": "latency", "volumePath": "/x", "percent": 101}, "must be in 0 to 100"),
        ("TimeChaos", {"timeOffset": "soon"}, "invalid duration"),
        ("PodChaos", {"action": "pod-kill", "duration": "a while"}, "invalid duration"),
    ],
)
def test_the_webhook_of_the_tests_is_strict(kind: str, spec: Manifest, words: str) -> None:
    chosen = {"mode": "all", "selector": {"pods": {"oceanbase": [POD]}}}
    _, causes = checked({"kind": kind, "metadata": {"name": "x"}, "spec": {**chosen, **spec}})
    assert [words in cause.message for cause in causes] == [True]


def test_names_labels_and_durations() -> None:
    assert object_name("io_bottleneck-3F9C") == "io-bottleneck-3f9c"
    assert len(object_name("x" * 80)) == 63
    assert label_value("uid0.my_host!") == "uid0.my_host"
    assert [go_duration(each) for each in (60.0, 1.5, 0.0005)] == ["60s", "1500ms", "1ms"]


def test_a_partition_needs_others_and_takes_as_many_as_are_asked_for() -> None:
    def parted(percent: int) -> list[str]:
        _, spec = partition({"percent": percent, "direction": "both"}, PREY)
        return list(spec["target"]["selector"]["pods"]["oceanbase"])

    assert parted(1) == [OTHERS[0]]
    assert parted(100) == list(OTHERS)
    with pytest.raises(ConfigError, match="is the only server of its cluster"):
        partition({"percent": 1, "direction": "both"}, Prey(POD, "oceanbase"))


@pytest.mark.parametrize("means", [pytest.param(m, id=a) for a, m in ENTRIES])
def test_without_the_library_it_says_what_to_install(means: Means, monkeypatch: pytest.MonkeyPatch) -> None:
    assert means.missing() == ""
    monkeypatch.setattr("distdiag_tui.kube.place.find_spec", lambda _: None)
    assert means.missing() == "pip install 'distdiag-tui[k8s]'"
