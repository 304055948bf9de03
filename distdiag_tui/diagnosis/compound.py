"""Several causes on one server at once: examples to learn from, and how to tell them apart.

Shapes: N examples, F features, K causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats

Flags = NDArray[np.bool_]

SEED: Final = 20261124


class Scorer(Protocol):
    """Says how well causes fit: signed rules, or a trained model."""

    @property
    def causes(self) -> tuple[str, ...]:
        """K of them."""
        ...

    def scores(self, effects: Floats) -> Floats:
        """(..., F) to (..., K), 0 to 1."""
        ...

    def beside(self, effects: Floats, scores: Floats) -> Floats:
        """What becomes of the scores (..., K) of these effects, as causes beside another one."""
        ...

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects (F) less those that the cause explains."""
        ...


def explain(
    scorer: Scorer,
    effects: Floats,
    given: Sequence[int] = (),
    *,
    further: float,
    first: float = 0.0,
    most: int = 3,
    scores: Floats | None = None,
) -> tuple[list[int], Floats]:
    """Greedily: accept the likeliest cause, take off what it explains, go on while there is one more.

    One more must show in the whole and in the rest: in the whole alone it may be one and the same thing, and
    the rest is what is left of an estimate. The causes in that order, beginning with those `given`; none if
    the likeliest is below `first`, the next ones where the geometric mean of both scores is `further` or
    above; and of these causes the larger score (K), at most that of the first, of all others that of the
    whole. `scores` (K) of the effects, if they are known.
    """
    told = scorer.scores(effects) if scores is None else scores.copy()
    found = list(given)
    if not found:
        best = int(told.argmax())
        if not told[best] >= first:
            return [], told
        found.append(best)
    whole, left = scorer.beside(effects, told.copy()), effects  # `told` is written to below
    for cause in found:
        left = scorer.rest(left, cause)
    while len(found) < most:
        rest = scorer.beside(left, scorer.scores(left))
        now = np.sqrt(whole * rest)
        now[found] = -np.inf
        best = int(now.argmax())
        if not now[best] >= further:
            break
        told[best] = min(max(whole[best], rest[best]), told[found[0]])
        found.append(best)
        left = scorer.rest(left, best)
    return found, told


def rest_of(effects: Floats, usual: Floats) -> Floats:
    """Effects (F) less a cause's usual ones (F), scaled to how strong it is here.

    Only what moves the same way is its own, and it takes no more than there is.
    """
    same = effects * usual > 0
    heavy = usual**2 * same
    if not heavy.any():
        return effects.copy()
    ratio = np.divide(effects, usual, out=np.zeros_like(effects), where=same)
    strength = _weighted_median(ratio[same], heavy[same])
    taken = np.minimum(np.abs(effects), strength * np.abs(usual)) * same
    return np.asarray(effects - np.sign(effects) * taken)


def mixtures(features: Floats, labels: Flags, count: int, *, seed: int = SEED) -> tuple[Floats, Flags]:
    """`count` examples of two causes at once, made of single ones: (count, F) and (count, K).

    Of each feature the one that moved further counts. Changes add up before the logarithm, and the log of a
    sum is never more than log 2 beyond the larger one; and what two causes use up cannot be used up twice.
    """
    single = np.flatnonzero(labels.sum(axis=1) == 1)
    cause = labels[single].argmax(axis=1)
    kinds = np.unique(cause)
    if len(kinds) < 2 or not count:
        return np.empty((0, features.shape[1])), np.empty((0, labels.shape[1]), dtype=np.bool_)
    random = np.random.default_rng(seed)
    by_kind = {kind: single[cause == kind] for kind in kinds}
    pairs = [random.choice(kinds, 2, replace=False) for _ in range(count)]
    one = np.array([random.choice(by_kind[pair[0]]) for pair in pairs])
    other = np.array([random.choice(by_kind[pair[1]]) for pair in pairs])
    return combined(features[one], features[other]), labels[one] | labels[other]


def combined(one: Floats, other: Floats) -> Floats:
    """Of two arrays of effects whichever is further from 0."""
    return np.where(np.abs(one) >= np.abs(other), one, other)


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])
