"""Who looks only when it is too late for calm: what others saw, or what servers did since they started."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from clusters import NAMES, RATES, USUAL, Cluster, signs_of

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.diagnosis.usual import Usual
from distdiag_tui.learning.runs import load_runs
from distdiag_tui.model.arithmetic import Floats, evaluate
from distdiag_tui.model.metrics import CATALOGUE as METRICS
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, METRIC_INDEX, Kind
from distdiag_tui.model.snapshot import Values

RECORDED = Path(__file__).parents[1] / "data" / "lab" / "runs" / "round5"


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


def test_a_server_that_answers_a_tick_later_is_measured_by_its_means_as_well() -> None:
    cluster = Old()
    known, cluster.servers = (
        cluster.servers,
        cluster.servers | {"n2": replace(cluster.servers["n2"], uptime=None)},
    )
    cluster.tick(STORM)
    cluster.servers = known
    assert [each.key for each in cluster.live(12, STORM)[-1].findings] == [("n2", "connection_storm")]


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


def told(cluster: Cluster, *metrics: str) -> Usual:
    """What servers say of themselves in the hours before, of these metrics."""
    centre = np.tile(cluster.usual[[METRIC_INDEX[name] for name in metrics]], (len(NAMES), 1))
    return Usual(cluster.time - 600, NAMES, metrics, centre, np.full_like(centre, np.nan))


def test_what_servers_tell_of_the_hours_before_goes_before_their_means() -> None:
    cluster = Old(busier="n2")
    cluster.live(4, STORM)
    assert not [each for each in cluster.live(4, STORM)[-1].findings if each.cause == "connection_storm"]
    cluster.diagnoser.correct(told(cluster, *(row.id for row in METRICS if row.kind is not Kind.GAUGE)))
    (finding,) = cluster.live(10, STORM)[-1].findings
    assert finding.key == ("n2", "connection_storm")
    assert finding.said == "against what was usual 10m01s before"


def test_what_they_do_not_tell_is_measured_by_their_means() -> None:
    cluster = Old()
    cluster.diagnoser.correct(told(cluster, "logon_rate"))
    (finding,) = cluster.live(10, STORM)[-1].findings
    assert finding.said.startswith("against what was usual")
    before = {each.metric: each.before for each in finding.evidence}
    assert before["logon_rate"] == pytest.approx(cluster.usual[METRIC_INDEX["logon_rate"]])
    assert before["other_rate"] == pytest.approx(100, rel=0.05)


def test_what_servers_tell_too_late_changes_nothing() -> None:
    cluster = Old()
    cluster.live(60)
    cluster.diagnoser.correct(told(cluster, "logon_rate"))
    assert [each.said for each in cluster.live(10, STORM)[-1].findings] == [""]


def test_a_wrong_mean_is_given_up_in_time() -> None:
    cluster = Old()
    cluster.diagnoser = Diagnoser(settings=Settings(patience=300))
    assert cluster.live(95, STORM)[-1].findings
    cluster.live(45, STORM)
    assert not any(each.findings for each in cluster.live(60, STORM))


def test_a_server_alone_is_not_measured_by_how_much_it_has_to_do() -> None:
    assert not any(each.findings for each in Old(("n2",)).live(40, {"n2": dict.fromkeys(RATES, 2.5)}))
    assert Old(("n2",)).live(10, {"n2": signs_of("slow_sql", 30)})[-1].findings


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
