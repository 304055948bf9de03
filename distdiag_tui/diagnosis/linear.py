"""One-vs-rest logistic models whose ridge is measured in the spread within a class.

A metric that moves much among runs of the same fault says little, so a weight on it costs more. With a
handful of runs this is a shrunken discriminant, with thousands plain logistic regression: no other knob.
Shapes: N examples, F features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats

Flags = NDArray[np.bool_]

SHRINK: Final = 0.5
"""How far the covariance within classes is drawn to its diagonal."""
LEAST_SHARE: Final = 0.5
"""Of the mean variance within classes: every feature has that at least, less would be chance."""
RIDGE: Final = 30.0
TINY: Final = 1e-9
CONSTANT_RIDGE: Final = 1e-6
STEPS: Final = 100
TOLERANCE: Final = 1e-6
"""Of the gradient, per example."""


@dataclass(frozen=True, slots=True)
class Linear:
    """`weights` (K, F) and `bias` (K): the log-odds of a class are a matrix product away."""

    weights: Floats
    bias: Floats

    def log_odds(self, features: Floats) -> Floats:
        """(..., F) to (..., K); a class is as likely as all the others together at 0."""
        return np.asarray(features @ self.weights.T + self.bias)

    def contributions(self, features: Floats, klass: int) -> Floats:
        """(..., F): what each feature gives to the log-odds of a class."""
        return np.asarray(features * self.weights[klass])


def whitener(features: Floats, labels: Flags, *, shrink: float = SHRINK) -> Floats:
    """(F, F): features times this have about unit covariance within the classes that `labels` (N, K) say."""
    design = np.column_stack([np.ones(len(features)), labels])
    left = features - design @ np.linalg.lstsq(design, features, rcond=None)[0]
    free = max(1, len(features) - int(np.linalg.matrix_rank(design)))
    covariance = left.T @ left / free
    variance = np.diag(covariance)
    least = LEAST_SHARE * max(float(variance.mean()), TINY)
    covariance = (1 - shrink) * covariance + np.diag(shrink * variance + least)
    size, axes = np.linalg.eigh(covariance)
    return np.asarray(axes / np.sqrt(size))


def fit(
    features: Floats,
    labels: Flags,
    white: Floats | None = None,
    *,
    ridge: float = RIDGE,
    prior: Floats | None = None,
) -> Linear:
    """To (N, F) and (N, K). Yes and no weigh the same in each class, however many there are of each.

    `white`: see `whitener`, else that of these examples. With `prior` log-odds (N, K) only what is to be
    added to them is learned, and each example weighs the same. There is one minimum only.
    """
    white = whitener(features, labels) if white is None else white
    middle = features.mean(axis=0)
    spread = (features - middle) @ white
    # a ridge solution lies in the span of the examples: with few of them that is a small problem
    left, size, right = np.linalg.svd(spread, full_matrices=False)
    inner = np.column_stack([left * size, np.ones(len(features))])
    known = np.zeros(labels.shape) if prior is None else prior
    even, penalty = np.ones(len(features)), np.full(inner.shape[1], ridge)
    if prior is None:
        penalty[-1] = CONSTANT_RIDGE
    found = np.stack(
        [
            _newton(_Problem(inner, yes, offset, balance(yes) if prior is None else even, penalty))
            for yes, offset in zip(labels.T, known.T, strict=True)
        ]
    )
    weights = found[:, :-1] @ right @ white.T
    return Linear(weights, found[:, -1] - weights @ middle)


def balance(labels: Flags) -> Floats:
    """Weights (N) that give yes and no half of the sum each; the sum is N."""
    yes = int(labels.sum())
    no = len(labels) - yes
    return np.where(labels, 0.5 / max(yes, 1), 0.5 / max(no, 1)) * len(labels)


def logistic(values: Floats) -> Floats:
    """1 / (1 + exp(-values)) that does not overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


@dataclass(frozen=True, slots=True)
class _Problem:
    """One class against the rest. The last column of the design is the constant."""

    design: Floats
    labels: Flags
    offset: Floats
    weight: Floats
    penalty: Floats

    def cost(self, at: Floats) -> float:
        score = self.design @ at + self.offset
        loss = np.logaddexp(0.0, np.where(self.labels, -score, score))
        return float(self.weight @ loss + 0.5 * self.penalty @ at**2)

    def gradient(self, at: Floats) -> tuple[Floats, Floats]:
        """And how sure each example is."""
        chance = logistic(self.design @ at + self.offset)
        pull = self.design.T @ (self.weight * (chance - self.labels)) + self.penalty * at
        return np.asarray(pull), np.asarray(chance * (1 - chance))

    def step(self, gradient: Floats, sure: Floats) -> Floats:
        """Newton's."""
        curve = (self.design * (self.weight * sure)[:, None]).T @ self.design
        curve[np.diag_indices_from(curve)] += self.penalty + TINY
        return np.asarray(np.linalg.solve(curve, gradient), dtype=np.float64)


def _newton(problem: _Problem) -> Floats:
    at = np.zeros(problem.design.shape[1])
    cost = problem.cost(at)
    for _ in range(STEPS):
        gradient, sure = problem.gradient(at)
        if np.abs(gradient).max() <= TOLERANCE * len(problem.design):
            return at
        at, cost = _downhill(problem, at, cost, problem.step(gradient, sure))
    raise ArithmeticError(f"the logistic fit did not converge in {STEPS} steps")


def _downhill(problem: _Problem, at: Floats, cost: float, step: Floats) -> tuple[Floats, float]:
    """Halve a step until it does not lead uphill."""
    size = 1.0
    while size > 1e-6:
        there = at - size * step
        new = problem.cost(there)
        if new <= cost:
            return there, new
        size /= 2
    return at - size * step, cost
