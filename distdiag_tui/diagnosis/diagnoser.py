"""From values to findings, tick by tick: detect, tell the culprit from its victims, name the cause.

It reads no clock and asks nobody: the same frames give the same findings, live, in a replay, or in an
evaluation. Shapes: S servers, M metrics, F effects, K causes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.course import Course, effects_of
from distdiag_tui.diagnosis.detect import Detector, Look
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.diagnosis.local import local_part
from distdiag_tui.diagnosis.metricset import MetricSet, console_metrics
from distdiag_tui.diagnosis.naming import PASSING_TICKS, Alarm, Namer
from distdiag_tui.diagnosis.outright import Outright
from distdiag_tui.diagnosis.peers import others_median
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.diagnosis.rules import KINDS, Rules
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.diagnosis.signs import DAY_ONE
from distdiag_tui.diagnosis.silence import DOWN, Listener, Silence
from distdiag_tui.diagnosis.supposing import Supposing
from distdiag_tui.diagnosis.usual import Usual
from distdiag_tui.diagnosis.view import COMMON, View, view_of
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.findings import UNKNOWN, Diagnosis, Evidence, Finding, LoadChange
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.snapshot import Table, Totals, Values
from distdiag_tui.model.topology import Layout, Server, Subject

SHOWN: Final = 5
"""Metrics of a finding's evidence, and other causes that it could be."""
OWN: Final = 0.6
"""The score over what is not shared with the others, of a server that is sick itself."""
RETURNING: Final = 15
BACK: Final = 2
"""Ticks that a server has to get back to its usual: one that was started anew, and one that was silent."""
GAP: Final = 600.0
GAP_TICKS: Final = 30
"""Seconds, and ticks, that nobody looked: after more of both the time before is another one."""
MOST_INFLUENCE: Final = 16
"""Servers that alarm, and others beside each, whose likeness is told."""
UNLIKE: Final = 0.6
KNOWN: Final = 1.4
LIKENESS: Final = 1.6
"""By how much a score counts of what looks like no cause at all, and at most; how much likeness adds."""

NO_TOTALS: Final[Mapping[str, Totals]] = {}

Heat = dict[tuple[str, str], float]


class Diagnoser:
    """To be fed with every tick's servers and values. `model` is the judge's name, "" for rules."""

    def __init__(
        self,
        judge: Judge | None = None,
        *,
        metrics: MetricSet | None = None,
        settings: Settings | None = None,
        model: str = "",
    ) -> None:
        self._metrics = metrics or console_metrics()
        self._places = [METRIC_INDEX[name] for name in self._metrics.names if name in METRIC_INDEX]
        self.judge: Judge = judge or Rules(self._metrics, DAY_ONE)
        self._settings = settings or Settings()
        self._model = model
        self._namer = Namer(self.judge)
        self._listener = Listener()
        self._names: tuple[str, ...] = ()
        self._time = math.inf
        self._detector = Detector(self._metrics, 0, self._settings)
        self._course = Course(0, len(self._metrics.names), self._settings.patience + 60)
        self._look: Look | None = None
        self._others: tuple[int, Floats] | None = None
        self._held: dict[int, list[Finding]] = {}
        self._back: dict[str, int] = {}
        self._down: set[str] = set()
        self._supposing = Supposing(self._metrics, self._settings.young)
        self._outright = Outright(self._metrics)
        self._found_at: tuple[Mapping[Subject, int], list[tuple[str, str]], NDArray[np.intp]] | None = None

    def feed(
        self,
        time: float,
        interval: float,
        servers: Sequence[Server],
        values: Mapping[Subject, Values],
        layout: Layout | None = None,
        totals: Mapping[str, Totals] = NO_TOTALS,
        hosts: Mapping[str, Totals] = NO_TOTALS,
    ) -> Diagnosis:
        """What is found at this tick; `layout` is what the cluster says of itself.

        From the running totals of servers and of their `hosts`, by server, it supposes what one was like that
        is seen for the first time.
        """
        unseen = self._wake(time, interval)
        silent = self._listener.hear(servers, time, interval)
        self._arrange(tuple(server.name for server in servers), self._restarted(silent))
        rows = self._rows(servers, values, {each.server.name for each in silent})
        look = self._look = self._detector.feed(rows, self._plausible)
        self._course.go_on(time, look)
        if (supposed := self._supposing.meet(time, servers, totals, hosts)) is not None:
            self._detector.suppose(*supposed)
        findings = self._outright.find(time, servers, rows, silent, layout)
        told = {each.key for each in findings}
        sick, heat = self._sick(servers, look)
        self._doubt(look, {each.server for each in sick})
        findings += [each for each in sick if each.key not in told]
        findings.sort(key=lambda each: (-each.confidence, -each.strength, each.server))
        since = self._course.time(look.load_since)
        warm = look.warm[look.warm > 0]  # who never answers cannot be learned
        return Diagnosis(
            time=time,
            findings=tuple(replace(each, rank=number) for number, each in enumerate(findings, 1)),
            scores=dict(zip(self._names, look.scores.tolist(), strict=True)),
            heat=heat,
            influence=self._influence(look),
            load_change=None if look.load == 1.0 else LoadChange(since, look.load),
            gathering=None if look.gathering_since < 0 else self._course.time(look.gathering_since),
            warm=float(warm.min()) if warm.size else 0.0,
            false_alarms=look.false_alarms * 3600 / interval / self._settings.hits,
            model=self._model,
            interval=interval,
            unseen=unseen,
        )

    def begin_with(self, usual: Mapping[str, Values]) -> None:
        """What servers were like before, by name: metrics of the catalogue (M', n), newest last.

        So what was wrong already is found, and nobody has to wait until it is known what is usual.
        """
        known = {row: usual[name] for row, name in enumerate(self._names) if name in usual}
        width = max((columns.shape[1] for columns in known.values()), default=0)
        something = np.zeros(width, dtype=np.bool_)
        for columns in known.values():
            something[width - columns.shape[1] :] |= np.isfinite(columns).any(axis=0)
        there = np.flatnonzero(something)
        if len(there) < self._settings.least:
            return
        count = min(len(there), self._settings.memory)
        chosen = there[np.linspace(0, len(there) - 1, count).astype(np.intp)]
        rows = np.full((count, len(self._names), len(self._metrics.names)), np.nan)
        for row, columns in known.items():
            at = chosen - (width - columns.shape[1])
            rows[at >= 0, row, : len(self._places)] = columns[self._places][:, at[at >= 0]].T
        self._detector.begin_with(rows)

    def remember(self, usual: Usual) -> None:
        """What servers were like at another time: supposed of those that are seen for the first time."""
        self._supposing.remember(usual)

    def correct(self, usual: Usual) -> None:
        """What servers were like before, told after they were met: it goes before what is only supposed."""
        if self._look is not None:
            self._detector.forget(np.flatnonzero(self._look.supposed).tolist())
        self._supposing.begin_anew(usual)

    def usual(self) -> Usual:
        """What is known for long enough to be remembered."""
        centre, spread, ticks = self._detector.learned()
        rows = np.flatnonzero(ticks >= self._settings.worth)
        return Usual(
            self._course.time(self._detector.tick),
            tuple(self._names[row] for row in rows),
            self._metrics.names,
            self._metrics.untame(centre[rows]),
            spread[rows],
        )

    def judge_like(self, other: Diagnoser) -> None:
        """Name causes as another one does, of the same metrics; what is usual stays known."""
        self.judge, self._model = other.judge, other._model
        self._namer, self._held = Namer(self.judge), {}

    def effects(self) -> Floats:
        """(S, F) at the last tick, as the judge is asked about them: what a model is to learn from."""
        if self._look is None:
            return np.zeros((0, len(KINDS) * len(self._metrics.names)))
        return self._view(self._look, np.flatnonzero(self._look.alarming).tolist()).effects

    def deviations(self) -> tuple[tuple[str, ...], tuple[str, ...], Floats]:
        """Servers, metrics, and (S, M): how far each is from its usual, in robust standard deviations."""
        rows = np.zeros((len(self._names), len(self._metrics.names))) if self._look is None else self._look.z
        return self._names, self._metrics.names, rows

    # -- what comes in ------------------------------------------------------------------------------

    def _restarted(self, silent: Sequence[Silence]) -> set[str]:
        """Those that are back after their process had ended."""
        gone = {each.server.name for each in silent}
        back = self._down - gone
        self._down = (self._down & gone) | {each.server.name for each in silent if each.cause == DOWN}
        return back

    def _arrange(self, names: tuple[str, ...], fresh: set[str]) -> None:
        """Servers come and go, and begin anew: the others keep their past."""
        if names == self._names and not fresh:
            return
        where = {name: row for row, name in enumerate(self._names) if name not in fresh}
        self._rearrange([where.get(name, -1) for name in names])
        self._names = names

    def _rearrange(self, rows: Sequence[int]) -> None:
        self._detector = self._detector.rearranged(rows)
        self._course = self._course.rearranged(rows)
        self._held = {}

    def _wake(self, time: float, interval: float) -> float:
        """After hours in which nobody looked, what was usual is only supposed, as after a start.

        How many seconds those were, 0 for none.
        """
        asleep, self._time = time - self._time, time
        if asleep <= max(GAP, GAP_TICKS * interval):
            return 0.0
        self._supposing.begin_anew(self.usual())
        self._rearrange([-1] * len(self._names))
        return asleep

    def _rows(self, servers: Sequence[Server], values: Mapping[Subject, Values], silent: set[str]) -> Floats:
        """(S, M); nothing of those that are silent, or were until just now."""
        rows = np.full((len(servers), len(self._metrics.names)), np.nan)
        figures, there = self._figures(servers, values)
        rows[:, : len(self._places)] = figures[:, self._places]
        latency = [math.nan if server.latency is None else server.latency for server in servers]
        rows[:, len(self._places)] = latency
        for row, name in enumerate(self._names):
            if name in silent:
                self._back[name] = RETURNING if name in self._down else BACK
                there[row] = False
            elif (wait := self._back.get(name, 0)) > 0:
                self._back[name] = wait - 1
                there[row] = False
        rows[~there] = np.nan
        return rows

    def _figures(self, servers: Sequence[Server], values: Mapping[Subject, Values]) -> tuple[Values, Flags]:
        """All that was measured of each (S, M), and of whom there is any: a table is looked up only once."""
        table = values if isinstance(values, Table) else Table.of(values)
        names = [(server.zone, server.name) for server in servers]
        if self._found_at is None or self._found_at[0] is not table.index or self._found_at[1] != names:
            at = np.array([table.index.get(Subject(*name), -1) for name in names], dtype=np.intp)
            self._found_at = table.index, names, at
        at = self._found_at[2]
        there: Flags = at >= 0
        there[there] = table.present[at[there]]
        figures = np.full((len(at), table.rows.shape[1]), np.nan, dtype=np.float32)
        figures[there] = table.rows[at[there]]
        return figures, there

    # -- what is found ------------------------------------------------------------------------------

    def _sick(self, servers: Sequence[Server], look: Look) -> tuple[list[Finding], Heat]:
        """Findings of servers that alarm, and how well each cause fits each of those."""
        alarming = np.flatnonzero(look.alarming).tolist()
        self._namer.keep(self._names[row] for row in alarming)
        self._held = {row: self._held[row] for row in alarming if row in self._held}
        if not alarming:
            return [], {}
        view = self._view(look, alarming)
        heat: Heat = {}
        for row in alarming:
            scores = view.scores[row].tolist()
            heat.update(((self._names[row], c), s) for c, s in zip(self.judge.causes, scores, strict=True))
            # what is nearly over is told as it was, and what is over not for the first time
            going = look.lately[row] or self._held.get(row)
            if going and look.scores[row] >= self._settings.release:
                self._held[row] = self._found(servers[row], row, look, view)
        return [finding for row in alarming for finding in self._held.get(row, [])], heat

    def _doubt(self, look: Look, found: set[str]) -> None:
        """Give up what was supposed of servers that alarm for it without a finding."""
        if look.supposed.any():
            alarming = [self._names[row] for row in np.flatnonzero(look.supposed & look.alarming)]
            wrong = self._supposing.doubted(alarming, found)
            self._detector.forget([self._names.index(name) for name in wrong])

    def _plausible(self, z: Floats, apart: Floats, change: Floats) -> Floats:
        """(R): see `detect.Plausible`; what several servers have alike may be known as well."""
        local = local_part(z, apart)
        alone, alike = (
            self.judge.scores(effects_of(z, local, change, shared=shared)).max(axis=-1)
            for shared in (False, True)
        )
        return np.asarray(np.clip(UNLIKE + LIKENESS * np.maximum(alone, alike), UNLIKE, KNOWN))

    def _view(self, look: Look, alarming: Sequence[int]) -> View:
        since_onset = self._course.since_onset(look, alarming)
        culprits: Flags = self._detector.rate(since_onset[1]) >= OWN
        return view_of(look, alarming, since_onset, culprits, self.judge, self._metrics)

    def _found(self, server: Server, row: int, look: Look, view: View) -> list[Finding]:
        """One finding for each cause, none of a server that is a victim."""
        lasted = look.tick - int(look.onset[row])
        if view.writing[row] and lasted < PASSING_TICKS:
            return []
        plain = Finding(
            server=server.name,
            zone=server.zone,
            cause=UNKNOWN,
            rank=0,
            confidence=0.0,
            calibrated=False,
            since=self._course.time(int(look.onset[row])),
            strength=float(look.scores[row]),
            said=self._supposing.words(server.name) if look.supposed[row] else "",
        )
        alike = replace(plain, said=plain.said or view.alike)
        found = []
        if view.shared or view.culprits[row]:
            found = self._own(alike if view.shared else plain, lasted, row, look, view)
        if view.common is not None and COMMON not in {each.cause for each in found}:
            effects, cause = view.common[row], self.judge.causes.index(COMMON)
            sure = self.judge.confidence(self.judge.scores(effects))
            found.append(self._caused(alike, cause, sure, row, look, effects))
        return found

    def _own(self, plain: Finding, lasted: int, row: int, look: Look, view: View) -> list[Finding]:
        """What is told of a server's effects, after so many ticks."""
        effects = view.effects[row]
        strength = float(look.steadily[row])
        scores, negligible = view.scores[row], view.negligible[row]
        alarm = Alarm(plain.server, effects, scores, negligible, lasted, strength, view.among)
        named = self._namer.name(alarm)
        if named is None:
            return []
        if not named.causes:
            return [replace(plain, evidence=self._evidence(row, look, np.abs(effects)))]
        return [self._caused(plain, cause, named.sure, row, look, effects) for cause in named.causes]

    def _caused(
        self, plain: Finding, cause: int, sure: Floats, row: int, look: Look, effects: Floats
    ) -> Finding:
        causes = self.judge.causes
        also = sorted(zip(causes, sure.tolist(), strict=True), key=lambda pair: -pair[1])
        return replace(
            plain,
            cause=causes[cause],
            confidence=float(sure[cause]),
            calibrated=self.judge.calibrated,
            evidence=self._evidence(row, look, self.judge.contributions(effects, cause)),
            also=tuple(pair for pair in also if pair[0] != causes[cause])[:SHOWN],
        )

    def _evidence(self, row: int, look: Look, share: Floats) -> tuple[Evidence, ...]:
        """The metrics that say most, by their `share` (M, or more of which the first M count)."""
        share = share[: len(self._metrics.names)]
        peers = self._metrics.untame(self._peers(look)[row])
        total = max(float(share[share > 0].sum()), 1e-9)
        usual = look.tamed[row] - look.change[row]
        usual[list(self._metrics.drifting)] = look.base[row]
        before = self._metrics.untame(usual)
        now = self._metrics.untame(look.tamed[row])
        chosen = [k for k in np.argsort(-share, kind="stable")[:SHOWN] if share[k] > 0]
        return tuple(
            Evidence(
                metric=self._metrics.names[k],
                before=float(before[k]),
                now=float(now[k]),
                deviation=float(look.z[row, k]),
                peers=float(peers[k]),
                share=float(share[k]) / total,
                since=self._course.time(int(self._course.left[row, k])),
            )
            for k in chosen
        )

    def _peers(self, look: Look) -> Floats:
        """The others' medians (S, M), once a tick: among many servers it takes milliseconds."""
        if self._others is None or self._others[0] != look.tick:
            self._others = look.tick, others_median(look.tamed)
        return self._others[1]

    def _influence(self, look: Look) -> dict[tuple[str, str], float]:
        """How alike the deviations of two servers are, where one of them alarms."""
        rows = np.flatnonzero(look.alarming)[:MOST_INFLUENCE]
        size = np.linalg.norm(look.z, axis=1)
        found = {}
        for row in rows:
            alike = look.z @ look.z[row] / np.maximum(size * size[row], 1e-9)
            others = np.argsort(-np.abs(alike), kind="stable")[: MOST_INFLUENCE + 1]
            found.update({(self._names[row], self._names[o]): float(alike[o]) for o in others if o != row})
        return found
