"""One tick: sample, compute, store, publish."""

from distdiag_tui.engine.engine import Engine
from distdiag_tui.engine.rates import LONGEST_STEP

__all__ = ["LONGEST_STEP", "Engine"]
