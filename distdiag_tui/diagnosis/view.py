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
from distdiag_tui.diagnosis.levels import negligible, possible
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.naming import Among
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
OF_GATHERING: Final = "plan_cache_thrashing"
"""What a server seems to have that gathers statistics; what all then have alike comes from it, but COMMON."""
ALL_ALIKE: Final = "all servers alike"
SEVERAL_ALIKE: Final = "several servers alike"


@dataclass(frozen=True, slots=True)
class View:
    """Effects (S, F), their scores (S, K), NaN but for those that alarm, and who is sick of its own (S).

    `among`: see `naming.Alarm`; `shared`: whether all who alarm have it alike.
    `common` are the effects (S, F) of all that there is, if all who alarm have something beside their own.
    `negligible` (S, K): see `naming.Alarm`. `alike` says how many have it. `writing` (S) are those that write
    out their memstore.
    """

    effects: Floats
    scores: Floats
    negligible: Flags
    culprits: Flags
    among: Among
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
    many = bool(rows) and len(rows) >= most
    shared = many and not culprits[rows].any()
    common = None
    if many and not shared and _common_sign(change[rows], metrics):
        whole = effects_of(own, local, change, shared=True)
        common = whole if _common_cause(whole[rows], judge) else None
    effects = effects_of(own, local, change, shared=shared)
    alone = len(effects) == 1
    scores = np.full((len(effects), len(judge.causes)), np.nan)
    values = metrics.untame(look.tamed[rows])
    scores[rows] = judge.scores(effects[rows]) * possible(metrics, judge.causes, values)
    no_trouble = np.zeros(scores.shape, dtype=np.bool_)
    if not alone:  # by itself nothing is told from other causes well enough to be silent on it
        no_trouble[rows] = negligible(metrics, judge.causes, values)
        if look.gathering_since >= 0:
            no_trouble[rows] |= [c != COMMON if shared else c == OF_GATHERING for c in judge.causes]
    return View(
        effects=effects,
        scores=scores,
        negligible=no_trouble,
        culprits=culprits,
        among="none" if alone else "many" if many and len(rows) > 1 else "few",
        shared=shared,
        common=common,
        alike="" if len(rows) < 2 else ALL_ALIKE if len(rows) == len(culprits) else SEVERAL_ALIKE,
        writing=_writing(look, most, metrics),
    )


def _common_sign(change: Floats, metrics: MetricSet) -> bool:
    """Whether several machines say plainly what COMMON is known by; changes (R, M)."""
    if len(change) < 2 or COMMON_SIGN not in metrics.names:
        return False
    return bool((change[:, metrics.index(COMMON_SIGN)] >= COMMON_CHANGE).all())


def _common_cause(effects: Floats, judge: Judge) -> bool:
    """Whether all of these (R, F) may have COMMON."""
    if COMMON not in judge.causes:
        return False
    return bool((judge.scores(effects)[:, judge.causes.index(COMMON)] >= judge.least).all())


def _writing(look: Look, most: float, metrics: MetricSet) -> Flags:
    """Who writes out its memstore (S): all, if that many do, for they use the same disks."""
    if HELD not in metrics.names:
        return np.zeros(len(look.scores), dtype=np.bool_)
    writing: Flags = look.change[:, metrics.index(HELD)] < WRITTEN
    return np.asarray(writing | (writing.sum() >= most))
