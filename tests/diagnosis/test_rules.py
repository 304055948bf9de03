"""What the rules make of effects, and the metrics that those are of."""

from __future__ import annotations

import numpy as np
import pytest

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.diagnosis.compound import explain
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.rules import Knowledge, Rules
from distdiag_tui.diagnosis.signs import DAY_ONE, SIGNS


def test_of_what_is_nearly_all_it_counts_what_is_missing() -> None:
    """From 99.9 % hits to 98 % it is twenty times as many misses."""
    metrics = console_metrics()
    values = np.full((3, len(metrics.names)), 50.0)
    columns = [metrics.index("index_cache_hit"), metrics.index("row_cache_hit")]
    values[:, columns] = [[99.9], [98.0], [60.0]]
    tamed = metrics.tame(values)
    assert np.allclose(metrics.untame(tamed), values)
    missing, plain = np.diff(tamed[:, columns], axis=0).T
    assert missing[0] < 20 * plain[0] < 0
    assert missing[1] < 4 * plain[1] < 0


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


def test_what_a_process_would_show_is_asked_for_only_where_the_process_is_looked_at() -> None:
    metrics = console_metrics()
    signs = {"starved": {"tx_rt": 1, "proc_stopped": 1, "proc_run_delay_rt": 1}}
    shown = {"starved": ("proc_stopped", "proc_run_delay_rt")}
    careless, careful = Rules(metrics, Knowledge(signs)), Rules(metrics, Knowledge(signs, shown=shown))
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("tx_rt")] = 0.6
    assert careful.scores(effects) == pytest.approx(careless.scores(effects))
    effects[metrics.index("proc_write_bytes")] = -0.01  # it is looked at, and runs whenever it wants to
    assert careful.scores(effects) == pytest.approx(0.4 * careless.scores(effects))
    for sign in shown["starved"]:
        waiting = effects.copy()
        waiting[metrics.index(sign)] = 0.3
        assert careful.scores(waiting) == pytest.approx(careless.scores(waiting))


def test_what_the_hypervisor_takes_is_missing_though_no_process_waits() -> None:
    metrics, rules = console_metrics(), Rules(console_metrics(), DAY_ONE)
    effects = np.zeros(len(metrics.names))
    for name in ("answer_rt", "tx_rt", "sql_rt", "select_rt", "update_rt", "commit_rt"):
        effects[metrics.index(name)] = 0.4
    effects[metrics.index("proc_write_bytes")] = 0.01
    starved = rules.causes.index("cpu_saturation")
    before = rules.scores(effects)[starved]
    effects[metrics.index("host_cpu_steal")] = 0.4
    scores = rules.scores(effects)
    assert scores.argmax() == starved
    assert scores[starved] > 2 * before


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
        Rules(metrics, Knowledge(signs, brings=brings))
        for brings in ({}, {"hog": {"tx_rt": 1, "cpu_time": 1}})
    )
    assert explain(apart, effects, further=0.25)[0] == [0, 1]
    assert explain(brought, effects, further=0.25)[0] == [0]
    effects[metrics.index("tx_rt")] = -0.6
    assert brought.rest(effects, 0)[metrics.index("tx_rt")] == -0.6  # it brings only a rise
    falling = Rules(metrics, Knowledge(signs, brings={"hog": {"tx_rt": -1}}))
    assert falling.rest(effects, 0)[metrics.index("tx_rt")] == 0.0


STORM = {"logon_rate": 0.6, "other_rate": 0.5, "qps": 0.4, "tx_rt": 0.4, "answer_rt": 0.4}
HOG = {"cpu_time": 0.5, "cpu_percent": 0.5, "select_rt": 0.55, "sql_rt": 0.5, "sessions_active": 0.4}
FLUSHED = {"io_read_rate": 0.6, "io_read_bytes": 0.6, "kvcache_used": -0.4}
FILLED = {"memstore_used": 0.5, "memstore_percent": 0.5, "insert_rt": 0.5, "log_write_bytes": 0.5}


@pytest.mark.parametrize(
    ("moved", "causes"),
    [
        (STORM | {"proc_run_delay_rt": 0.3, "proc_run_delay": 0.4}, ["connection_storm"]),
        (STORM | {"proc_stopped": 0.55}, ["connection_storm", "cpu_saturation"]),
        (HOG | {"io_read_rate": 0.35}, ["cpu_hog_sql"]),
        (HOG | {"io_read_rate": 0.35, "kvcache_used": -0.35}, ["cpu_hog_sql", "cache_thrashing"]),
        (
            FLUSHED | {"cpu_time": 0.35, "cpu_percent": 0.35, "select_rt": 0.3, "sql_rt": 0.3},
            ["cache_thrashing"],
        ),
        (FILLED | {"kvcache_used": -0.3}, ["memstore_full"]),
    ],
)
def test_a_second_cause_is_one_that_the_first_does_not_bring(
    moved: dict[str, float], causes: list[str]
) -> None:
    """A load makes threads wait for the CPU but stops no process; who reads from disk uses some CPU."""
    rules = Diagnoser().judge
    effects = np.zeros(2 * len(console_metrics().names))
    for name, effect in moved.items():
        effects[console_metrics().index(name)] = effect
    found, _ = explain(rules, effects, first=rules.least, further=rules.further)
    assert [rules.causes[cause] for cause in found] == causes


def test_every_anomaly_that_moves_metrics_has_signs() -> None:
    assert {anomaly.cause for anomaly in CATALOGUE if anomaly.symptoms} <= set(SIGNS)
    assert all(weight and abs(weight) <= 3 for moves in SIGNS.values() for weight in moves.values())


SIGN = {"locks": "lock_waiters"}


@pytest.mark.parametrize("kind", ["tells", "adds"])
def test_a_telling_sign_makes_one_more_cause_and_alone_the_first_one_if_it_tells(kind: str) -> None:
    """Whose sessions wait for row locks has locks as well, whatever else is slow there."""
    metrics = console_metrics()
    signs = {
        "hog": {"cpu_time": 3.0, "select_rt": 3.0},
        "locks": {"update_rt": 3.0, "tx_rt": 3.0, "lock_waiters": 1.0},
    }
    knowing = Knowledge(signs, tells=SIGN) if kind == "tells" else Knowledge(signs, adds=SIGN)
    careless, told = Rules(metrics, Knowledge(signs)), Rules(metrics, knowing)
    effects = np.zeros(2 * len(metrics.names))
    for name in ("cpu_time", "select_rt", "lock_waiters"):
        effects[metrics.index(name)] = 0.6
    assert explain(careless, effects, further=0.3)[0] == [0]
    causes, scores = explain(told, effects, further=0.3)
    assert causes == [0, 1]
    assert scores[0] >= scores[1] >= 0.3
    effects[[metrics.index(name) for name in ("cpu_time", "select_rt")]] = 0.0
    alone = [rules.scores(effects)[1] for rules in (careless, told)]
    assert (alone[1] >= 0.4 > alone[0]) if kind == "tells" else (alone[1] == alone[0])
