"""A trained model: names causes of effects, as the rules do, and says on what data it was made.

    model = train(effects, causes, runs=runs, metrics=names)
    model.classify(more_effects)

Any metric set will do. Shapes: N examples, K causes, M metrics, F features: M of each kind, one kind after
the other. A feature is 0 where nothing has changed or nothing is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.calibrate import Platt, fit_platt, odds
from distdiag_tui.diagnosis.compound import SEED, mixtures, rest_of
from distdiag_tui.diagnosis.linear import Linear, fit, whitener
from distdiag_tui.diagnosis.prior import Prior, RuleSet, fit_prior
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import ModelError
from distdiag_tui.model.findings import UNKNOWN

Flags = NDArray[np.bool_]

LEAST: Final = 0.15
"""Below this probability no cause is named: "unknown"."""
FURTHER: Final = 0.2
RULED_RIDGE: Final = 100.0
"""Where there are rules examples have to say it clearly that they are wrong."""
MOST_TRUST: Final = 2.0
FOLDS: Final = 5
LIKELIEST: Final = 3
"""So many causes of each held-out example are what calibration looks at: most others are plainly wrong."""


@dataclass(frozen=True, slots=True)
class About:
    """Where a model comes from. `catalogue`: hash of the metric catalogue; `data`: of the examples.

    `created` in ISO 8601, `runs` how many, `scores` of its evaluation by name.
    """

    created: str = ""
    catalogue: str = ""
    data: str = ""
    runs: int = 0
    examples: int = 0
    note: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """`linear` over F features; `usual` (K, F) are the median effects of each cause.

    `sure` makes log-odds probabilities. `floors` (M) are those that the effects were made with, if any.
    With `prior` the log-odds are to be added to what the rules say, see `blended`.
    """

    metrics: tuple[str, ...]
    kinds: tuple[str, ...]
    causes: tuple[str, ...]
    linear: Linear
    usual: Floats
    sure: Platt
    floors: Floats
    about: About = About()
    prior: Prior | None = None

    @property
    def calibrated(self) -> bool:
        """Scores are probabilities."""
        return True

    @property
    def least(self) -> float:
        """The probability below which no cause is named."""
        return LEAST

    @property
    def further(self) -> float:
        """What one more cause of the same server must reach, see `compound.explain`."""
        return FURTHER

    def scores(self, effects: Floats) -> Floats:
        """(..., F) to (..., K): the probability of each cause, whether or not others are there too."""
        return self.sure(self.linear.log_odds(effects))

    def beside(self, effects: Floats, scores: Floats) -> Floats:  # noqa: ARG002  as the rules
        """They stay: mixtures were learned from."""
        return scores

    def confidence(self, scores: Floats) -> Floats:
        """The scores themselves."""
        return scores

    def classify(self, effects: Floats) -> list[str]:
        """The likeliest cause of each example (N, F), or "unknown"."""
        scores = self.scores(effects)
        best = scores.argmax(axis=-1)
        return [
            self.causes[k] if score >= LEAST else UNKNOWN
            for k, score in zip(best, scores.max(axis=-1), strict=True)
        ]

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects (F) less those that the cause explains."""
        return rest_of(effects, self.usual[cause])

    def contributions(self, effects: Floats, cause: int) -> Floats:
        """(M): what each metric gives to the log-odds of a cause."""
        given = self.linear.contributions(effects, cause)
        return np.asarray(given.reshape(len(self.kinds), len(self.metrics)).sum(axis=0))

    def lost(self, metrics: Sequence[str]) -> float:
        """Which share of all weight, 0 to 1, is on metrics that are not among these."""
        there = np.tile([name in set(metrics) for name in self.metrics], len(self.kinds))
        size = np.abs(self.linear.weights * np.maximum(np.abs(self.usual), 1e-9))
        return float(size[:, ~there].sum() / max(size.sum(), 1e-12))

    def adapted(self, metrics: Sequence[str]) -> Model:
        """For another list of metrics: those that it does not know weigh nothing."""
        if tuple(metrics) == self.metrics:
            return self
        where = {name: index for index, name in enumerate(self.metrics)}
        known = np.array([where.get(name, -1) for name in metrics], dtype=np.intp)
        take = np.concatenate(
            [np.where(known < 0, -1, known + k * len(where)) for k in range(len(self.kinds))]
        )
        return replace(
            self,
            metrics=tuple(metrics),
            linear=replace(self.linear, weights=_taken(self.linear.weights, take)),
            usual=_taken(self.usual, take),
            floors=np.where(known < 0, 1.0, self.floors[known]),
        )


def train(
    effects: Floats,
    causes: Sequence[Collection[str]],
    *,
    metrics: Sequence[str],
    runs: Sequence[str] = (),
    kinds: Sequence[str] = ("deviation",),
    floors: Floats | None = None,
    compound: bool = True,
    rules: RuleSet | None = None,
    about: About = About(),
) -> Model:
    """Learn from examples (N, F) and the causes that each one has: none for a calm one.

    Examples of one run stay together when the probabilities are calibrated; without `runs` each is its own.
    With `compound` mixtures of two single faults are learned from too. With `rules` only what they do not
    know is learned, see `prior`. ModelError without any cause.
    """
    names = sorted({cause for each in causes for cause in each})
    if not names:
        raise ModelError("no example has a cause: nothing can be learned from them")
    if effects.shape != (len(causes), len(kinds) * len(metrics)):
        raise ValueError("effects must be examples by kinds of metrics")
    labels = np.array([[name in each for name in names] for each in causes], dtype=np.bool_)
    lesson = _Lesson(effects, labels, _places(names, rules), rules, compound)
    learned, given = _held_out(lesson, list(runs or map(str, range(len(causes)))))
    sure, trust = _calibrated(learned, given, labels, ruled=rules is not None)
    linear, prior = lesson.learned()
    return Model(
        metrics=tuple(metrics),
        kinds=tuple(kinds),
        causes=tuple(names),
        linear=Linear(trust * linear.weights, trust * linear.bias),
        usual=np.stack([_usual(effects, labels, klass) for klass in range(len(names))]),
        sure=sure,
        floors=np.ones(len(metrics)) if floors is None else floors,
        about=replace(about, data=fingerprint(effects, labels), examples=len(effects), runs=len(set(runs))),
        prior=prior,
    )


def fingerprint(effects: Floats, labels: Flags) -> str:
    """Twelve digits that change with the examples."""
    digest = hashlib.sha256(np.ascontiguousarray(effects, dtype="<f4").tobytes())
    digest.update(np.packbits(labels).tobytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class _Lesson:
    """Examples (N, F) and `labels` (N, K); `places` (K) of the causes among the rules', -1 for none."""

    effects: Floats
    labels: Flags
    places: NDArray[np.intp]
    rules: RuleSet | None
    compound: bool

    def part(self, rows: Flags) -> _Lesson:
        """Of some examples only, and of the causes that these have."""
        there = self.labels[rows].any(axis=0)
        return replace(
            self, effects=self.effects[rows], labels=self.labels[rows][:, there], places=self.places[there]
        )

    def learned(self) -> tuple[Linear, Prior | None]:
        """The spread within classes is that of true examples only, and so is the trust in the rules."""
        white = whitener(self.effects, self.labels)
        effects, labels = self.effects, self.labels
        if self.compound:
            single = int((labels.sum(axis=1) == 1).sum())
            more, theirs = mixtures(effects, labels, single, seed=SEED)
            effects, labels = np.concatenate([effects, more]), np.concatenate([labels, theirs])
        if self.rules is None:
            return fit(effects, labels, white), None
        prior = fit_prior(self._rule_scores(self.effects), self._rule_labels(), self.rules.least)
        return fit(effects, labels, white, ridge=RULED_RIDGE, prior=self.prior_odds(effects, prior)), prior

    def prior_odds(self, effects: Floats, prior: Prior | None) -> Floats:
        """(N, K): 0 for causes that no rule knows."""
        if prior is None:
            return np.zeros((len(effects), len(self.places)))
        known = prior.log_odds(self._rule_scores(effects))
        return np.where(self.places < 0, 0.0, known[:, self.places])

    def _rule_scores(self, effects: Floats) -> Floats:
        assert self.rules is not None
        return self.rules.scores(effects)

    def _rule_labels(self) -> Flags:
        """(N, K) of the rules' causes."""
        assert self.rules is not None
        found = np.zeros((len(self.labels), len(self.rules.causes)), dtype=np.bool_)
        found[:, self.places[self.places >= 0]] = self.labels[:, self.places >= 0]
        return found


def _places(names: Sequence[str], rules: RuleSet | None) -> NDArray[np.intp]:
    known = () if rules is None else rules.causes
    return np.array([known.index(name) if name in known else -1 for name in names], dtype=np.intp)


def _usual(effects: Floats, labels: Flags, klass: int) -> Floats:
    """The median of those that have this cause alone, or of all that have it."""
    alone = labels[:, klass] & (labels.sum(axis=1) == 1)
    return np.asarray(np.median(effects[alone if alone.any() else labels[:, klass]], axis=0))


def _held_out(lesson: _Lesson, runs: Sequence[str]) -> tuple[Floats, Floats]:
    """Log-odds (N, K) that are learned, and that the rules give, by what has not seen the run.

    NaN where none could be made.
    """
    order = {run: number for number, run in enumerate(dict.fromkeys(runs))}
    fold = np.array([order[run] % FOLDS for run in runs])
    learned, given = np.full(lesson.labels.shape, np.nan), np.full(lesson.labels.shape, np.nan)
    for number in range(FOLDS):
        test = fold == number
        there = lesson.labels[~test].any(axis=0)
        if not test.any() or not there.any():
            continue
        part, effects = lesson.part(~test), lesson.effects[test]
        linear, prior = part.learned()
        learned[np.ix_(test, there)] = linear.log_odds(effects)
        given[np.ix_(test, there)] = part.prior_odds(effects, prior)
    return learned, given


def _calibrated(learned: Floats, given: Floats, labels: Flags, *, ruled: bool) -> tuple[Platt, float]:
    """How sure it is, and how much of what was learned is to be believed, beside rules: 0 to `MOST_TRUST`."""
    known = np.nan_to_num(learned + given, nan=-np.inf)
    best = np.argsort(-known, axis=1, kind="stable")[:, :LIKELIEST]
    chosen = np.isfinite(np.take_along_axis(known, best, axis=1))
    mine = np.take_along_axis(learned, best, axis=1)[chosen]
    theirs = np.take_along_axis(given, best, axis=1)[chosen]
    right = np.take_along_axis(labels, best, axis=1)[chosen]
    if not right.any() or right.all():
        return Platt(), 1.0  # nothing to tell right from wrong by
    if not ruled:
        return fit_platt(mine, right), 1.0
    trust, slope, _ = odds(np.column_stack([mine, theirs]), right.astype(float)).tolist()
    share = float(np.clip(trust / slope, 0.0, MOST_TRUST)) if slope > 0 else MOST_TRUST
    return fit_platt(theirs + share * mine, right), share


def _taken(values: Floats, columns: NDArray[np.intp]) -> Floats:
    """Columns (K, F'), 0 where the index is -1."""
    return np.where(columns < 0, 0.0, values[:, columns])
