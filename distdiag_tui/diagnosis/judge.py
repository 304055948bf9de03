"""Who names causes: day-one rules, or a trained model."""

from __future__ import annotations

from typing import Protocol

from distdiag_tui.model.arithmetic import Floats


class Judge(Protocol):
    """Shapes: F effects, see `rules.as_effects`, of M metrics; K causes.

    Below a score of `least` none is named; `further` is what one more cause of the same server must reach.
    """

    @property
    def causes(self) -> tuple[str, ...]: ...
    @property
    def calibrated(self) -> bool: ...
    @property
    def least(self) -> float: ...
    @property
    def further(self) -> float: ...

    def scores(self, effects: Floats) -> Floats:
        """(..., F) to (..., K), 0 to 1."""
        ...

    def beside(self, effects: Floats, scores: Floats) -> Floats:
        """What becomes of the scores (..., K) of these effects, as causes beside another one."""
        ...

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects (F) less those that the cause explains."""
        ...

    def contributions(self, effects: Floats, cause: int) -> Floats:
        """(M): what each metric gives to the score."""
        ...

    def confidence(self, scores: Floats) -> Floats:
        """Scores (K) of one server as probabilities, or as what stands for them."""
        ...
