"""Signed rules: how well what moves on a server fits what is known of each cause. Needs no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.model.arithmetic import Floats

DOUBTED: Final = 0.4
"""The share of a score that is left to a cause that lacks what it needs."""
DENYING: Final = 0.6
"""How plainly a metric must speak against a cause to rule it out beside another one."""
TOLD: Final = 0.5
"""The score of a cause whose telling sign is there."""
PLAIN: Final = 0.45
"""An effect of this size is as plain as one can be."""
OF_PROCESS: Final = "proc_"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Of causes, by name. `signs`: weights by metric, below 0 for one that falls, see `signs.py`.

    `needs`: a sign that a cause cannot be there without. `denied`: a metric whose rise speaks against it.
    `brings`: 1 for metrics that rise with a cause, -1 for those that fall, though they are no sign of it:
    and so are none of another one beside it. `tells`: a sign that says it by itself. `adds`: one that does
    so only beside another cause. `shown`: signs of which one must be there where the server's process is
    looked at, as its metrics, `OF_PROCESS`, tell by having moved at all.
    """

    signs: Mapping[str, Mapping[str, float]]
    needs: Mapping[str, str] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)
    brings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tells: Mapping[str, str] = field(default_factory=dict)
    adds: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Marks:
    """P pairs of a cause and a metric, as rows and columns, and which way the metric goes with the cause."""

    causes: NDArray[np.intp]
    metrics: NDArray[np.intp]
    ways: Floats

    def there(self, signed: Floats) -> Floats:
        """(..., P), 0 to 1: how plainly each is there, in effects (..., M) where 1 is as plain as can be."""
        return np.maximum(signed[..., self.metrics] * self.ways, 0.0)


class Rules:
    """K causes over M metrics. Of effects (see `as_effects`) only the deviations, the first M, count here."""

    calibrated = False
    least = 0.15
    further = 0.22

    def __init__(self, metrics: MetricSet, known: Knowledge) -> None:
        self.causes = tuple(known.signs)
        self._weights, brings = np.zeros((2, len(known.signs), len(metrics.names)))
        for table, entries in ((self._weights, known.signs), (brings, known.brings)):
            for cause, moves in entries.items():
                for name, weight in moves.items():
                    table[self.causes.index(cause), metrics.index(name)] = weight
        self._explains = np.where(self._weights == 0, brings, self._weights)
        self._rising, self._falling = (self._weights > 0).T.astype(float), (self._weights < 0).T.astype(float)
        self._needs, self._denied, self._tells, self._adds = (
            self._marks(metrics, list(pairs.items()))
            for pairs in (known.needs, known.denied, known.tells, known.adds)
        )
        self._shown = [
            self._marks(metrics, [(cause, name) for name in names]) for cause, names in known.shown.items()
        ]
        self._process = [row for row, name in enumerate(metrics.names) if name.startswith(OF_PROCESS)]
        there = np.ones(len(metrics.names), dtype=np.bool_)
        there[list(metrics.beside)] = False  # they add to a score, and without them it is no smaller
        self._total = np.abs(self._weights[:, there]).sum(axis=1)

    def _marks(self, metrics: MetricSet, pairs: Sequence[tuple[str, str]]) -> _Marks:
        rows = np.array([self.causes.index(cause) for cause, _ in pairs], dtype=np.intp)
        columns = np.array([metrics.index(name) for _, name in pairs], dtype=np.intp)
        return _Marks(rows, columns, np.sign(self._weights[rows, columns]))

    def _signed(self, effects: Floats) -> Floats:
        """(..., F) to (..., M), -1 to 1: how plainly each metric moved, and which way."""
        return np.clip(effects[..., : self._weights.shape[1]] / PLAIN, -1.0, 1.0)

    def scores(self, effects: Floats) -> Floats:
        """(..., M) to (..., K), 0 to 1: how much of a cause is there, and of what is there is the cause's."""
        signed = self._signed(effects)
        right = signed @ self._weights.T / self._total
        own = np.maximum(signed, 0.0) @ self._rising - np.minimum(signed, 0.0) @ self._falling
        share = own / np.maximum(np.abs(signed).sum(axis=-1), 1.0)[..., None]
        scores: Floats = np.clip(right, 0.0, 1.0) * (0.25 + 0.75 * np.minimum(1.0, share))
        scores[..., self._needs.causes] *= DOUBTED + (1 - DOUBTED) * self._needs.there(signed)
        against = np.maximum(signed[..., self._denied.metrics], 0.0)
        scores[..., self._denied.causes] *= 1 - (1 - DOUBTED) * against
        watched = (signed[..., self._process] != 0).any(axis=-1)
        for one_of in self._shown:
            seen = np.minimum(1.0, 2 * one_of.there(signed).max(axis=-1))
            scores[..., one_of.causes[0]] *= np.where(watched, DOUBTED + (1 - DOUBTED) * seen, 1.0)
        return self._told(scores, signed, self._tells)

    def denied(self, effects: Floats) -> Flags:
        """(..., M) to (..., K): causes against which something speaks plainly."""
        signed = self._signed(effects)
        denied = np.zeros((*signed.shape[:-1], len(self.causes)), dtype=np.bool_)
        denied[..., self._denied.causes] = signed[..., self._denied.metrics] >= DENYING
        return denied

    def beside(self, effects: Floats, scores: Floats) -> Floats:
        """Scores (..., K) of effects (..., M), as causes beside another one."""
        signed = self._signed(effects)
        return self._told(scores.copy(), signed, self._adds)

    def _told(self, scores: Floats, signed: Floats, marks: _Marks) -> Floats:
        """Scores (..., K), those of causes whose sign says enough raised in place."""
        scores[..., marks.causes] = np.maximum(scores[..., marks.causes], TOLD * marks.there(signed))
        return scores

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects less those that the cause explains."""
        explains = self._explains[cause]
        explained = effects[: len(explains)] * explains > 0
        return np.where(np.tile(explained, len(effects) // len(explains)), 0.0, effects)

    def contributions(self, effects: Floats, cause: int) -> Floats:
        """(M) what each metric gives to the score of a cause; below 0 what speaks against it."""
        given: Floats = self._signed(effects) * self._weights[cause] / self._total[cause]
        return given

    def confidence(self, scores: Floats) -> Floats:
        """(K) to (K), 0 to 1: large where a cause fits well, and better than the next one. Not calibrated."""
        ordered = np.sort(scores)
        rivals = np.where(scores == ordered[-1], ordered[-2] if len(ordered) > 1 else 0.0, ordered[-1])
        lead = scores / np.maximum(scores + rivals, 1e-9)
        sure: Floats = np.minimum(0.95, 2 * lead * np.sqrt(np.clip(scores, 0.0, 1.0)) * lead)
        return sure


KINDS: Final = ("deviation", "change")
WIDEST: Final = 5.0
"""A change of the tamed value that is as large as one can be: 150 times as much."""


def as_effects(z: Floats, change: Floats) -> Floats:
    """(..., M) of both to (..., 2M), all -1 to 1: the signed log of robust deviations, and that of factors.

    How sure it is that something moved, and how far it did.
    """
    deviation = np.sign(z) * np.log1p(np.abs(z)) / np.log1p(50.0)
    return np.concatenate([deviation, np.clip(np.nan_to_num(change) / WIDEST, -1.0, 1.0)], axis=-1)
