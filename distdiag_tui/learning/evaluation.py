"""How good diagnosis is on recorded runs: figures, and the cases that it got wrong, by name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from distdiag_tui.diagnosis.calibrate import calibration_error
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.learning.dataset import Examples
from distdiag_tui.learning.fitting import fit_examples
from distdiag_tui.learning.judges import live_judge
from distdiag_tui.learning.runs import Run
from distdiag_tui.learning.splits import splits_by
from distdiag_tui.learning.verdict import Verdict, guess, judge_run
from distdiag_tui.model.arithmetic import Floats

SCHEMA: Final = "distdiag.evaluation/1"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`who` was judged, split how; figures are over `verdicts`."""

    who: str
    split: str
    verdicts: tuple[Verdict, ...]

    def figures(self) -> dict[str, float]:
        """By name; shares from 0 to 1, delays in seconds, NaN where there is nothing to measure."""
        faults = [verdict for verdict in self.verdicts if verdict.truth]
        single = [verdict for verdict in faults if not verdict.compound]
        several = [verdict for verdict in faults if verdict.compound]
        delays = np.array([delay for verdict in faults for delay in verdict.delays.values()])
        named = np.array([delay for verdict in faults for delay in verdict.named.values()])
        calm = sum(verdict.calm for verdict in self.verdicts)
        alarms = sum(len(verdict.alarms) for verdict in self.verdicts)
        said = [(sure, pair in v.truth) for v in faults for pair, sure in v.said.items()]
        return {
            "runs": len(self.verdicts),
            **{f"ac{count}_single": _mean(each.top(count) for each in single) for count in (1, 3, 5)},
            **{f"ac{count}_compound": _mean(each.top(count) for each in several) for count in (1, 3, 5)},
            "exact_single": _mean(float(each.exact) for each in single),
            "exact_compound": _mean(float(each.exact) for each in several),
            "recall": _mean(np.isfinite(delays)),
            "delay_median": _percentile(delays, 50),
            "delay_p90": _percentile(delays, 90),
            "named": _mean(np.isfinite(named)),
            "named_median": _percentile(named, 50),
            "calm_node_hours": calm / 3600,
            "false_alarms": alarms,
            "false_alarms_hour": alarms / (calm / 3600) if calm else math.nan,
            "ece": calibration_error(
                np.array([sure for sure, _ in said]), np.array([right for _, right in said], dtype=np.bool_)
            ),
        }

    def by(self, key: Callable[[Verdict], str]) -> dict[str, tuple[int, float]]:
        """AC@1 by some property of runs with a fault: how many there are, and the figure."""
        groups: dict[str, list[Verdict]] = {}
        for verdict in self.verdicts:
            if verdict.truth:
                groups.setdefault(key(verdict), []).append(verdict)
        return {name: (len(group), _mean(each.top(1) for each in group)) for name, group in groups.items()}

    def confusion(self) -> dict[tuple[str, str], int]:
        """How often a cause (first) was called something (second) on its server, single faults only."""
        found: Counter[tuple[str, str]] = Counter()
        for verdict in self.verdicts:
            for server, cause in verdict.truth if len(verdict.truth) == 1 else ():
                found[cause, guess(verdict, server)] += 1
        return dict(found)

    def failures(self) -> Iterator[tuple[Verdict, str]]:
        """Runs that were not told as they were, each with what was wrong about it."""
        for verdict in self.verdicts:
            if words := _wrong(verdict):
                yield verdict, words

    def document(self) -> dict[str, Any]:
        """A plain object for JSON: schema distdiag.evaluation/1. NaN and infinity are null."""
        return {
            "schema": SCHEMA,
            "judged": self.who,
            "split": self.split,
            "figures": {name: _number(value) for name, value in self.figures().items()},
            "confusion": [
                {"cause": cause, "told": told, "runs": count}
                for (cause, told), count in sorted(self.confusion().items())
            ],
            "failures": [{"run": verdict.run, "what": words} for verdict, words in self.failures()],
        }


def evaluate_judge(
    name: str, judge: Judge | None, runs: Sequence[Run], progress: Progress = lambda _, __: None
) -> Evaluation:
    """A model as it is, on runs that must be new to it; None: the rules, which have learned from nothing."""
    verdicts = []
    for number, run in enumerate(runs, 1):
        verdicts.append(judge_run(run, Diagnoser(judge)))
        progress(number, len(runs))
    return Evaluation(name, "none", tuple(verdicts))


def evaluate_training(
    runs: Sequence[Run], examples: Examples, kind: str, progress: Progress = lambda _, __: None
) -> Evaluation:
    """Train anew for each split of a kind with `examples` of the runs, and judge those that were held out."""
    splits = splits_by(kind, runs)
    total, verdicts = sum(len(split.test) for split in splits), list[Verdict]()
    for split in splits:
        judge = live_judge(fit_examples(split.training(examples)))
        for run in (run for run in runs if run.name in split.test):
            verdicts.append(judge_run(run, Diagnoser(judge)))
            progress(len(verdicts), total)
    return Evaluation("training", kind, tuple(verdicts))


def _wrong(verdict: Verdict) -> str:
    """In a few words; "" for nothing."""
    if not verdict.truth:
        return ", ".join(f"{server} {cause} for nothing" for _, (server, cause) in verdict.alarms)
    words = []
    for server, cause in sorted(verdict.truth - set(verdict.ranked[: len(verdict.truth)])):
        told = guess(verdict, server)
        words.append(f"{server} {cause} was {told if told != cause else 'told later than others'}")
    extra = sorted(verdict.said.keys() - verdict.truth)
    words += [f"{server} {cause} was told too" for server, cause in extra]
    words += [f"{server} {cause} before the fault" for _, (server, cause) in verdict.alarms]
    return ", ".join(words)


def _mean(values: Iterable[float]) -> float:
    listed = [float(value) for value in values]
    return sum(listed) / len(listed) if listed else math.nan


def _percentile(values: Floats, share: float) -> float:
    """The nearest rank: infinite as long as too many are."""
    return float(np.percentile(values, share, method="higher")) if len(values) else math.nan


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
