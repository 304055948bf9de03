"""From values to findings: culprits, victims, silence, names, and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.diagnosis.changes import Changes
from distdiag_tui.diagnosis.compound import explain
from distdiag_tui.diagnosis.detect import Settings
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.rules import Knowledge, Rules
from distdiag_tui.diagnosis.signs import DAY_ONE, SIGNS
from distdiag_tui.diagnosis.silence import Listener
from distdiag_tui.learning.runs import load_runs
from distdiag_tui.model.arithmetic import Floats, evaluate
from distdiag_tui.model.findings import UNKNOWN, Diagnosis, Finding, finding_document
from distdiag_tui.model.metrics import CATALOGUE as METRICS
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, METRIC_INDEX, Kind
from distdiag_tui.model.snapshot import Totals, Values
from distdiag_tui.model.topology import Server, Status, Subject

NAMES = ("n1", "n2", "n3")
RECORDED = Path(__file__).parents[1] / "data" / "lab" / "runs" / "round5"
USUAL = {"%": 20.0, "B": 2e8, "B/s": 2e5, "s": 0.004, "s/s": 0.2, "/s": 100.0, "": 8.0}


class Cluster:
    """Three servers with noise, on whom metrics can be multiplied."""

    def __init__(self, seed: int = 3) -> None:
        self.dice = np.random.default_rng(seed)
        self.diagnoser = Diagnoser()
        self.time = 1000.0
        self.usual: Floats = np.array([USUAL[row.unit] for row in METRICS])
        self.totals: Mapping[str, Totals] = {}
        self.noise: Mapping[str, float] = {}
        self.servers = {
            name: Server(name, f"{name}:1", "z", Status.UP, latency=0.01, age=0.0) for name in NAMES
        }

    def live(self, ticks: int, moved: Mapping[str, Mapping[str, float]] | None = None) -> list[Diagnosis]:
        return [self.tick(moved or {}) for _ in range(ticks)]

    def tick(self, moved: Mapping[str, Mapping[str, float]]) -> Diagnosis:
        self.time += 1
        values: dict[Subject, Values] = {}
        for name, server in self.servers.items():
            row = self.usual * self.dice.lognormal(0, self.noise.get(name, 0.04), len(self.usual))
            for metric, factor in moved.get(name, {}).items():
                if metric in METRIC_INDEX:
                    row[METRIC_INDEX[metric]] *= factor
            if server.status is Status.UP:
                values[Subject("z", name)] = row.astype(np.float32)
        servers = tuple(self.servers.values())
        return self.diagnoser.feed(self.time, 1.0, servers, values, totals=self.totals)

    def silence(self, name: str, status: Status, detail: str, age: float) -> None:
        self.servers[name] = replace(self.servers[name], status=status, detail=detail, age=age)


def signs_of(cause: str, strength: float = 4.0) -> dict[str, float]:
    """Factors that make a server look as the cause does."""
    return {name: strength ** (1 if weight > 0 else -1) for name, weight in SIGNS[cause].items()}


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


DAY = 86_400.0
A_SECOND: Floats = np.full(len(COLUMNS), 100.0)
"""What each running total grows by."""
for _metric in METRICS:
    for _column in _metric.over:
        A_SECOND[COLUMN_INDEX[_column]] *= {"s": 4_000.0, "s/s": 2_000.0, "B/s": 2_000.0}.get(
            _metric.unit, 1.0
        )
A_SECOND = np.minimum(A_SECOND, 4e5)


@dataclass
class Read:
    """A server's running totals as they are after so many seconds."""

    columns: Floats
    tenants: tuple[int, ...] = (1,)
    at: float = 0.0


class Old(Cluster):
    """Servers that did the same for long, but some of them `busier` by a factor."""

    def __init__(self, names: Sequence[str] = NAMES, seconds: float = DAY, busier: str = "") -> None:
        super().__init__()
        levels = [row.kind is Kind.GAUGE for row in METRICS]
        self.usual = np.where(levels, self.usual, np.nan_to_num(evaluate(A_SECOND), nan=100.0))
        self.servers = {name: replace(self.servers[name], uptime=seconds) for name in names}
        self.totals = {
            name: Read(A_SECOND[None] * seconds * (3.0 if name == busier else 1.0)) for name in names
        }


RATES = [metric.id for metric in METRICS if metric.kind is Kind.RATE]
STORM = {"n2": signs_of("connection_storm")}


def test_what_was_wrong_before_anyone_looked_is_found_by_what_servers_did_since_they_started() -> None:
    cluster = Old()
    (finding,) = cluster.live(10, STORM)[-1].findings
    assert finding.key == ("n2", "connection_storm")
    assert finding.said == "against its mean since it started"
    evidence = {each.metric: each for each in finding.evidence}
    assert evidence["logon_rate"].before == pytest.approx(100, rel=0.05)
    assert evidence["logon_rate"].now == pytest.approx(400, rel=0.2)
    cluster.live(30, STORM)
    assert cluster.tick(STORM).warm == 1, "the others are known by now, and n2 is in trouble"
    cluster.live(12)
    assert not any(each.findings for each in cluster.live(60))
    found = cluster.live(10, STORM)[-1]
    assert [each.said for each in found.findings] == [""], "what is usual has been seen since"


def test_how_long_servers_serve_may_be_known_later() -> None:
    cluster = Old()
    known, cluster.servers = (
        cluster.servers,
        {name: replace(server, uptime=None) for name, server in cluster.servers.items()},
    )
    assert not any(each.findings for each in cluster.live(8, STORM))
    cluster.servers = known
    assert cluster.live(10, STORM)[-1].findings


def test_what_all_servers_have_against_their_means_is_only_the_time_of_day() -> None:
    found = Old().live(40, {name: dict.fromkeys(RATES, 4.0) for name in NAMES})
    assert not any(each.findings or each.load_change for each in found)
    assert found[5].warm < 1
    assert found[-1].warm == 1


def test_what_all_servers_have_against_their_means_may_look_like_a_cause() -> None:
    alike = {name: signs_of("cache_thrashing", 8) for name in NAMES}
    assert not any(each.findings for each in Old().live(40, alike))


def test_means_of_unequal_servers_are_their_own() -> None:
    assert not any(each.findings for each in Old(busier="n1").live(40, {"n1": dict.fromkeys(RATES, 3.0)}))
    storm = signs_of("connection_storm")
    everywhere = dict.fromkeys(NAMES, storm) | {
        "n1": {name: storm.get(name, 1.0) * (3.0 if name in RATES else 1.0) for name in METRIC_INDEX}
    }
    assert not any(each.findings for each in Old(busier="n1").live(40, everywhere))
    idle = Old(busier="n1").live(10, STORM)[-1]
    assert {each.key for each in idle.findings} >= {("n2", "connection_storm")}


def test_the_means_of_servers_that_have_just_started_say_nothing() -> None:
    assert not any(each.findings for each in Old(seconds=900.0).live(40, STORM))


def test_what_is_recorded_goes_before_what_is_supposed() -> None:
    cluster = Old()
    cluster.live(10, STORM)
    usual = np.repeat(cluster.usual[:, None], 900, axis=1).astype(np.float32)
    cluster.diagnoser.begin_with(dict.fromkeys(NAMES, usual))
    found = cluster.live(4, STORM)[-1]
    assert [(each.key, each.said) for each in found.findings] == [(("n2", "connection_storm"), "")]


def test_a_wrong_mean_is_given_up_in_time() -> None:
    cluster = Old()
    cluster.diagnoser = Diagnoser(settings=Settings(patience=300))
    assert cluster.live(95, STORM)[-1].findings
    cluster.live(45, STORM)
    assert not any(each.findings for each in cluster.live(60, STORM))


def test_a_server_alone_is_not_measured_by_how_much_it_has_to_do() -> None:
    assert not any(each.findings for each in Old(("n2",)).live(40, {"n2": dict.fromkeys(RATES, 2.5)}))
    assert Old(("n2",)).live(10, {"n2": signs_of("slow_sql", 30)})[-1].findings


def recorded(ticks: int, moved: Mapping[str, float] | None = None) -> dict[str, Values]:
    """What somebody else saw of the three servers, a little different from what `Cluster` makes now."""
    usual = np.array([USUAL[row.unit] for row in METRICS]) * 0.95
    for metric, factor in (moved or {}).items():
        usual[METRIC_INDEX[metric]] *= factor
    return {name: np.repeat(usual[:, None], ticks, axis=1).astype(np.float32) for name in NAMES}


def test_what_was_wrong_before_anyone_looked_is_found_by_what_others_saw() -> None:
    cluster, sick = Cluster(), {"n2": signs_of("connection_storm")}
    cluster.tick(sick)
    cluster.diagnoser.begin_with(recorded(900))
    found = cluster.live(6, sick)
    assert found[0].warm == 1
    assert found[-1].findings[0].key == ("n2", "connection_storm")
    evidence = {each.metric: each for each in found[-1].findings[0].evidence}
    assert evidence["logon_rate"].before == pytest.approx(95, rel=0.1)
    assert not cluster.live(30)[-1].findings
    assert not any(each.findings for each in cluster.live(60))


def test_what_others_saw_says_nothing_of_what_they_did_not_see() -> None:
    cluster = Cluster()
    cluster.tick({})
    cluster.diagnoser.begin_with(recorded(12))
    assert cluster.tick({}).warm < 1
    some = {"n1": recorded(90)["n1"], "n2": recorded(10)["n2"], "elsewhere": recorded(900)["n2"]}
    cluster.diagnoser.begin_with(some)
    found = cluster.tick({"n1": signs_of("connection_storm"), "n3": signs_of("connection_storm")})
    assert [name for name, score in found.scores.items() if math.isfinite(score)] == ["n1"]
    assert found.warm < 1


def test_who_is_known_well_or_sick_already_keeps_what_is_known() -> None:
    cluster = Cluster()
    cluster.live(200)
    cluster.diagnoser.begin_with(recorded(900, {"logon_rate": 40.0}))
    assert not any(each.findings for each in cluster.live(20))


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


def test_what_only_the_steadiest_of_several_shows_is_not_told_of_it_alone() -> None:
    """The others have it too, but they move about so much that it is nothing for them."""
    cluster = Cluster()
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
        (["no route to host"], "node_down"),
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


def test_when_nobody_answers_it_is_we_who_hear_nothing() -> None:
    listener = Listener()
    servers = [Server(name, "a:1", "z", Status.UP, age=0.0) for name in NAMES]
    listener.hear(servers, 100.0, 1.0)
    slow = [replace(each, status=Status.SLOW, detail="no answer for 4.0 s", age=4.0) for each in servers]
    assert {each.cause for each in listener.hear(slow, 104.0, 1.0)} == {"collector_stalled"}
    assert {each.cause for each in listener.hear([slow[0], *servers[1:]], 104.0, 1.0)} == {"node_hung"}


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


def test_a_server_that_never_answers_keeps_nobody_from_learning_the_others() -> None:
    cluster = Cluster()
    cluster.silence("n2", Status.UNREACHABLE, "connection refused", math.nan)
    cluster.servers["n2"] = replace(cluster.servers["n2"], age=None)
    found = cluster.live(40)[-1]
    assert found.warm == 1
    assert [each.key for each in found.findings] == [("n2", "node_down")]
    assert math.isnan(found.scores["n2"])


def test_each_cause_knows_its_own_signs_best() -> None:
    metrics = console_metrics()
    rules = Rules(metrics, DAY_ONE)
    effects = np.array(
        [[np.sign(moves.get(name, 0)) * 0.6 for name in metrics.names] for moves in SIGNS.values()]
    )
    scores = rules.scores(effects)
    assert scores.shape == (len(SIGNS), len(SIGNS))
    assert scores.argmax(axis=1).tolist() == list(range(len(SIGNS)))
    assert (rules.scores(-effects).diagonal() == 0).all()
    assert (rules.scores(np.zeros(len(metrics.names))) == 0).all()
    for cause, moved in enumerate(effects):
        assert not rules.rest(moved, cause).any()
        assert rules.contributions(moved, cause).sum() >= 1 - 1e-6


def test_a_machine_that_nobody_sees_takes_nothing_from_a_cause() -> None:
    metrics = console_metrics()
    unseen, seen = np.zeros((2, len(metrics.names)))
    unseen[metrics.index("tx_rt")] = seen[metrics.index("tx_rt")] = 0.2
    seen[metrics.index("proc_stopped")] = 0.2
    rules = Rules(metrics, Knowledge({"starved": {"tx_rt": 1, "proc_stopped": 1}}))
    assert rules.scores(unseen) == Rules(metrics, Knowledge({"starved": {"tx_rt": 1}})).scores(unseen)
    assert rules.scores(seen) > 2 * rules.scores(unseen)


def test_what_a_cause_cannot_do_without_is_asked_for() -> None:
    metrics = console_metrics()
    signs = {"slow": {"select_rt": 1, "rows_per_select": 1}}
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("rows_per_select")] = 0.6
    careless, careful = (Rules(metrics, Knowledge(signs, needs)) for needs in ({}, {"slow": "select_rt"}))
    assert careful.scores(effects) == pytest.approx(0.4 * careless.scores(effects))
    effects[metrics.index("select_rt")] = 0.6
    assert careful.scores(effects) == pytest.approx(careless.scores(effects))


def test_what_speaks_against_a_cause_makes_it_less_likely() -> None:
    metrics = console_metrics()
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("tx_rt")] = 0.6
    rules = Rules(metrics, Knowledge({"starved": {"tx_rt": 1}}, denied={"starved": "cpu_time"}))
    plain = rules.scores(effects)
    effects[metrics.index("cpu_time")] = -0.6
    falling = rules.scores(effects)
    effects[metrics.index("cpu_time")] = 0.6
    assert rules.scores(effects) == pytest.approx(0.4 * falling)
    assert falling < plain  # something else moved too


def test_what_a_cause_brings_with_it_is_no_second_cause() -> None:
    metrics = console_metrics()
    signs = {"hog": {"cpu_time": 3}, "starved": {"tx_rt": 1}}
    effects = np.zeros(len(metrics.names))
    effects[[metrics.index("cpu_time"), metrics.index("tx_rt")]] = 0.6
    apart, brought = (
        Rules(metrics, Knowledge(signs, brings=brings)) for brings in ({}, {"hog": ("tx_rt", "cpu_time")})
    )
    assert explain(apart, effects, further=0.25)[0] == [0, 1]
    assert explain(brought, effects, further=0.25)[0] == [0]
    effects[metrics.index("tx_rt")] = -0.6
    assert brought.rest(effects, 0)[metrics.index("tx_rt")] == -0.6  # it brings only a rise


def test_every_anomaly_that_moves_metrics_has_signs() -> None:
    assert {anomaly.cause for anomaly in CATALOGUE if anomaly.symptoms} <= set(SIGNS)
    assert all(weight and abs(weight) <= 3 for moves in SIGNS.values() for weight in moves.values())


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


@pytest.mark.parametrize(
    ("recorded_run", "pair"),
    [
        ("slow_sql-n3-high-coupled-r1", ("n3", "slow_sql")),
        ("cpu_hog_sql-n2-medium-sysbench-r1", ("n2", "cpu_hog_sql")),
        ("cache_bottleneck-n1-low-tpcc-r1", ("n1", "cache_thrashing")),
    ],
)
def test_real_nodes_seen_only_since_they_are_sick_are_found_by_their_running_totals(
    recorded_run: str, pair: tuple[str, str]
) -> None:
    (run,) = load_runs([RECORDED / recorded_run])
    assert run.span is not None
    begin, end = run.span
    late = [tick for tick in run.ticks if begin <= tick.time <= end]

    def found(settings: Settings) -> set[tuple[str, str]]:
        diagnoser = Diagnoser(settings=settings)
        return {each.key for tick in late for each in tick.told(diagnoser).findings}

    assert pair in found(Settings(young=60.0))
    assert pair not in found(Settings(young=DAY)), "so it was the totals that told"
