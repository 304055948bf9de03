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
LEAST_VARIANCE: Final = 0.02
"""Of every feature within a class: more certainty than that is chance."""
RIDGE: Final = 30.0
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
    covariance = (1 - shrink) * covariance + np.diag(shrink * variance + LEAST_VARIANCE)
    size, axes = np.linalg.eigh(covariance)
    return np.asarray(axes / np.sqrt(size))


def fit(features: Floats, labels: Flags, white: Floats | None = None, *, ridge: float = RIDGE) -> Linear:
    """To (N, F) and (N, K). Yes and no weigh the same in each class, however many there are of each.

    `white`: see `whitener`, else that of these examples. The result is the only minimum, so always the same.
    """
    white = whitener(features, labels) if white is None else white
    middle = features.mean(axis=0)
    spread = (features - middle) @ white
    # a ridge solution lies in the span of the examples: with few of them that is a small problem
    left, size, right = np.linalg.svd(spread, full_matrices=False)
    inner = np.column_stack([left * size, np.ones(len(features))])
    found = np.stack([_newton(inner, labels[:, klass], ridge) for klass in range(labels.shape[1])])
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


def _newton(design: Floats, labels: Flags, ridge: float) -> Floats:
    """The last column of the design is the constant, which pays no ridge."""
    weight = balance(labels)
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0.0
    at = np.zeros(design.shape[1])
    cost = _cost(design, labels, weight, penalty, at)
    for _ in range(STEPS):
        chance = logistic(design @ at)
        gradient = design.T @ (weight * (chance - labels)) + penalty * at
        if np.abs(gradient).max() <= TOLERANCE * len(design):
            return at
        curve = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        curve[np.diag_indices_from(curve)] += penalty + 1e-9
        step = np.asarray(np.linalg.solve(curve, gradient), dtype=np.float64)
        at, cost = _line_search(design, labels, weight, penalty, at, cost, step)
    raise ArithmeticError(f"the logistic fit did not converge in {STEPS} steps")


def _line_search(
    design: Floats, labels: Flags, weight: Floats, penalty: Floats, at: Floats, cost: float, step: Floats
) -> tuple[Floats, float]:
    """Halve a Newton step until it does not lead uphill."""
    size = 1.0
    while size > 1e-6:
        there = at - size * step
        new = _cost(design, labels, weight, penalty, there)
        if new <= cost:
            return there, new
        size /= 2
    return at - size * step, cost


def _cost(design: Floats, labels: Flags, weight: Floats, penalty: Floats, at: Floats) -> float:
    score = design @ at
    loss = np.logaddexp(0.0, np.where(labels, -score, score))
    return float(weight @ loss + 0.5 * penalty @ at**2)
