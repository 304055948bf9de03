"""Learning from runs: what is held out, what comes out, and which model is in use."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from findings import finding
from labelled import CALM, NAMES, run_of
from typer.testing import CliRunner

from distdiag_tui.cli.app import app
from distdiag_tui.cli.plots import bar, bars, confusion_table
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.learning.dataset import examples_of
from distdiag_tui.learning.evaluation import Evaluation, evaluate_judge
from distdiag_tui.learning.fitting import fit_examples
from distdiag_tui.learning.judges import live_judge
from distdiag_tui.learning.registry import RULES, Registry, misfit, models_folder
from distdiag_tui.learning.runs import Run
from distdiag_tui.learning.splits import SPLITS, splits_by
from distdiag_tui.learning.use import diagnoser_in_use
from distdiag_tui.learning.verdict import Verdict, judge_run
from distdiag_tui.model.errors import ModelError
from distdiag_tui.model.findings import Diagnosis
from distdiag_tui.recording.run import catalogue_hash

SWAPPED = {"lock_contention": "cache_thrashing", "cache_thrashing": "lock_contention"}
"""Causes that show like the other one here: the rules are bound to take one for the other."""


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Four of each of two causes, on all servers, and a calm one."""
    found = [
        run_of(f"{cause}-{number}", {f"n{1 + number % 3}": cause}, disguise=SWAPPED[cause])
        for cause in SWAPPED
        for number in range(4)
    ]
    return [*found, run_of("calm", {})]


@pytest.fixture(scope="module")
def model(runs: list[Run]) -> Model:
    """Of all runs but the last of each cause."""
    return fit_examples(examples_of([run for run in runs if not run.name.endswith("-3")]), "now", "a note")


def test_examples_know_what_was_wrong_where(runs: list[Run]) -> None:
    examples = examples_of(runs[:1])
    sick = [server for server, causes in zip(examples.servers, examples.causes, strict=True) if causes]
    assert set(sick) == {"n1"}
    assert {*examples.causes} == {frozenset({"lock_contention"}), frozenset()}
    of_sick = np.abs(examples.effects[[bool(causes) for causes in examples.causes]])
    assert of_sick.max() > 0.3
    assert not examples.chosen(lambda _, server: server == "n2").causes[-1]


def test_what_servers_share_is_not_learned_from_one_that_has_something_of_its_own() -> None:
    """What is looked at there is what is not shared."""
    slow = "io_saturation"
    examples = examples_of([run_of("both", {"n1": slow, "n2": slow, "n3": "lock_contention"})])
    assert {*examples.causes} == {frozenset({"lock_contention"}), frozenset()}
    alone = examples_of([run_of("shared", dict.fromkeys(("n1", "n2", "n3"), slow))])
    assert frozenset({slow}) in alone.causes
    calm = len([server for server in examples.servers if server == "n1"])
    assert calm < len([server for server in alone.servers if server == "n1"])


def test_training_tells_what_the_rules_take_for_something_else(runs: list[Run], model: Model) -> None:
    held_out = [run for run in runs if run.name.endswith("-3")]
    by_rules = evaluate_judge("rules", None, held_out).figures()
    by_model = evaluate_judge("m", live_judge(model), held_out).figures()
    assert by_rules["ac1_single"] == 0
    assert by_model["ac1_single"] == 1
    assert by_model["delay_median"] < 8
    assert model.about.runs == 7


def test_what_no_run_showed_is_still_told_by_the_rules() -> None:
    known = ("lock_contention", "cache_thrashing", "io_saturation")
    seen = [run_of(f"{cause}-{number}", {"n1": cause}) for cause in known for number in range(3)]
    judge = live_judge(fit_examples(examples_of(seen)))
    run = run_of("new", {"n2": "connection_storm"})
    assert evaluate_judge("m", judge, [run]).figures()["ac1_single"] == 1


@pytest.mark.parametrize("kind", list(SPLITS))
def test_no_run_is_judged_by_what_has_seen_it(kind: str) -> None:
    runs = [
        run_of(f"{cause}-{number}", {f"n{1 + number % 3}": cause}, severity=severity, load=load)
        for number, (cause, severity, load) in enumerate(
            [("lock_contention", "low", "oltp"), ("slow_sql", "high", "oltp"), ("slow_sql", "low", "tpcc"),
             ("cpu_hog_sql", "high", "tpcc"), ("cpu_hog_sql", "low", "oltp"), ("slow_sql", "high", "tpcc")]
        )
    ] + [run_of(f"calm-{number}", {}) for number in range(4)]  # fmt: skip
    splits = splits_by(kind, runs)
    by_name = {run.name: run for run in runs}
    keys: dict[str, Callable[[Run], str]] = {
        "run": lambda run: run.name,
        "server": lambda run: next((truth.server for truth in run.truths), ""),
        "severity": lambda run: run.severity,
        "load": lambda run: run.load,
    }
    for split in splits:
        assert not split.test & split.train
        tested = {keys[kind](by_name[name]) for name in split.test if by_name[name].truths}
        assert not tested & {keys[kind](by_name[name]) for name in split.train if by_name[name].truths}
    assert {name for split in splits for name in split.test} == set(by_name)


def _verdict(**known: object) -> Verdict:
    fields: dict[str, object] = {
        "run": "r", "truth": frozenset({("n1", "a"), ("n2", "b")}), "severity": "high", "load": "oltp",
        "ranked": (("n1", "a"), ("n1", "c"), ("n2", "b")), "said": {("n1", "a"): 0.9, ("n1", "c"): 0.6},
        "delays": {"n1": 2.0, "n2": math.inf}, "named": {("n1", "a"): 3.0, ("n2", "b"): math.inf},
        "alarms": (), "calm": 1800.0,
    }  # fmt: skip
    return Verdict(**{**fields, **known})  # type: ignore[arg-type]


def test_figures_of_a_known_case() -> None:
    calm = _verdict(run="calm", truth=frozenset(), delays={}, named={}, alarms=((5.0, ("n3", "a")),), said={})
    found = Evaluation("m", "run", (_verdict(), calm))
    figures = found.figures()
    assert (figures["ac1_compound"], figures["ac3_compound"]) == (1, 1)
    assert _verdict().top(2) == 0.5
    assert figures["exact_compound"] == 0
    assert (figures["recall"], figures["named"]) == (0.5, 0.5)
    assert math.isinf(figures["delay_p90"])
    assert figures["false_alarms_hour"] == 1
    assert figures["ece"] == pytest.approx((0.1 + 0.6) / 2)
    assert [verdict.run for verdict, _ in found.failures()] == ["r", "calm"]
    document = json.loads(json.dumps(found.document()))
    assert document["figures"]["delay_p90"] is None


def test_a_delay_begins_with_its_own_fault() -> None:
    run = run_of("two", {"n1": "slow_sql"})
    late = replace(run.truths[0], server="n2", start=run.truths[0].start + 6)
    both = replace(run, truths=(*run.truths, late))

    class Always(Diagnoser):
        def feed(self, time: float, *_: object) -> Diagnosis:
            found = tuple(finding("slow_sql", server, rank=rank) for rank, server in ((1, "n1"), (2, "n2")))
            return Diagnosis(time, found, scores=dict.fromkeys(NAMES, 0.0), warm=1.0)

    verdict = judge_run(both, Always())
    assert 0 <= verdict.delays["n2"] < 1.5
    assert verdict.exact
    assert verdict.calm == CALM * 3
    assert [pair for _, pair in verdict.alarms] == [("n1", "slow_sql"), ("n2", "slow_sql")]


@pytest.mark.parametrize(("gap", "alarms"), [(2, 1), (8, 2)])
def test_an_alarm_that_is_gone_for_a_moment_is_the_same_one(gap: int, alarms: int) -> None:
    run = run_of("calm", {})
    times = [tick.time for tick in run.ticks]

    class Twice(Diagnoser):
        def feed(self, time: float, *_: object) -> Diagnosis:
            there = times.index(time) in (5, 6 + gap)
            found = (finding("slow_sql", "n1"),) if there else ()
            return Diagnosis(time, found, scores=dict.fromkeys(NAMES, 0.0), warm=1.0)

    assert len(judge_run(run, Twice()).alarms) == alarms


def test_a_calm_run_has_no_false_alarm_here(runs: list[Run]) -> None:
    figures = evaluate_judge("rules", None, runs[-1:]).figures()
    assert figures["false_alarms"] == 0
    assert figures["calm_node_hours"] > 0


# -- models on disk ---------------------------------------------------------------------------------------


def test_models_are_kept_activated_and_rolled_back(tmp_path: Path, model: Model) -> None:
    registry = Registry(tmp_path / "models")
    assert (registry.names(), registry.active()) == ([], RULES)
    for name in ("one", "two"):
        registry.save(name, model)
        registry.activate(name)
    assert registry.load("one").about == model.about
    assert registry.roll_back() == "one"
    assert registry.roll_back() == RULES
    with pytest.raises(ModelError, match="already"):
        registry.save("one", model)
    for name in ("../one", "", "rules", "three"):
        with pytest.raises(ModelError):
            registry.load(name)
    with pytest.raises(ModelError):
        registry.activate("three")
    assert registry.active() == RULES
    assert sorted(file.name for file in registry.folder.iterdir()) == ["history", "one.json", "two.json"]


def test_the_active_model_is_what_diagnoses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    by_rules, words = diagnoser_in_use()
    assert (by_rules.judge.calibrated, words) == (False, "")
    registry = Registry(models_folder())
    registry.save("mine", model)
    registry.activate("mine")
    diagnoser, words = diagnoser_in_use()
    assert (diagnoser.judge.calibrated, words) == (True, "")
    tick = run_of("any", {}).ticks[0]
    assert diagnoser.feed(tick.time, tick.interval, tick.servers, tick.values).model == "mine"
    (registry.folder / "mine.json").write_text("{}")
    fallen_back, words = diagnoser_in_use()
    assert not fallen_back.judge.calibrated
    assert "mine.json" in words


def test_a_model_of_other_metrics_says_so(model: Model) -> None:
    assert misfit(model, model.metrics, catalogue_hash()) == ""
    assert "train it anew" in misfit(model, model.metrics[::2], catalogue_hash())
    old = replace(model, about=replace(model.about, catalogue="0123"))
    assert "another metric catalogue" in misfit(old, [*model.metrics, "new"], catalogue_hash())


def test_the_commands_show_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "distdiag" / "models"
    registry = Registry(folder)
    registry.save("mine", replace(model, about=replace(model.about, scores={"ac1_single": 0.5})))
    (folder / "broken.json").write_text("{}")

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["model", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "mine" in said("activate", "mine")
    listed = said("list")
    assert "* mine" in listed
    assert "broken" in listed
    shown = said("show", "mine")
    assert "lock_contention" in shown
    assert "a note" in shown
    assert "0.500" in said("compare", "mine", "mine")
    assert json.loads(said("rollback", "--json")) == {"active": "rules"}


def test_plots_are_as_long_as_the_share() -> None:
    assert bar(0.5, 4) == "██  "
    assert bar(0.53125, 4) == "██▏ "
    assert bars({"a": math.nan}).endswith("–")
    table = confusion_table({("a", "a"): 3, ("b", "nothing"): 2})
    assert [line.split() for line in table.splitlines()] == [
        ["1", "2", "3"], ["1", "a", "3", "·", "·"], ["2", "b", "·", "·", "2"], ["3", "nothing"],
    ]  # fmt: skip
