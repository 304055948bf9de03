"""What is sent to a cluster: valid objects, clients divided without rest, a password nobody sees."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import apirules
import pytest
from apischema import read
from apistatus import Cause
from hypothesis import given, settings
from hypothesis import strategies as st
from job_load import plan
from kubernetes_asyncio.client import (
    V1ContainerState,
    V1ContainerStateRunning,
    V1ContainerStateTerminated,
    V1ContainerStateWaiting,
    V1ContainerStatus,
    V1Pod,
    V1PodCondition,
    V1PodStatus,
)

from distdiag_tui.cli.knobs import read_words
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.k8s.manifests import LONGEST, Manifest, Plan, command, manifests, shares
from distdiag_tui.workloads.k8s.pods import Ending, ending, hopeless, obstacle, started
from distdiag_tui.workloads.k8s.settings import Settings, origin
from distdiag_tui.workloads.kinds import KINDS
from distdiag_tui.workloads.oltp.kind import OLTP
from distdiag_tui.workloads.options import Option, checked
from distdiag_tui.workloads.sysbench.kind import SYSBENCH

UNPLACED = V1PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message="0/3 nodes")
PASSWORD = "p$\"'\\{}\n: ä"


def wrong(item: Manifest) -> list[object]:
    """What the server would say against it: unknown fields, missing ones, broken rules."""
    model, rules = {"Job": ("V1Job", apirules.job), "Secret": ("V1Secret", apirules.secret)}[item["kind"]]
    kept, unknown, missing = read(item["kind"], model, item)
    found: list[Cause] = [*missing, *apirules.metadata(kept["metadata"], 63), *rules(kept)]
    return [*unknown, *found]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
@pytest.mark.parametrize("jobs", [1, 3])
def test_the_objects_of_every_kind_are_valid(kind: object, jobs: int) -> None:
    options = kind.options  # type: ignore[attr-defined]
    values = shares(options, checked(options, {"threads": 8}), jobs)
    what = Plan("oltp-3f9c", kind.id, 'a "cluster"', "here", "x/y:1", "u@t#c", ("[::1]:2881",), values)  # type: ignore[attr-defined]
    items = manifests(what, PASSWORD)
    assert [item["kind"] for item in items] == ["Secret"] + ["Job"] * jobs
    for item in items:
        assert wrong(json.loads(json.dumps(item))) == []


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=80))
def test_names_are_valid_whatever_the_run_is_called(run: str) -> None:
    for item in manifests(plan(f"x{run}"), ""):
        name = item["metadata"]["name"]
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name), name


def test_a_broken_object_would_be_noticed() -> None:
    job = manifests(plan(), "")[1]
    job["spec"]["ttl"] = 5
    job["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    del job["spec"]["template"]["spec"]["containers"][0]["image"]
    assert len(wrong(job)) == 3


def test_everything_is_marked_bounded_and_modest() -> None:
    secret, *jobs = manifests(plan("oltp-3f9c"), "tiger")
    marks = {
        "app.kubernetes.io/name": "distdiag",
        "app.kubernetes.io/managed-by": "distdiag",
        "distdiag/run": "oltp-3f9c",
        "distdiag/kind": "oltp",
        "distdiag/origin": "here",
    }
    assert secret["metadata"]["labels"] == marks
    for job in jobs:
        spec, pod = job["spec"], job["spec"]["template"]["spec"]
        assert job["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"] == marks
        assert (spec["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
        assert spec["ttlSecondsAfterFinished"] > 0
        assert spec["activeDeadlineSeconds"] == LONGEST
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["containers"][0]["resources"]["requests"].keys() == {"cpu", "memory"}
    timed = manifests(plan(time=60.0), "")[1]["spec"]["activeDeadlineSeconds"]
    assert 60 < timed <= 60 + 600


def test_the_password_is_in_the_secret_only() -> None:
    secret, *jobs = manifests(plan(), "tiger")
    assert secret["stringData"] == {"password": "tiger"}
    assert "tiger" not in json.dumps(jobs)
    [reference] = [e for e in jobs[0]["spec"]["template"]["spec"]["containers"][0]["env"] if "valueFrom" in e]
    wanted = {"name": secret["metadata"]["name"], "key": "password"}
    assert (reference["name"], reference["valueFrom"]) == ("OB_PASSWORD", {"secretKeyRef": wanted})


def test_the_command_reads_back_as_the_same_options() -> None:
    options = (*OLTP.options, Option("keying", True, ""), Option("word", "", "", lists=True))
    [share] = shares(options, checked(options, {"rate": 33.3, "word": "a,b $(HOME)"}), 1)
    words = command(plan(), share)
    assert words[:7] == [*("distdiag", "workload", "start", "oltp"), "10.0.0.1:2881", "--json", "--histogram"]
    again = checked(options, read_words([word.replace("$$(", "$(") for word in words[7:]], options)[1])
    assert {name: again[name] for name in share} == share
    assert "--rows" not in str(words)  # a start takes sizes from what is prepared
    assert "$$(HOME)" in str(words)


@settings(deadline=None, max_examples=60)
@given(threads=st.integers(1, 1024), jobs=st.integers(1, 100), rate=st.floats(0, 1e6))
def test_clients_and_rate_are_divided_without_a_rest(threads: int, jobs: int, rate: float) -> None:
    values = checked(OLTP.options, {"threads": threads, "rate": rate})
    if jobs > threads:
        with pytest.raises(ConfigError, match=f"{jobs} jobs need at least as many --threads, not {threads}"):
            shares(OLTP.options, values, jobs)
        return
    found = shares(OLTP.options, values, jobs)
    each = [int(share["threads"]) for share in found]
    assert sum(each) == threads
    assert max(each) - min(each) <= 1
    assert sum(float(share["rate"]) for share in found) == pytest.approx(rate)
    for share, count in zip(found, each, strict=True):  # every client has its rate
        assert float(share["rate"]) == pytest.approx(rate * count / threads)


@given(threads=st.integers(1, 1024), jobs=st.integers(1, 100), rate=st.integers(0, 100_000))
def test_whole_transactions_a_second_stay_whole(threads: int, jobs: int, rate: int) -> None:
    values = checked(SYSBENCH.options, {"threads": threads, "rate": rate})
    if jobs > threads or 0 < rate < jobs:
        with pytest.raises(ConfigError, match=f"{jobs} jobs need"):
            shares(SYSBENCH.options, values, jobs)
        return
    found = [share["rate"] for share in shares(SYSBENCH.options, values, jobs)]
    assert all(type(each) is int and bool(each) is bool(rate) for each in found)
    assert sum(map(int, found)) == rate
    assert max(map(int, found)) - min(map(int, found)) <= 1


def test_a_kind_without_threads_runs_as_often_as_there_are_jobs() -> None:
    options = (Option("rate", 30.0, "", 0, 100), Option("streams", 2, "", 1, 9))
    assert shares(options, checked(options, {}), 3) == ({"rate": 10.0, "streams": 2},) * 3


@pytest.mark.parametrize(
    ("runner", "words"),
    [
        ({}, "needs an image that has distdiag-tui installed: give --image"),
        ({"image": "a b"}, "is not the name of an image"),
        ({"image": "a", "jobs": 0, "namespace": "A"}, "is not the name of a namespace"),
        ({"image": "a", "jobs": 101}, "--jobs takes 1 to 100, not 101"),
    ],
)
def test_settings_that_are_wrong(
    runner: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISTDIAG_IMAGE", raising=False)
    with pytest.raises(ConfigError, match=words):
        Settings.of(runner)


def test_the_image_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTDIAG_IMAGE", "x/y:2")
    assert Settings.of({"jobs": None}) == Settings("x/y:2")
    assert Settings.of({"image": "a"}) == Settings("a")


def test_an_origin_is_a_label_and_one_journal_s(tmp_path: Path) -> None:
    assert re.fullmatch("[0-9a-f]{16}", origin(tmp_path))
    assert origin(tmp_path) == origin(Path(str(tmp_path)))
    assert origin(tmp_path) != origin(tmp_path / "other")


def pod(
    state: V1ContainerState | None = None, phase: str = "Pending", conditions: Sequence[V1PodCondition] = ()
) -> V1Pod:
    statuses = None
    if state is not None:
        statuses = [
            V1ContainerStatus(name="load", image="i", image_id="", ready=False, restart_count=0, state=state)
        ]
    return V1Pod(
        status=V1PodStatus(phase=phase, container_statuses=statuses, conditions=list(conditions) or None)
    )


def waiting(reason: str, message: str | None = None) -> V1Pod:
    return pod(V1ContainerState(waiting=V1ContainerStateWaiting(reason=reason, message=message)))


def over(code: int, reason: str, message: str | None = None) -> V1Pod:
    state = V1ContainerStateTerminated(exit_code=code, reason=reason, message=message)
    return pod(V1ContainerState(terminated=state), "Failed" if code else "Succeeded")


@pytest.mark.parametrize(
    ("state", "why", "lost"),
    [
        (pod(), "", False),
        (waiting("ContainerCreating"), "ContainerCreating", False),
        (waiting("ErrImagePull", "no such\nhost"), "ErrImagePull: no such host", False),
        (waiting("ImagePullBackOff", "Back-off"), "ImagePullBackOff: Back-off", True),
        (waiting("CreateContainerConfigError", "no user"), "CreateContainerConfigError: no user", True),
        (pod(conditions=[UNPLACED]), "Unschedulable: 0/3 nodes", False),
    ],
)
def test_why_a_pod_does_not_start(state: V1Pod, why: str, *, lost: bool) -> None:
    assert (started(state), ending(state)) == (False, None)
    assert (obstacle(state), hopeless(state)) == (why, lost)


def test_a_container_beside_it_does_not_matter() -> None:
    running = V1ContainerState(running=V1ContainerStateRunning())
    beside = V1ContainerStatus(
        name="mesh", image="m", image_id="", ready=True, restart_count=0, state=running
    )
    item = over(3, "Error")
    item.status.container_statuses.insert(0, beside)
    item.status.phase = "Running"
    assert (started(item), ending(item)) == (True, Ending(3, ""))
    item.status.container_statuses.pop()
    assert (started(item), ending(item)) == (False, None)


def test_how_a_pod_ended() -> None:
    running = pod(V1ContainerState(running=V1ContainerStateRunning()), "Running")
    assert (started(running), ending(running)) == (True, None)
    assert ending(over(0, "Completed")) == Ending(0, "")
    assert ending(over(1, "Error")) == Ending(1, "")
    assert ending(over(137, "OOMKilled")) == Ending(137, "OOMKilled")
    assert ending(over(128, "StartError", "no distdiag")) == Ending(128, "StartError: no distdiag")
    evicted = V1Pod(
        status=V1PodStatus(phase="Failed", reason="Evicted", message="The node was low on memory.")
    )
    assert ending(evicted) == Ending(1, "Evicted: The node was low on memory.")
