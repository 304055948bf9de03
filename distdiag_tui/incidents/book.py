"""What becomes an incident, and what becomes of it: findings of each tick in, changed incidents out.

Pure: the only time is that of the ticks. Detection has its own hysteresis; here it is made sure that one
trouble is one incident, although its findings come and go and change their name.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from distdiag_tui.incidents.incident import Event, Incident, State
from distdiag_tui.model.findings import Diagnosis, Finding

TICKS: Final = 1.5
"""What the seconds below are at least: one tick alone says nothing, however long it takes."""
QUIET: Final = 10.0
"""Seconds without a finding until an incident is resolved; doubled with each time that it came back."""
REOPENS: Final = 60.0
"""Seconds after its end within which the same finding is the same incident again."""
YOUNG: Final = 10.0
"""Seconds from its opening in which another cause is a better name for it, and no incident of its own."""
SETTLE: Final = 3.0
"""Seconds that a further cause on a sick server must last before it is an incident of its own."""
UNSURE: Final = 600.0
"""Seconds after a start within which nothing of before is declared well while there is no reference yet."""
REMIND: Final = 30.0
"""Seconds after which an incident that goes on as before is worth writing down again."""

_MOST_PATIENT: Final = 4
_WORSE, _BETTER, _BETWEEN = 1.5, 0.5, 5.0  # factors of strength, and seconds between two such events


@dataclass(slots=True)
class _Watch:
    """What the book remembers of an open incident beside it. Times in epoch seconds.

    `level`: the strength that was told last, at `told`. `returns`: how often it was opened again. `closed`:
    when it ended for us, which is later than when it was seen last. `restored`: not seen in this run yet.
    """

    begun: float
    seen: float
    level: float
    told: float
    written: float
    returns: int = 0
    closed: float = 0.0
    restored: bool = False

    @property
    def patience(self) -> float:
        """By how much longer it takes until it is resolved."""
        return float(2 ** min(self.returns, _MOST_PATIENT))


def new_id() -> str:
    """A short name for an incident, such as inc-3f9c21."""
    return f"inc-{secrets.token_hex(3)}"


class Book:
    """The open incidents of a cluster, and those that have just ended.

    `known` are those of before. `alone` tells of a server whether it is no part of a full OceanBase.
    """

    def __init__(
        self,
        cluster: str,
        known: Iterable[Incident] = (),
        *,
        alone: Callable[[str], bool] = lambda _: False,
        name: Callable[[], str] = new_id,
    ) -> None:
        self.cluster = cluster
        self._alone = alone
        self._name = name
        self._open: dict[str, Incident] = {}
        self._ended: dict[str, Incident] = {}
        self._watches: dict[str, _Watch] = {}
        self._waiting: dict[tuple[str, str], float] = {}  # further causes of sick servers, since when
        self._changed: dict[str, Incident] = {}
        self._now, self._interval = 0.0, 1.0
        self._begun: float | None = None  # the first tick
        for incident in known:
            self._restore(incident)

    @property
    def open(self) -> tuple[Incident, ...]:
        """Worst first, those that somebody knows of last."""
        return tuple(sorted(self._open.values(), key=badness))

    def found(self, name: str) -> bool:
        """Whether the last tick found it."""
        watch = self._watches.get(name)
        return watch is not None and watch.seen == self._now

    def find(self, name: str) -> Incident | None:
        """The one of that id, if it is open or has just ended."""
        return self._open.get(name) or self._ended.get(name)

    def adopt(self, incident: Incident) -> None:
        """An open one of a keeper that has gone."""
        if incident.state == "open" and self.find(incident.id) is None:
            self._restore(incident)

    # -- a tick -------------------------------------------------------------------------------------

    def feed(self, diagnosis: Diagnosis) -> tuple[Incident, ...]:
        """Take in a tick; gives the incidents that changed in a way worth writing down."""
        if diagnosis.unseen:
            self._skip(diagnosis.unseen)
        self._now, self._interval = diagnosis.time, diagnosis.interval
        if self._begun is None:
            self._begun = self._now
        self._forget()
        left = {finding.key: finding for finding in diagnosis.findings}
        for incident in list(self._open.values()):
            if (finding := left.pop(incident.key, None)) is not None:
                self._see(incident, finding)
        for finding in left.values():
            self._take_in(finding)
        self._waiting = {key: since for key, since in self._waiting.items() if key in left}
        self._settle(diagnosis.scores, young=self._now - self._begun < UNSURE)
        return self._flush()

    def _skip(self, seconds: float) -> None:
        """A time in which nobody looked is none in which nothing was found; then it is as after a start."""
        self._begun = None
        for name in self._open:
            watch = self._watches[name]
            watch.seen, watch.restored = watch.seen + seconds, True

    def _see(self, incident: Incident, finding: Finding) -> None:
        """It was found again."""
        watch = self._watches[incident.id]
        watch.seen, watch.restored = self._now, False
        changed = replace(
            incident, finding=finding, zone=finding.zone, worst=max(incident.worst, finding.strength)
        )
        kind = self._course(watch, finding.strength)
        if kind:
            watch.level, watch.told = finding.strength, self._now
            self._tell(changed, kind, f"strength {finding.strength:.1f}")
        elif (
            self._now - watch.written >= REMIND or abs(finding.confidence - incident.finding.confidence) > 0.2
        ):
            self._write(replace(changed, updated=self._now))
        else:
            self._open[incident.id] = replace(changed, updated=self._now)

    def _course(self, watch: _Watch, strength: float) -> str:
        if self._now - watch.told < _BETWEEN:
            return ""
        if strength >= watch.level * _WORSE:
            return "worse"
        return "better" if strength <= watch.level * _BETTER else ""

    def _take_in(self, finding: Finding) -> None:
        """A finding that no open incident is about."""
        others = [each for each in self._open.values() if each.server == finding.server]
        renamed = next((each for each in others if self._nameless(each)), None)
        if (ended := self._recent(finding)) is not None:
            self._reopen(ended, finding)
        elif renamed is not None:
            self._rename(renamed, finding)
        elif others and self._now - self._waiting.setdefault(finding.key, self._now) < self._span(SETTLE):
            return
        else:
            self._begin(finding)
        self._waiting.pop(finding.key, None)

    def _nameless(self, incident: Incident) -> bool:
        """Whether it is young, and not found under its name in this tick."""
        watch = self._watches[incident.id]
        return watch.seen < self._now and self._now - watch.begun <= self._span(YOUNG)

    def _recent(self, finding: Finding) -> Incident | None:
        same = [each for each in self._ended.values() if each.state == "resolved" and each.key == finding.key]
        return max(same, key=lambda each: self._watches[each.id].closed, default=None)

    def _begin(self, finding: Finding) -> None:
        incident = Incident(
            id=self._name(),
            cluster=self.cluster,
            server=finding.server,
            zone=finding.zone,
            cause=finding.cause,
            state="open",
            opened=finding.since if finding.since <= self._now else self._now,  # NaN: not known
            updated=self._now,
            finding=finding,
            worst=finding.strength,
            alone=self._alone(finding.server),
        )
        now = self._now
        self._watches[incident.id] = _Watch(now, now, finding.strength, now, now)
        self._tell(incident, "opened", _sure(finding))

    def _rename(self, incident: Incident, finding: Finding) -> None:
        watch = self._watches[incident.id]
        watch.seen, watch.restored = self._now, False
        incident = replace(
            incident, cause=finding.cause, finding=finding, worst=max(incident.worst, finding.strength)
        )
        self._tell(incident, "cause", f"likelier now: {finding.cause}, {_sure(finding)}")

    def _reopen(self, incident: Incident, finding: Finding) -> None:
        del self._ended[incident.id]
        now, watch = self._now, self._watches[incident.id]
        watch.seen, watch.level, watch.told = now, finding.strength, now
        watch.returns, watch.restored = watch.returns + 1, False
        incident = replace(
            incident, state="open", ended=None, finding=finding, worst=max(incident.worst, finding.strength)
        )
        self._tell(incident, "reopened", _sure(finding))

    def _settle(self, scores: Mapping[str, float], *, young: bool) -> None:
        """End what was not found for long enough.

        While this run is `young` diagnosis may not find again what goes on since before, of a server without
        its reference: one that has no score.
        """
        for incident in list(self._open.values()):
            watch = self._watches[incident.id]
            unsure = young and watch.restored and math.isnan(scores.get(incident.server, math.nan))
            if unsure or self._now - watch.seen < watch.patience * self._span(QUIET):
                continue
            host = None if watch.seen - watch.begun > self._span(YOUNG) else self._host(incident)
            if host is None:
                self._end(incident, "resolved", f"not found for {self._now - watch.seen:.0f} s")
            else:
                # a second name for the same trouble, gone as soon as it came
                self._end(replace(incident, into=host.id), "merged", f"into {host.id}, {host.cause}")

    def _host(self, incident: Incident) -> Incident | None:
        others = (each for each in self._open.values() if each.server == incident.server and each != incident)
        return min((each for each in others if self.found(each.id)), key=badness, default=None)

    def _end(self, incident: Incident, state: State, words: str) -> None:
        watch = self._watches[incident.id]
        watch.closed = self._now
        ended = replace(incident, state=state, ended=watch.seen)
        self._tell(ended, state, words)

    def join(self, other: Incident) -> None:
        """What people wrote to one of ours: their lines, and that they know of it."""
        mine = self.find(other.id)
        if mine is None:
            return
        for event in other.timeline:
            mine = mine.with_event(event)
        self._place(replace(mine, acknowledged=mine.acknowledged or other.acknowledged))

    # -- bookkeeping --------------------------------------------------------------------------------

    def _span(self, seconds: float) -> float:
        return max(seconds, TICKS * self._interval)

    def _restore(self, incident: Incident) -> None:
        """One of before. When it was seen last is all that is known of its time since."""
        returns = sum(event.kind == "reopened" for event in incident.timeline)
        seen, strength = incident.updated, incident.finding.strength
        self._watches[incident.id] = _Watch(
            incident.opened, seen, strength, seen, seen, returns, seen, restored=True
        )
        self._place(incident)

    def _tell(self, incident: Incident, kind: str, words: str) -> None:
        event = Event(self._now, kind, words)
        self._write(replace(incident, updated=self._now).with_event(event))

    def _write(self, incident: Incident) -> None:
        self._watches[incident.id].written = self._now
        self._changed[incident.id] = incident
        self._place(incident)

    def _place(self, incident: Incident) -> None:
        here, there = self._open, self._ended
        if incident.state != "open":
            here, there = there, here
        there.pop(incident.id, None)
        here[incident.id] = incident

    def _forget(self) -> None:
        for incident in list(self._ended.values()):
            if self._now - self._watches[incident.id].closed > self._span(REOPENS):
                del self._ended[incident.id], self._watches[incident.id]

    def _flush(self) -> tuple[Incident, ...]:
        changed, self._changed = tuple(self._changed.values()), {}
        return changed


def badness(incident: Incident) -> tuple[bool, float, int, str]:
    """Sorts the worst first, those that somebody knows of last."""
    return incident.acknowledged, -incident.finding.strength, incident.finding.rank, incident.id


def _sure(finding: Finding) -> str:
    return f"{100 * finding.confidence:.0f} %{'' if finding.calibrated else ', uncalibrated'}"
