"""From values to findings: culprits, victims, silence, names, and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from clusters import NAMES, RATES, Cluster, signs_of

from distdiag_tui.diagnosis.changes import Changes
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.naming import PASSING_TICKS
from distdiag_tui.diagnosis.rules import Knowledge, Rules
from distdiag_tui.diagnosis.signs import SIGNS
from distdiag_tui.diagnosis.silence import Listener
from distdiag_tui.model.findings import UNKNOWN, Diagnosis, Finding, finding_document
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.topology import Server, Status


@pytest.mark.parametrize("cause", sorted(set(SIGNS) - {"clock_skew"}))
def test_a_server_that_shows_a_causes_signs_is_found_and_named(cause: str) -> None:
    cluster = Cluster()
    assert not any(found.findings for found in cluster.live(80))
    found = cluster.live(15, {"n2": signs_of(cause)})[-1]
    first = found.findings[0]
    assert (first.key, first.rank, first.calibrated) == (("n2", cause), 1, False)
    assert {each.server for each in found.findings} == {"n2"}
    assert 1080 <= first.since <= 1083
    assert first.strength > 1
    assert all(cluster_name not in found.heat for cluster_name in (("n1", cause), ("n3", cause)))


def test_the_evidence_says_what_moved_from_where_to_where() -> None:
    cluster = Cluster()
    cluster.live(80)
    (first, *_) = cluster.live(15, {"n2": signs_of("lock_contention")})[-1].findings
    evidence = {each.metric: each for each in first.evidence}
    assert 3 <= len(evidence) <= 5
    update = evidence["update_rt"]
    assert update.before == pytest.approx(0.004, rel=0.1)
    assert update.now == pytest.approx(0.016, rel=0.1)
    assert update.deviation > 5
    assert update.peers == pytest.approx(0.004, rel=0.1)
    assert 1080 <= update.since <= 1084
    assert sum(each.share for each in first.evidence) <= 1.0 + 1e-9
    assert first.also
    assert all(cause != "lock_contention" for cause, _ in first.also)
    assert finding_document(first)["since"].startswith("1970-01-01T00:18:0")


def test_a_server_that_is_asked_anew_in_another_way_is_not_hung() -> None:
    """As when one connection begins to read for the whole of a large cluster."""
    cluster = Cluster()
    cluster.live(5)
    for _ in range(20):
        cluster.servers["n1"] = replace(cluster.servers["n1"], status=Status.CONNECTING, age=None)
        assert cluster.tick({}).findings == ()
    cluster.silence("n2", Status.UNREACHABLE, "no answer within 3 s", 20.0)
    assert [each.key for each in cluster.tick({}).findings] == [("n2", "node_hung")]


def test_while_it_is_getting_over_it_is_told_as_it_was() -> None:
    cluster = Cluster()
    cluster.live(80)
    (first, *_) = cluster.live(15, {"n2": signs_of("lock_contention")})[-1].findings
    after = [found.findings[0] for found in cluster.live(15) if found.findings]
    assert 2 <= len(after) <= 10
    assert after[-1].cause == first.cause
    assert max(each.now for each in after[-1].evidence if each.metric == "update_rt") > 0.01


def test_two_causes_on_two_servers_are_both_found() -> None:
    cluster = Cluster()
    cluster.live(80)
    sick = {"n1": signs_of("connection_storm"), "n3": signs_of("cache_thrashing")}
    found = {finding.key for finding in cluster.live(15, sick)[-1].findings}
    assert found == {("n1", "connection_storm"), ("n3", "cache_thrashing")}


def test_two_causes_on_one_server_are_both_found() -> None:
    cluster = Cluster()
    cluster.live(80)
    sick = {"n1": {**signs_of("io_saturation", 6), **signs_of("connection_storm", 6)}}
    found = {finding.key for finding in cluster.live(15, sick)[-1].findings}
    assert found == {("n1", "connection_storm"), ("n1", "io_saturation")}


def test_another_judge_knows_what_is_usual_at_once() -> None:
    cluster = Cluster()
    cluster.live(80)
    other = Diagnoser(Rules(console_metrics(), Knowledge({"odd": {"logon_rate": 3.0}})), model="odd-1")
    cluster.diagnoser.judge_like(other)
    found = cluster.live(8, {"n2": signs_of("connection_storm")})[-1]
    assert (found.model, found.warm, found.findings[0].key) == ("odd-1", 1.0, ("n2", "odd"))


def test_victims_whose_change_is_everybodys_are_no_findings() -> None:
    """As in a coupled load: all servers do less, because one of them keeps all waiting."""
    cluster = Cluster()
    cluster.live(80)
    fewer = dict.fromkeys(("qps", "tps", "select_rate", "commit_rate", "sql_in_bytes", "cpu_time"), 0.2)
    everybody = {name: {**fewer, "tx_rt": 5.0} for name in NAMES}
    sick = {**everybody, "n3": {**everybody["n3"], **signs_of("lock_contention")}}
    found = cluster.live(20, sick)[-1].findings
    assert found[0].key == ("n3", "lock_contention")
    assert {each.server for each in found} == {"n3"}


def test_what_all_servers_have_is_found_on_all_and_said_to_be() -> None:
    cluster = Cluster()
    cluster.live(80)
    found = cluster.live(15, dict.fromkeys(NAMES, signs_of("io_saturation")))[-1].findings
    assert {each.key for each in found} == {(name, "io_saturation") for name in NAMES}
    assert {each.said for each in found} == {"all servers alike"}


def test_two_servers_of_three_are_not_all_of_them() -> None:
    """The third one moves about too much for that to be seen."""
    cluster = Cluster(seed=4)
    cluster.noise = {"n3": 0.5}
    cluster.usual[METRIC_INDEX["host_disk_percent"]] = 70.0  # a disk that saturates is busy
    cluster.live(90)
    found = cluster.live(15, dict.fromkeys(NAMES, signs_of("io_saturation", 1.5)))[-1].findings
    assert {(each.server, each.said) for each in found} == {
        (name, "several servers alike") for name in ("n1", "n2")
    }


@pytest.mark.parametrize(("written", "told"), [(12.0, True), (3.0, False)])
def test_slow_storage_below_all_is_told_beside_what_one_of_them_has_of_its_own(
    written: float, told: bool
) -> None:
    """If the machines themselves take long to write; else the others are victims of the one."""
    cluster = Cluster()
    cluster.live(80)
    slow = {**signs_of("io_saturation"), "host_disk_write_rt": written}
    sick = {"n1": slow, "n2": slow, "n3": {**slow, **signs_of("connection_storm", 8)}}
    found = cluster.live(15, sick)[-1].findings
    assert ("n3", "connection_storm") in {each.key for each in found}
    alike = {each.key: each.said for each in found if each.cause == "io_saturation"}
    assert alike == (
        dict.fromkeys(((name, "io_saturation") for name in NAMES), "all servers alike") if told else {}
    )
    assert all(each.evidence and each.confidence > 0 for each in found)


def test_who_writes_out_its_memstore_is_not_sick_at_once() -> None:
    """All do so now and then; what stays is told a little later."""
    slow = signs_of("io_saturation")
    delays = []
    for written in (1.0, 0.3):
        cluster = Cluster()
        cluster.live(80)
        found = cluster.live(20, {"n1": {**slow, "memstore_used": written}})
        delays.append(next(tick for tick, each in enumerate(found) if each.findings))
    assert delays[1] >= max(PASSING_TICKS, delays[0] + 2)
    assert {each.key for each in found[-1].findings} >= {("n1", "io_saturation")}


def test_what_only_the_steadiest_of_several_shows_is_not_told_of_it_alone() -> None:
    """The others have it too, but they move about so much that it is nothing for them."""
    cluster = Cluster(seed=4)
    cluster.noise = {"n2": 0.35, "n3": 0.35}
    cluster.live(90)
    found = cluster.live(30, dict.fromkeys(NAMES, signs_of("io_saturation", 1.5)))
    assert max(each.scores["n1"] for each in found) > 1 > min(found[-1].scores[name] for name in ("n2", "n3"))
    assert not any(each.findings for each in found)


def test_what_no_cause_explains_is_unknown_and_takes_longer() -> None:
    cluster = Cluster()
    cluster.live(80)
    odd = {"replace_rate": 30.0, "tx_distributed_rate": 30.0, "rpc_out_rate": 30.0, "rpc_in_rate": 30.0,
           "rpc_in_bytes": 30.0, "rpc_out_bytes": 30.0, "queue_rt": 30.0, "lock_rate": 30.0}  # fmt: skip
    found = cluster.live(25, {"n1": odd})
    assert not found[5].findings
    last = found[-1].findings
    assert [each.key for each in last] == [("n1", UNKNOWN)]
    assert {each.metric for each in last[0].evidence} <= set(odd)


def test_something_nearly_full_needs_no_past() -> None:
    cluster = Cluster()
    found = cluster.live(2, {"n1": {"data_disk_percent": 5.2}})[-1].findings
    assert [each.key for each in found] == [("n1", "disk_nearly_full")]
    assert found[0].said == "more than 90 %"


def test_a_server_whose_process_ended_begins_anew() -> None:
    cluster = Cluster()
    cluster.live(80)
    cluster.silence("n2", Status.UNREACHABLE, "connection refused", 1.5)
    found = cluster.tick({}).findings
    assert [each.key for each in found] == [("n2", "node_down")]
    assert found[0].since == pytest.approx(cluster.time - 1.5)
    cluster.silence("n2", Status.UP, "", 0.0)
    cold = {"n2": {"cpu_time": 5.0, "io_read_rate": 9.0, "io_read_bytes": 9.0, "kvcache_used": 0.1}}
    assert not any(each.findings for each in cluster.live(80, cold))


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (["connection refused"], "node_down"),
        (["no answer for 1.2 s", "no answer within 3 s"], "node_hung"),
        (["MySQL server has gone away", "no answer within 3 s"], "network_degraded"),
        (["MySQL server has gone away", "connection refused"], "node_down"),
        (["no answer within 3 s, though it greets after 0.4 s"], "network_degraded"),
        (["Lost connection to MySQL server during query"], "network_degraded"),
        (["MySQL server has gone away", "Not connected"], "network_degraded"),
        (["no route to host"], "node_down"),
        (["it does not answer, and would hold up the figures of all: left out until it does"], "node_hung"),
    ],
)
def test_silence_has_a_cause(said: Sequence[str], cause: str) -> None:
    listener, other = Listener(), Server("n2", "b:1", "z", Status.UP, age=0.0)
    server = Server("n1", "a:1", "z", Status.UP, age=0.0)
    assert not listener.hear([server, other], 100.0, 1.0)
    found = []
    for second in range(1, 8):
        status = Status.SLOW if "for" in said[0] and second < 3 else Status.UNREACHABLE
        detail = said[min(second // 2, len(said) - 1)]
        silent = replace(server, status=status, detail=detail, age=float(second))
        found = listener.hear([silent, other], 100.0 + second, 1.0)
    assert [(each.server.name, each.cause, each.since) for each in found] == [("n1", cause, 100.0)]


@pytest.mark.parametrize(("later", "cause"), [(6, "network_degraded"), (60, "node_hung")])
def test_whose_connections_were_cut_a_moment_ago_is_not_hung(later: int, cause: str) -> None:
    """It was heard of for a moment between."""
    listener, other = Listener(), Server("n2", "b:1", "z", Status.UP, age=0.0)
    server, cut = Server("n1", "a:1", "z", Status.UP, age=0.0), "MySQL server has gone away"
    listener.hear([server, other], 100.0, 1.0)
    for second in range(1, 5):
        listener.hear(
            [replace(server, status=Status.UNREACHABLE, detail=cut, age=float(second)), other],
            100.0 + second,
            1.0,
        )
    for second in range(5, later):
        assert not listener.hear([server, other], 100.0 + second, 1.0)
    for second in range(4):
        silent = replace(server, status=Status.SLOW, detail=f"no answer for {second} s", age=second + 1.0)
        found = listener.hear([silent, other], 100.0 + later + second, 1.0)
    assert [each.cause for each in found] == [cause]


def test_when_nobody_answers_it_is_we_who_hear_nothing() -> None:
    listener = Listener()
    servers = [Server(name, "a:1", "z", Status.UP, age=0.0) for name in NAMES]
    listener.hear(servers, 100.0, 1.0)
    assert not listener.hear([replace(each, status=Status.SLOW, age=2.0) for each in servers], 102.0, 1.0)
    slow = [replace(each, status=Status.SLOW, detail="no answer for 4.0 s", age=4.0) for each in servers]
    assert {each.cause for each in listener.hear(slow, 104.0, 1.0)} == {"collector_stalled"}
    assert {each.cause for each in listener.hear([slow[0], *servers[1:]], 104.0, 1.0)} == {"node_hung"}


@pytest.mark.parametrize("detail", ["connection reset by peer", "no answer for 28800.0 s"])
def test_who_wakes_from_sleep_waits_for_the_servers_before_it_calls_them_silent(detail: str) -> None:
    listener = Listener()
    servers = [Server(name, "a:1", "z", Status.UP, age=0.0) for name in NAMES]
    listener.hear(servers, 100.0, 1.0)
    for second in range(3):
        age = 28800.0 + second
        gone = [replace(each, status=Status.UNREACHABLE, detail=detail, age=age) for each in servers]
        assert not listener.hear(gone, 28900.0 + second, 1.0)
    gone = [replace(each, status=Status.UNREACHABLE, detail=detail, age=28803.0) for each in servers]
    assert len(listener.hear(gone, 28903.0, 1.0)) == 3


def test_who_was_silent_before_a_pause_and_still_is_has_not_come_back() -> None:
    listener = Listener()
    servers = [Server(name, "a:1", "z", Status.UP, age=0.0) for name in NAMES]
    listener.hear(servers, 100.0, 1.0)
    for time in (*range(101, 106), 165, 166):
        hung = replace(servers[0], status=Status.SLOW, detail="no answer for 5 s", age=time - 100.0)
        found = listener.hear([hung, *servers[1:]], float(time), 1.0)
        assert [each.cause for each in found] == (["node_hung"] if time > 102 else [])


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        ("network is unreachable", "collector_stalled"),
        ("no address is known for it", "collector_stalled"),
        ("connection refused", "node_down"),
    ],
)
def test_when_our_own_network_is_gone_no_server_is_called_down(detail: str, cause: str) -> None:
    listener = Listener()
    servers = [Server(name, "a:1", "z", Status.UP, age=0.0) for name in NAMES]
    listener.hear(servers, 100.0, 1.0)
    gone = [replace(each, status=Status.UNREACHABLE, detail=detail, age=4.0) for each in servers]
    assert {each.cause for each in listener.hear(gone, 104.0, 1.0)} == {cause}


NEVER = Server("n1", "a:1", "z", Status.UNREACHABLE, "connection refused")


@pytest.mark.parametrize(
    ("never", "cause"),
    [
        (NEVER, "node_down"),
        (replace(NEVER, detail="no answer within 3 s"), "node_hung"),
        (replace(NEVER, status=Status.REFUSED, detail="access denied"), None),
        (replace(NEVER, status=Status.CONNECTING, detail=""), None),
        (replace(NEVER, status=Status.VIEW_MISSING, detail="no GV$SYSSTAT"), None),
    ],
)
def test_a_server_that_was_never_heard_of_is_told_as_soon_as_another_is(
    never: Server, cause: str | None
) -> None:
    listener = Listener()
    for time in range(100, 106):
        assert not listener.hear([never], time, 1.0)  # we may have the wrong addresses
    found = listener.hear([never, Server("n2", "b:1", "z", Status.UP, age=0.0)], 106.0, 1.0)
    assert [(each.server.name, each.cause) for each in found] == ([("n1", cause)] if cause else [])
    assert all(each.words == f"{never.detail}, ever since it was first asked" for each in found)
    heard = [
        replace(never, status=Status.UP, detail="", age=0.0),
        Server("n2", "b:1", "z", Status.UP, age=0.0),
    ]
    assert not listener.hear(heard, 107.0, 1.0)


def test_a_change_of_load_is_told_with_its_beginning_to_its_end() -> None:
    cluster = Cluster()
    cluster.live(120)
    more = dict.fromkeys(NAMES, dict.fromkeys(RATES, 2.5))
    told = [each.load_change for each in cluster.live(40, more) if each.load_change is not None]
    assert len(told) > 10
    assert {each.since for each in told} == {told[0].since}
    assert cluster.tick(more).load_change is None


def test_a_server_that_never_answers_keeps_nobody_from_learning_the_others() -> None:
    cluster = Cluster()
    cluster.silence("n2", Status.UNREACHABLE, "connection refused", math.nan)
    cluster.servers["n2"] = replace(cluster.servers["n2"], age=None)
    found = cluster.live(40)[-1]
    assert found.warm == 1
    assert [each.key for each in found.findings] == [("n2", "node_down")]
    assert math.isnan(found.scores["n2"])


def test_a_change_is_told_once_and_an_end_after_a_while() -> None:
    changes = Changes()
    finding = Finding("n1", "z", "slow_sql", 1, 0.5, False, 100.0, 2.0)

    def told(time: float, *findings: Finding) -> list[tuple[str, str]]:
        return [(each.what, each.finding.cause) for each in changes.feed(Diagnosis(time, findings))]

    assert told(100.0, finding) == [("found", "slow_sql")]
    assert told(101.0, replace(finding, confidence=0.55)) == []
    assert told(102.0, replace(finding, confidence=0.8)) == [("changed", "slow_sql")]
    assert told(103.0) == []
    assert told(104.0, replace(finding, confidence=0.8)) == []
    assert told(106.0) == []
    assert told(107.0) == [("gone", "slow_sql")]
    assert told(108.0) == []
    assert told(109.0, finding) == [("found", "slow_sql")]


def test_nothing_is_known_at_first() -> None:
    first = Cluster().tick({})
    assert first.warm < 0.1
    assert math.isnan(first.false_alarms)
    assert not first.findings
