"""From values to findings, tick by tick: detect, tell the culprit from its victims, name the cause.

It reads no clock and asks nobody: the same frames give the same findings, live, in a replay, or in an
evaluation. Shapes: S servers, M metrics, K causes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from distdiag_tui.diagnosis.compound import explain
from distdiag_tui.diagnosis.detect import Detector, Look, Settings
from distdiag_tui.diagnosis.levels import Full, full_ones
from distdiag_tui.diagnosis.local import local_part
from distdiag_tui.diagnosis.metricset import MetricSet, console_metrics
from distdiag_tui.diagnosis.peers import others_median
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.diagnosis.rules import KINDS, Rules, as_effects
from distdiag_tui.diagnosis.signs import SIGNS
from distdiag_tui.diagnosis.silence import DOWN, Listener, Silence
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.findings import UNKNOWN, Diagnosis, Evidence, Finding, LoadChange
from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Values
from distdiag_tui.model.topology import Server, Subject


class Judge(Protocol):
    """Names causes of effects: day-one rules, or a trained model. Shapes: F effects, see `as_effects`.

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

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects (F) less those that the cause explains."""
        ...

    def contributions(self, effects: Floats, cause: int) -> Floats:
        """(M): what each metric gives to the score."""
        ...

    def confidence(self, scores: Floats) -> Floats:
        """Scores (K) of one server as probabilities, or as what stands for them."""
        ...


MOST_CAUSES: Final = 3
STICKY: Final = 0.05
"""So much better must another cause be than the one that was named before."""
SHOWN: Final = 5
"""Metrics of a finding's evidence, and other causes that it could be."""
OWN: Final = 0.6
"""The score over what is not shared with the others, of a server that is sick itself."""
RETURNING: Final = 15
BACK: Final = 2
"""Ticks that a server has to get back to its usual: one that was started anew, and one that was silent."""
RECENT: Final = 10
"""Ticks that effects are the median of, as far back as the onset."""
OUT: Final = 3.0
"""Deviation from which on a metric has left its band."""
PLAIN_ENOUGH: Final = 0.4
HASTY: Final = 5
"""What is less sure than that waits for so many ticks before it is told."""
PASSING: Final = frozenset({"major_compaction"})
PASSING_TICKS: Final = 7
"""Servers write out what they hold in memory now and then, for a few seconds: that is no news."""
STRANGE: Final = 2.0
STRANGE_TICKS: Final = 10
"""How far and how long a server must deviate before that is told without a cause."""


class Diagnoser:
    """To be fed with every tick's servers and values."""

    def __init__(
        self,
        judge: Judge | None = None,
        *,
        metrics: MetricSet | None = None,
        settings: Settings | None = None,
        model: str = "",
    ) -> None:
        self._metrics = metrics or console_metrics()
        self.judge: Judge = judge or Rules(self._metrics, SIGNS)
        self._settings = settings or Settings()
        self._model = model
        self._listener = Listener()
        self._names: tuple[str, ...] = ()
        self._detector = Detector(self._metrics, 0, self._settings)
        self._times: dict[int, float] = {}
        self._look: Look | None = None
        self._others: tuple[int, Floats] | None = None
        self._past: deque[tuple[Floats, Floats, Floats]] = deque(maxlen=RECENT)
        self._left = np.empty((0, 0), dtype=np.intp)
        self._named: dict[str, str] = {}
        self._held: dict[int, list[Finding]] = {}
        self._back: dict[str, int] = {}
        self._down: set[str] = set()
        self._full_since: dict[tuple[str, str], float] = {}

    def feed(
        self, time: float, interval: float, servers: Sequence[Server], values: Mapping[Subject, Values]
    ) -> Diagnosis:
        """What is found at this tick."""
        silent = self._listener.hear(servers, time, interval)
        self._arrange(tuple(server.name for server in servers), self._restarted(silent))
        rows = self._rows(servers, values, {each.server.name for each in silent})
        look = self._detector.feed(rows)
        self._look = look
        self._remember(time, look)
        findings = [_of_silence(each) for each in silent]
        findings += self._full(time, servers, full_ones(self._metrics, rows))
        told = {each.key for each in findings}
        sick, heat = self._sick(servers, look)
        findings += [each for each in sick if each.key not in told]
        findings.sort(key=lambda each: (-each.confidence, -each.strength, each.server))
        return Diagnosis(
            time=time,
            findings=tuple(replace(each, rank=number) for number, each in enumerate(findings, 1)),
            scores=dict(zip(self._names, look.scores.tolist(), strict=True)),
            heat=heat,
            influence=self._influence(look),
            load_change=None if look.load == 1.0 else LoadChange(self._time(look.load_since), look.load),
            warm=float(look.warm.min()) if look.warm.size else 0.0,
            false_alarms=look.false_alarms * 3600 / interval / self._settings.hits,
            model=self._model,
        )

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
        rows = [where.get(name, -1) for name in names]
        self._detector = self._detector.rearranged(rows)
        self._past.clear()
        self._held = {}
        self._left = np.full((len(names), len(self._metrics.names)), -1, dtype=np.intp)
        self._names = names

    def _rows(self, servers: Sequence[Server], values: Mapping[Subject, Values], silent: set[str]) -> Floats:
        """(S, M); nothing of those that are silent, or were until just now."""
        rows = np.full((len(servers), len(self._metrics.names)), np.nan)
        for row, server in enumerate(servers):
            if server.name in silent:
                self._back[server.name] = RETURNING if server.name in self._down else BACK
            elif (wait := self._back.get(server.name, 0)) > 0:
                self._back[server.name] = wait - 1
            elif (found := values.get(Subject(server.zone, server.name))) is not None:
                rows[row, : len(METRIC_IDS)] = found
                rows[row, len(METRIC_IDS)] = math.nan if server.latency is None else server.latency
        return rows

    def _remember(self, time: float, look: Look) -> None:
        self._times[look.tick] = time
        if len(self._times) > self._settings.patience + 60:
            del self._times[min(self._times)]
        self._past.append((look.z, local_part(look.z, look.apart), look.change))
        out = np.abs(look.z) > OUT
        self._left = np.where(out, np.where(self._left < 0, look.tick, self._left), -1)

    def _time(self, tick: int) -> float:
        return self._times.get(tick, math.nan)

    # -- what is found ------------------------------------------------------------------------------

    def _full(self, time: float, servers: Sequence[Server], full: Iterable[Full]) -> list[Finding]:
        """Findings of what is beyond its limit."""
        found = {(servers[each.row].name, each.cause): each for each in full}
        self._full_since = {key: self._full_since.get(key, time) for key in found}
        return [_of_level(servers[each.row], each, self._full_since[key]) for key, each in found.items()]

    def _sick(
        self, servers: Sequence[Server], look: Look
    ) -> tuple[list[Finding], dict[tuple[str, str], float]]:
        """Findings of servers that alarm, and how well each cause fits each of those."""
        alarming = np.flatnonzero(look.alarming).tolist()
        for name in set(self._named) - {self._names[row] for row in alarming}:
            del self._named[name]
        self._held = {row: held for row, held in self._held.items() if look.alarming[row]}
        if not alarming:
            return [], {}
        all_effects, culprits, shared = self._view(look, alarming)
        findings, heat = [], {}
        for row in alarming:
            effects = all_effects[row]
            scores = self.judge.scores(effects)
            heat.update(
                {(self._names[row], c): float(s) for c, s in zip(self.judge.causes, scores, strict=True)}
            )
            if look.scores[row] >= self._settings.release:
                told = shared or culprits[row]
                self._held[row] = (
                    self._named_causes(servers[row], row, look, effects, shared=shared) if told else []
                )
            findings += self._held.get(row, [])  # what is over, or nearly, is told as it was
        return findings, heat

    def effects(self) -> Floats:
        """(S, F) at the last tick, as the judge is asked about them: what a model is to learn from."""
        if self._look is None:
            return np.zeros((0, len(KINDS) * len(self._metrics.names)))
        return self._view(self._look, np.flatnonzero(self._look.alarming).tolist())[0]

    def _view(self, look: Look, alarming: Sequence[int]) -> tuple[Floats, Flags, bool]:
        """Effects (S, F), who is sick of its own (S), and whether that is nobody."""
        own, local, change = self._since_onset(look, alarming)
        culprits: Flags = self._detector.rate(local) >= OWN
        shared = bool(alarming) and not culprits[list(alarming)].any()
        if shared:
            return as_effects(own, change), culprits, shared
        share = np.abs(local) / np.maximum(
            np.abs(own), 1e-9
        )  # of the change, what is not the others' as well
        return as_effects(local, change * np.minimum(share, 1.0)), culprits, shared

    def _since_onset(self, look: Look, alarming: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """Deviations (S, M), what of them is not shared, and changes, as they are since the onset."""
        views = look.z.copy(), local_part(look.z, look.apart), look.change.copy()
        for row in alarming:
            ticks = max(1, min(len(self._past), look.tick - int(look.onset[row]) - 1))
            recent = list(self._past)[-ticks:]
            for view, past in zip(views, zip(*recent, strict=True), strict=True):
                view[row] = np.median([each[row] for each in past], axis=0)
        return views

    def _named_causes(
        self, server: Server, row: int, look: Look, effects: Floats, *, shared: bool
    ) -> list[Finding]:
        """One finding for each cause that explains a part of the effects."""
        scores = self.judge.scores(effects)
        sure = self.judge.confidence(scores)
        lasted = look.tick - int(look.onset[row])
        if server.name not in self._named and sure.max() < PLAIN_ENOUGH and lasted < HASTY:
            return []
        first = self._choose(server.name, scores)
        if first >= 0 and self.judge.causes[first] in PASSING and lasted < PASSING_TICKS:
            return []
        if first < 0:
            if look.scores[row] < STRANGE or lasted < STRANGE_TICKS:
                return []
            return [self._finding(server, row, look, effects, UNKNOWN, shared=shared)]
        found, told = explain(self.judge, effects, [first], further=self.judge.further, most=MOST_CAUSES)
        sure = self.judge.confidence(told)
        return [
            self._finding(server, row, look, effects, self.judge.causes[k], sure, shared=shared)
            for k in found
        ]

    def _choose(self, server: str, scores: Floats) -> int:
        """The likeliest cause, -1 for none; not another one at every tick."""
        best = int(scores.argmax())
        if (before := self._named.get(server)) in self.judge.causes:
            old = self.judge.causes.index(before)
            if scores[old] >= self.judge.least and scores[best] < scores[old] + STICKY:
                best = old
        if scores[best] < self.judge.least:
            return -1
        self._named[server] = self.judge.causes[best]
        return best

    def _finding(
        self,
        server: Server,
        row: int,
        look: Look,
        effects: Floats,
        cause: str,
        sure: Floats | None = None,
        *,
        shared: bool,
    ) -> Finding:
        causes = self.judge.causes
        if sure is None:
            share = np.abs(effects[: len(self._metrics.names)])
        else:
            share = self.judge.contributions(effects, causes.index(cause))
        also = sorted(zip(causes, [] if sure is None else sure.tolist(), strict=False), key=lambda c: -c[1])
        return Finding(
            server=server.name,
            zone=server.zone,
            cause=cause,
            rank=0,
            confidence=0.0 if sure is None else float(sure[causes.index(cause)]),
            calibrated=self.judge.calibrated and sure is not None,
            since=self._time(int(look.onset[row])),
            strength=float(look.scores[row]),
            evidence=self._evidence(row, look, share),
            also=tuple(each for each in also if each[0] != cause)[:SHOWN],
            said="all servers alike" if shared and len(self._names) > 1 else "",
        )

    def _evidence(self, row: int, look: Look, share: Floats) -> tuple[Evidence, ...]:
        """The metrics that say most."""
        peers = self._metrics.untame(self._peers(look)[row])
        total = max(float(share[share > 0].sum()), 1e-9)
        before = self._metrics.untame(look.tamed[row] - look.change[row])  # of drifting ones the level then
        now = self._metrics.untame(look.tamed[row])
        chosen = [k for k in np.argsort(-share, kind="stable")[:SHOWN] if share[k] > 0]
        return tuple(
            Evidence(
                self._metrics.names[k],
                float(before[k]),
                float(now[k]),
                float(look.z[row, k]),
                float(peers[k]),
                float(share[k]) / total,
                self._time(int(self._left[row, k])),
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


MOST_INFLUENCE: Final = 16
SURE: Final = 0.97


def _of_silence(silence: Silence) -> Finding:
    server = silence.server
    return Finding(
        server.name,
        server.zone,
        silence.cause,
        0,
        SURE,
        False,
        silence.since,
        MOST_STRENGTH,
        said=silence.words,
    )


MOST_STRENGTH: Final = 10.0


def _of_level(server: Server, full: Full, since: float) -> Finding:
    evidence = Evidence(full.metric, math.nan, full.value, math.nan, math.nan, 1.0, since)
    return Finding(
        server=server.name,
        zone=server.zone,
        cause=full.cause,
        rank=0,
        confidence=SURE,
        calibrated=False,
        since=since,
        strength=full.value / full.limit,
        evidence=(evidence,),
        said=f"more than {full.limit:g} %",
    )
