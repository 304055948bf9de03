"""How to look at servers that alarm: what of it is each one's own, and what they have in common.

Shapes: S servers, R of them that alarm, M metrics, F effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.course import effects_of
from distdiag_tui.diagnosis.detect import Look
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.model.arithmetic import Floats

SHARED: Final = 0.5
"""The share of the servers that must alarm for what is nobody's own to be told of all."""
COMMON: Final = "io_saturation"
COMMON_SIGN: Final = "host_disk_write_rt"
COMMON_CHANGE: Final = 2.0
"""What servers that share storage may have alike while one has trouble of its own as well. What one of them
does slows the others a little: the machines' own figures must say so, by 7 times as long a write."""
HELD: Final = "memstore_used"
WRITTEN: Final = -0.3
"""Whose memstore has shrunk by a quarter writes it out, as all do now and then: that is over in seconds."""
ALL_ALIKE: Final = "all servers alike"
SEVERAL_ALIKE: Final = "several servers alike"


@dataclass(frozen=True, slots=True)
class View:
    """Effects (S, F), who is sick of its own (S), and whether those that alarm all have it alike.

    `common` are the effects (S, F) of all that there is, if all who alarm have something beside their own.
    `alike` says how many have it. `writing` (S) are those that write out their memstore.
    """

    effects: Floats
    culprits: Flags
    shared: bool
    common: Floats | None
    alike: str
    writing: Flags


def view_of(
    look: Look,
    alarming: Sequence[int],
    since_onset: tuple[Floats, Floats, Floats],
    culprits: Flags,
    judge: Judge,
    metrics: MetricSet,
) -> View:
    """Of R servers `alarming`; see `Course.since_onset`, (S, M) each."""
    own, local, change = since_onset
    rows = list(alarming)
    most = SHARED * np.isfinite(look.scores).sum()
    many = len(rows) >= most
    shared = bool(rows) and many and not culprits[rows].any()
    whole = effects_of(own, local, change, shared=True)
    common = many and not shared and _in_common(whole[rows], change[rows], judge, metrics)
    return View(
        effects=whole if shared else effects_of(own, local, change, shared=False),
        culprits=culprits,
        shared=shared,
        common=whole if common else None,
        alike="" if len(rows) < 2 else ALL_ALIKE if len(rows) == len(culprits) else SEVERAL_ALIKE,
        writing=_writing(look, most, metrics),
    )


def _in_common(effects: Floats, change: Floats, judge: Judge, metrics: MetricSet) -> bool:
    """Whether servers (effects R, F, changes R, M) have COMMON alike."""
    if len(effects) < 2 or COMMON not in judge.causes or COMMON_SIGN not in metrics.names:
        return False
    plain = change[:, metrics.index(COMMON_SIGN)] >= COMMON_CHANGE
    return bool(plain.all() and (judge.scores(effects)[:, judge.causes.index(COMMON)] >= judge.least).all())


def _writing(look: Look, most: float, metrics: MetricSet) -> Flags:
    """Who writes out its memstore (S): all, if that many do, for they use the same disks."""
    if HELD not in metrics.names:
        return np.zeros(len(look.scores), dtype=np.bool_)
    writing: Flags = look.change[:, metrics.index(HELD)] < WRITTEN
    return np.asarray(writing | (writing.sum() >= most))
