"""Which servers are not as usual, tick by tick: a detector for any set of metrics, one server or many.

Shapes: S servers, M metrics, G groups. NaN is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.alarms import Alarms
from distdiag_tui.diagnosis.gathering import Gathering
from distdiag_tui.diagnosis.loadlevel import LoadLevel
from distdiag_tui.diagnosis.local import local_part
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.peers import others_median
from distdiag_tui.diagnosis.reference import Flags, Reference, taken_rows
from distdiag_tui.diagnosis.robust import middle, quantile
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.diagnosis.thresholds import Thresholds
from distdiag_tui.model.arithmetic import Floats

MOST: Final = 50.0
"""Robust standard deviations beyond which more says no more."""


Plausible = Callable[[Floats, Floats, Floats], Floats]
"""Of rows of z, of what is apart, and of changes (all R, M): by how much each one's score counts more (R)."""


@dataclass(frozen=True, slots=True)
class Look:
    """One tick's view.

    `tamed` (S, M): smoothed; `base` (S, D): of drifting metrics that of before. `change` (S, M): what is
    there less what is usual. `z` (S, M): the change in robust standard deviations. `apart` (S, M): the same
    of the difference to the other servers; for one server alone `z`, less what goes with a change of load.
    Both within ±MOST, 0 where unknown. `scores` (S): 1 is the threshold, NaN before there is one. `groups`
    (S, G): the same by group. `lately` (S): whether one of the last was at it, `steadily` (S): what none of
    the last few was below. `onset` (S): the tick that the alarm dates back to, -1 for none. `supposed` (S):
    what is usual is only supposed, see `Detector.suppose`. `warm` (S): what share is learned. `load` is the
    factor by which all servers' load changed alike, 1 for not at all, `load_since` its tick.
    `gathering_since`: the tick since which they gather statistics, -1 if they do not.
    `false_alarms`: the chance of a calm score beyond its threshold in a tick, over all servers.
    """

    tick: int
    tamed: Floats
    base: Floats
    change: Floats
    z: Floats
    apart: Floats
    scores: Floats
    groups: Floats
    lately: Flags
    steadily: Floats
    alarming: Flags
    onset: NDArray[np.intp]
    supposed: Flags
    warm: Floats
    load: float
    load_since: int
    gathering_since: int
    false_alarms: float


@dataclass(frozen=True, slots=True)
class Compared:
    """See `Look`: all (S, M). `difference`: to the peers' median, NaN without any."""

    change: Floats
    z: Floats
    apart: Floats
    difference: Floats


class Detector:
    """To be fed with every tick's values. Servers keep their row."""

    def __init__(self, metrics: MetricSet, servers: int, settings: Settings | None = None) -> None:
        self.metrics = metrics
        self.settings = settings or Settings()
        self.tick = -1
        self._servers = servers
        names = sorted(set(metrics.groups))
        self.groups: Sequence[str] = names
        self._members = [
            np.array([i for i, group in enumerate(metrics.groups) if group == name]) for name in names
        ]
        self._bad = np.array(metrics.bad)
        self._worth = np.ones(len(metrics.names))
        self._worth[list(metrics.moody)] = BETTER
        self._worth[list(metrics.quiet)] = 0.0
        shape = servers, len(metrics.names)
        self._usual = Reference(*shape, self.settings.memory, self.settings.least)
        self._usual_apart = Reference(*shape, self.settings.memory, self.settings.least)
        self._thresholds = Thresholds(servers, len(names) + 2)
        self._recent: list[Floats] = []
        self._levels: list[Floats] = []
        self._base = np.full((servers, len(metrics.drifting)), np.nan)
        self._alarms = Alarms(servers, self.settings)
        self._load = LoadLevel(metrics)
        self._gathering = Gathering(metrics)

    def feed(self, values: Floats, plausible: Plausible | None = None) -> Look:
        """The view of this tick; `values` (S, M), a row of NaN for a server that did not answer.

        `plausible` is asked about the few that might alarm.
        """
        self.tick += 1
        tamed = self._smoothed(self.metrics.tame(values))
        of_late, since_onset = self._undrifted(tamed)
        recent = self._compared(of_late)
        found = recent if of_late is since_onset else self._compared(since_onset)
        raw = self._scores(recent.z)
        supposed = self._usual.supposed
        busy = self._busy()
        load = self._load.go_on(self.tick, found.change, found.z, found.apart, ~supposed & busy)
        load_since = self._load.since
        if self._servers == 1 and load != 1.0:
            recent, found = self._beyond_load(recent, load), self._beyond_load(found, load)
        compare = supposed if load == 1.0 else np.ones_like(supposed)
        if compare.any():  # then what all servers have is no trouble
            raw[compare] = self._scores(local_part(recent.z, recent.apart))[compare]
        normal = raw / self._thresholds.limits
        scores = normal.max(axis=1)
        known = np.isfinite(found.change).any(axis=1)
        scores = np.where(known, scores, np.nan)
        scores = self._weighed(scores, found, plausible)
        scores[supposed] *= BELIEF
        self._alarms.go_on(self.tick, scores)
        there = np.asarray(np.isfinite(values).any(axis=1))
        if load == 1.0:
            self._learn(of_late, recent.difference, raw, scores, there)
        elif (moved := self._load.new_normal()) is not None:  # until then what is usual stays as it was
            self._usual.shift(self._without_trouble(moved, busy, load))
        return Look(
            self.tick,
            tamed,
            self._base,
            found.change,
            found.z,
            found.apart,
            scores,
            normal[:, 2:],
            self._alarms.lately,
            self._alarms.steadily,
            self._alarms.alarming.copy(),
            self._alarms.onset.copy(),
            self._usual.supposed,
            self._warm(),
            load,
            load_since,
            self._gathering.go_on(self.tick, found.change),
            self._thresholds.false_alarms,
        )

    def begin_with(self, past: Floats) -> None:
        """Take what others saw for what is usual: (N, S, M), spread over a while, N from `least` to `memory`.

        It is over spans that may be longer than a tick, so that a tick may be `ROUGH` beside it. Servers that
        alarm or are known well, and those of which that past knows too little, keep what they have.
        """
        view = self.metrics.tame(past)
        drifting = list(self.metrics.drifting)
        view[:, :, drifting] = np.where(np.isfinite(view[:, :, drifting]), 0.0, np.nan)
        known = np.isfinite(view).any(axis=2).sum(axis=0) >= self.settings.least
        better = self._usual.supposed | (~self._alarms.alarming & (self._usual.counts < self.settings.memory))
        which = known & better
        beside = np.where(np.arange(len(view)) % 2, ROUGH, -ROUGH)[:, None, None]
        self._usual.fill(view + beside, which)
        if self._servers > 1:
            self._usual_apart.fill(view - others_median(view) + beside, which)

    def suppose(self, means: Floats, spread: Floats) -> None:
        """Until more is known take these means for what is usual: (S, M), NaN rows of all others.

        They are of other times: `spread` (S, M, tame, NaN for unknown) is taken for larger than it is. Only
        what a server does not share with the others counts against it; for one alone its rates say little, as
        they differ by the time of day.
        """
        which = (
            np.isfinite(means).any(axis=1)
            & ~self._alarms.alarming
            & (self._usual.counts < self.settings.least)
        )
        view = self.metrics.tame(means)
        view[:, list(self.metrics.drifting)] = 0.0
        vague = np.full_like(view, VAGUE)
        if self._servers == 1:
            vague[:, list(self.metrics.rates)] = VAGUE_ALONE
        vague = np.fmax(vague, spread)
        self._usual.suppose(view, vague, which)
        if self._servers > 1:  # those that were met before, too: they have more others now
            known = self._usual.centre
            vague = np.fmax(vague, self._usual.spread)
            which = self._usual.supposed & ~self._alarms.alarming
            self._usual_apart.suppose(known - others_median(known), vague, which)

    def forget(self, rows: Sequence[int]) -> None:
        """What was supposed of these servers, and that they alarm for it."""
        for reference in (self._usual, self._usual_apart):
            reference.forget(rows)
        self._alarms.forget(rows)

    def learned(self) -> tuple[Floats, Floats, NDArray[np.intp]]:
        """Medians and spreads (S, M), both tame, and of how many ticks they are (S), see `Reference`.

        NaN for drifting metrics: their level means nothing.
        """
        centre, spread = self._usual.centre.copy(), self._usual.spread.copy()
        for values in (centre, spread):
            values[:, list(self.metrics.drifting)] = np.nan
        return centre, spread, self._usual.counts

    def rate(self, z: Floats) -> Floats:
        """(S): the score that deviations (S, M) would give, 1 at the threshold."""
        return np.asarray((self._scores(z) / self._thresholds.limits).max(axis=1))

    def rearranged(self, rows: Sequence[int]) -> Detector:
        """For other servers: these rows of the ones before, -1 for a new one."""
        new = Detector(self.metrics, len(rows), self.settings)
        new.tick = self.tick
        new._usual = self._usual.rearranged(rows)
        new._usual_apart = self._usual_apart.rearranged(rows)
        new._thresholds = self._thresholds.rearranged(rows)
        new._alarms = self._alarms.rearranged(rows)
        new._load = self._load.rearranged(rows)
        new._gathering = self._gathering
        new._recent = [taken_rows(each, rows) for each in self._recent]
        new._levels = [taken_rows(each, rows) for each in self._levels]
        new._base = taken_rows(self._base, rows)
        return new

    def _busy(self) -> Flags:
        """(S): those that have a fair share of the load; what others do says nothing about it."""
        usual = self._usual.centre[:, list(self.metrics.load)]
        if not usual.size:
            return np.ones(self._servers, dtype=np.bool_)
        most = np.fmax.reduce(usual, axis=0)
        idle: Flags = (usual < most - IDLE).any(axis=1)
        return ~idle

    def _beyond_load(self, compared: Compared, load: float) -> Compared:
        """The same, for one server alone apart from what goes with the load."""
        beyond = compared.change - self._load.follows(compared.change, load)
        return replace(compared, apart=_bounded(beyond / self._usual.spread))

    def _without_trouble(self, moved: Floats, busy: Flags, load: float) -> Floats:
        """The move of load (S, M) alone: one that alarms may have moved by what is wrong with it as well."""
        well = busy & ~self._alarms.alarming
        if not well.any():
            return self._load.follows(moved, load) if self._servers == 1 else moved
        return np.where(self._alarms.alarming[:, None], quantile(moved[well].T, 0.5), moved)

    def _smoothed(self, tamed: Floats) -> Floats:
        """The median of the last ticks: one tick alone is nothing."""
        self._recent = [*self._recent[-self.settings.smooth + 1 :], tamed]
        if len(self._recent) == 1:
            return tamed
        return middle(self._recent)

    def _undrifted(self, tamed: Floats) -> tuple[Floats, Floats]:
        """With drifting metrics as their change of late, and as that since before the alarm."""
        columns = list(self.metrics.drifting)
        if not columns:
            return tamed, tamed
        now = tamed[:, columns]
        if not self._levels:
            self._base = now
        before = self._levels[0] if self._levels else now
        self._levels = [*self._levels[-self.settings.lag + 1 :], now]
        self._base = np.where(self._alarms.alarming[:, None] & np.isfinite(self._base), self._base, before)
        of_late, since_onset = tamed.copy(), tamed.copy()
        of_late[:, columns] = now - before
        since_onset[:, columns] = now - self._base
        return of_late, since_onset

    def _compared(self, view: Floats) -> Compared:
        """With the server's own past, and with its peers."""
        change = self._beyond(view, self._usual.centre)
        z = _bounded(change / self._usual.spread)
        if self._servers == 1:
            return Compared(change, z, z, np.full_like(view, np.nan))
        difference = view - others_median(view)
        apart = self._beyond(difference, self._usual_apart.centre) / self._usual_apart.spread
        return Compared(change, z, _bounded(apart), difference)

    def _beyond(self, view: Floats, centre: Floats) -> Floats:
        """How far it is from what is usual: of what usually fills or empties it is no news that it rests."""
        change = view - centre
        columns = list(self.metrics.drifting)
        moved, usual = view[:, columns], centre[:, columns]
        change[:, columns] = moved - np.clip(moved, np.minimum(usual, 0.0), np.maximum(usual, 0.0))
        return change

    def _scores(self, z: Floats) -> Floats:
        """(S, 2 + G): over all metrics, of the plainest one, then by group."""
        weights = self._weights(z)
        size = np.minimum(np.abs(z), ENOUGH) * weights
        found = [top_mean(size, self.settings.top), (np.abs(z) * weights).max(axis=1, initial=0.0) / PLAINEST]
        found += [top_mean(size[:, members], self.settings.group_top) for members in self._members]
        return np.stack(found, axis=1)

    def _weights(self, z: Floats) -> Floats:
        """How much a deviation counts: one to the better is hardly trouble."""
        if not self._bad.size:
            return np.broadcast_to(self._worth, z.shape)
        weights = np.where(self._bad == 0, OPEN, np.where(np.sign(z) == self._bad, 1.0, BETTER))
        weights *= self._worth
        return weights

    def _weighed(self, scores: Floats, found: Compared, plausible: Plausible | None) -> Floats:
        """What looks like something known counts for more, and what looks like nothing for less."""
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(scores >= DOUBTFUL)
        if plausible is None or not rows.size:
            return scores
        weighed = scores.copy()
        weighed[rows] *= plausible(found.z[rows], found.apart[rows], found.change[rows])
        return weighed

    def _learn(self, view: Floats, difference: Floats, raw: Floats, scores: Floats, there: Flags) -> None:
        """What is calm is usual from now on; the rest only when it has lasted long enough."""
        with np.errstate(invalid="ignore"):
            calm = there & ~self._alarms.alarming & ~(scores >= 1.0)
        # what is known for a minute does not make ten minutes unusual
        patience = np.minimum(self.settings.patience, 3 * self._usual.counts + self.settings.least)
        patience[self._usual.supposed] = self.settings.patience // 3
        old = self._alarms.alarming & (self.tick - self._alarms.onset > patience)
        which = calm | (old & there)
        self._usual.put(view, which)
        self._usual_apart.put(difference, which)
        self._thresholds.put(raw, calm & np.isfinite(scores))

    def _warm(self) -> Floats:
        """(S): how much of what is to be learned is known; a server in trouble does not learn."""
        learned = np.minimum(1.0, self._usual.counts / self.settings.least)
        return np.where(self._usual.supposed & self._alarms.alarming, 1.0, learned)


IDLE: Final = 2.0
"""Tame: a server that usually has an eighth of the load of the busiest one, or less, is idle beside it."""
DOUBTFUL: Final = 0.6
"""Scores from which on it is worth while to ask what they look like."""
ENOUGH: Final = 8.0
"""What one metric can give to a score: alone it is hardly an alarm, for single figures have their moods,"""
PLAINEST: Final = 6.0
"""unless it is so many times further away."""
OPEN: Final = 0.7
BETTER: Final = 0.3
ROUGH: Final = 0.1
"""Tame: a tenth more or less."""
BELIEF: Final = 0.75
"""What a score counts for where what is usual is only supposed."""
VAGUE: Final = 0.2
VAGUE_ALONE: Final = 2.0
"""Tame: the spread of what is supposed, and that of the rates of a server without others beside it."""


def _bounded(z: Floats) -> Floats:
    return np.clip(np.nan_to_num(z, nan=0.0, posinf=MOST, neginf=-MOST), -MOST, MOST)


def top_mean(size: Floats, count: int) -> Floats:
    """The mean of the `count` largest along the last axis."""
    width = size.shape[1]
    if width <= count:
        return np.asarray(size.mean(axis=1))
    return np.asarray(np.partition(size, width - count, axis=1)[:, width - count :].mean(axis=1))
