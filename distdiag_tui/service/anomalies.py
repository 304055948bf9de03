"""Anomalies as a person asks for them: show what would be done, inject, stop, and see that all of it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from distdiag_tui.anomalies import launch
from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.dose import LONGEST, Dose
from distdiag_tui.anomalies.entry import Anomaly, Means
from distdiag_tui.anomalies.injection import Injection, Injections, refuse_together
from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.lab import state as lab
from distdiag_tui.ledger import new_name
from distdiag_tui.model.errors import AnomalyError, ConfigError, LabError, RefusedError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.text import MOST_NAMED, several

if TYPE_CHECKING:
    from distdiag_tui.anomalies.chaos.leftovers import Leftover
    from distdiag_tui.model.topology import Server

log = logging.getLogger(__name__)

BEAT_EVERY: Final = 1.0
STOP_SECONDS: Final = 45.0
"""Patience with one that was told to stop, on top of what its kind needs: a node may have to start."""
UNDO_EVERY: Final = 5.0
"""Seconds between two supervisors for one orphan: it may be that they die at their start."""


class Anomalies:
    """The anomalies of one cluster, and the supervisors started here. `longest`: seconds one may last."""

    def __init__(self, target: Target, ledger: Injections | None = None, longest: float = LONGEST) -> None:
        self.target = target
        self.ledger = ledger or Injections()
        self._longest = longest
        self._minders: dict[str, launch.Minder] = {}
        self._met: tuple[Endpoint, ...] = ()

    # -- where --------------------------------------------------------------------------------------

    @property
    def servers(self) -> dict[str, Endpoint]:
        """By name, or else address: those that were named, then those that were discovered.

        An OBProxy is none: nobody knows which server gets what is sent there.
        """
        proxied = self.target.proxied and self._met
        known = self._met if proxied else (*self.target.endpoints, *self._met)
        found: dict[str, Endpoint] = {}
        for each in known:
            found.setdefault(each.name or each.address, each)
        return found

    def find(self, server: str) -> Endpoint | None:
        """By name or address; "" stands for the only one."""
        known = self.servers
        if not server:
            return next(iter(known.values())) if len(known) == 1 else None
        return known.get(server) or next((e for e in known.values() if e.address == server), None)

    def endpoint(self, server: str) -> Endpoint:
        """The same; ConfigError if there is none."""
        if (found := self.find(server)) is None:
            what = f"there is no server {server!r} in {self.target.cluster}" if server else "on which server?"
            raise ConfigError(f"{what}; there are: {several(list(self.servers), MOST_NAMED)}")
        return found

    def meet(self, servers: Iterable[Server]) -> None:
        """These were discovered. The nodes of a lab are no cluster, and all of them named."""
        if self.target.home is not None:
            return
        named = {each.address for each in self.target.endpoints}
        found = [each for each in servers if each.address not in named]
        if [each.address for each in self._met] != [each.address for each in found]:
            names = ("" if each.name == each.address else each.name for each in found)
            self._met = tuple(
                Endpoint.at(each.address, name, each.zone) for each, name in zip(found, names, strict=True)
            )

    # -- what can be asked for ----------------------------------------------------------------------

    def possible(self, anomaly: Anomaly) -> list[Means]:
        """The means that fit this cluster, whether or not what they need is installed."""
        return [means for means in anomaly.means if self._fits(means)]

    def lacking(self, anomaly: Anomaly) -> str:
        """Why it cannot be made on this cluster, "" if it can."""
        try:
            self._means(anomaly, "")
        except ConfigError as error:
            return str(error)
        return ""

    def forbidden(self) -> str:
        """Why nothing may be injected here, "" if it may."""
        name = self.target.cluster
        if self.target.production:
            return f"{name} is a production cluster: nothing is injected there"
        if self.target.home is None and not self.target.allow_anomalies:
            return f"anomalies are for the lab; on {name} only once its profile says allow_anomalies = true"
        return ""

    def check(self, doses: Sequence[Dose], scenario: str = "") -> list[Injection]:
        """The injections as they would be entered. RefusedError by a safety rule, else ConfigError."""
        if why := self.forbidden():
            raise RefusedError(why)
        now = time.time()
        return [self._record(dose, now, scenario) for dose in doses]

    async def plan(self, doses: Sequence[Dose]) -> list[tuple[Injection, list[str]]]:
        """Each injection, and exactly what it would do, a line each; changes nothing. Errors as `inject`."""
        refuse_together(records := self.check(doses))
        return [(record, await record.means.create(self._site(record)).plan()) for record in records]

    # -- what goes on -------------------------------------------------------------------------------

    def inject(self, doses: Sequence[Dose], scenario: str = "") -> list[Injection]:
        """Enter all of them and start their supervisors; if one is refused, none is made.

        Errors as `check`, and AnomalyError if two would get in each other's way.

        They end when this process ends, or when nobody calls `beat` any more, unless they are released.
        """
        started: list[launch.Minder] = []
        refuse_together(records := self.check(doses, scenario))
        try:
            for record in records:
                started.append(launch.start(record, self._at(record), self.ledger))
                self._minders[record.id] = started[-1]
                log.info("%s: %s on %s", record.id, record.summary, self.target.cluster)
        except BaseException:
            for minder in started:
                minder.stop()
            raise
        return records

    def records(self) -> list[Injection]:
        """Those on this cluster's servers, whoever made them, the newest last."""
        return [record for record in self.ledger.records() if self._reaches(record)]

    def active(self) -> list[Injection]:
        """Those started here that go on, and end with us."""
        ours = [name for name, minder in list(self._minders.items()) if not minder.released]
        found = [self.ledger.look_up(name) for name in ours]
        return [record for record in found if record is not None and record.active]

    async def beat(self) -> None:
        """Let the supervisors know that we are there, for ever."""
        while True:
            for name, minder in list(self._minders.items()):  # a thread may be adding one
                if minder.ended:
                    self._part(name)
                else:
                    minder.beat()
            await asyncio.sleep(BEAT_EVERY)

    def release(self) -> None:
        """Let ours go on until their time is over, though we leave."""
        for minder in list(self._minders.values()):
            minder.release()

    async def stop(self, names: Iterable[str]) -> list[Injection]:
        """End these, whoever made them; gives their last records.

        AnomalyError if one is not undone, after the others are.
        """
        records = [self.ledger.find(name) for name in names]
        found = await asyncio.gather(*map(self._stop, records), return_exceptions=True)
        wrong = [each for each in found if isinstance(each, BaseException)]
        if len(wrong) == 1 or not all(isinstance(each, AnomalyError) for each in wrong):
            raise wrong[0]
        if wrong:
            raise AnomalyError("; ".join(map(str, wrong)))
        return [each for each in found if isinstance(each, Injection)]

    def recover(self) -> list[Injection]:
        """Have undone what dead supervisors left, where it can be reached; returns at once."""
        found = []
        for record in self.ledger.records():
            target = self._target_of(record) if record.phase == "orphaned" else None
            if target is not None and self._undo(record, target):
                found.append(record)
        return found

    async def sweep(self, *, others: bool = False) -> tuple[list[Leftover], list[Leftover]]:
        """Delete what distdiag made with Chaos Mesh and no record here names; gives that, and what is left.

        Left alone is what other users and machines made, unless `others`. KubernetesError if it cannot be
        told, or if something stays.
        """
        if self.target.kube is None:
            return [], []
        from distdiag_tui.anomalies.chaos.leftovers import leftovers, remove  # noqa: PLC0415  an extra

        known = {record.id for record in self.ledger.records() if record.active}
        found = [each for each in await leftovers(self.target.kube) if each.mark.injection not in known]
        doomed = [each for each in found if each.ours or others]
        await remove(doomed)
        return doomed, [each for each in found if each not in doomed]

    def _part(self, name: str) -> None:
        """Let go of a supervisor that has ended, unless what it left is still ours to undo."""
        record = self.ledger.look_up(name)
        if record is None or not record.active:
            self._minders.pop(name).close()

    def _undo(self, record: Injection, target: Target) -> bool:
        """Have an orphan undone by a new supervisor; False if another one does so, or did."""
        if (minder := launch.undo(record, target, self.ledger)) is None:
            return False
        minder.release()
        self._minders[record.id] = minder
        return True

    async def _stop(self, record: Injection) -> Injection:
        end = time.monotonic() + STOP_SECONDS + record.means.lingers
        told, undo_at = False, 0.0
        while record.active and time.monotonic() < end:
            if record.phase == "orphaned":
                if (target := self._target_of(record)) is None:
                    raise AnomalyError(_elsewhere(record))
                if time.monotonic() >= undo_at:
                    undo_at = time.monotonic() + UNDO_EVERY
                    self._undo(record, target)
            else:
                told = told or self.ledger.stop(record)
            await asyncio.sleep(0.05)
            record = self.ledger.find(record.id)
        if record.active:
            raise AnomalyError(f"{record.label} is not undone: {record.message or record.phase}")
        log.info("%s is undone", record.label)
        return record

    # -- one injection ------------------------------------------------------------------------------

    def _fits(self, means: Means) -> bool:
        if means.needs == "lab":
            return self.target.home is not None
        return means.needs != "kubernetes" or self.target.kube is not None

    def _record(self, dose: Dose, now: float, scenario: str) -> Injection:
        anomaly, endpoint = find_anomaly(dose.anomaly), self.endpoint(dose.server)
        if not 1 <= dose.seconds <= self._longest:
            raise ConfigError(
                f"an injection lasts 1 to {self._longest:g} s (longest_anomaly), not {dose.seconds:g}"
            )
        if not 0 <= dose.start <= 86400:
            raise ConfigError(f"an injection begins within a day, not after {dose.start:g} s")
        means = self._means(anomaly, dose.injector)
        return Injection(
            id=new_name(anomaly.id),
            anomaly=anomaly.id,
            injector=means.injector,
            severity=dose.severity,
            cluster=self.target.cluster,
            server=endpoint.name,
            address=endpoint.address,
            values=dict(means.levels[dose.severity]),
            seconds=dose.seconds,
            started=now,
            begins=now + dose.start,
            home=str(self.target.home or ""),
            kube=dict(self.target.kube or {}),
            scenario=scenario,
        )

    def _means(self, anomaly: Anomaly, wanted: str) -> Means:
        """The wanted means, else the first one that fits and is installed."""
        known = {means.injector: means for means in anomaly.means}
        if wanted and wanted not in known:
            raise ConfigError(f"{anomaly.id} is made with {' or '.join(known)}, not {wanted!r}")
        fitting = [means for means in self.possible(anomaly) if wanted in ("", means.injector)]
        if not fitting:
            needs = " or ".join(sorted({_NEEDS[means.needs] for means in anomaly.means}))
            raise ConfigError(f"{wanted or anomaly.id} is not for {self.target.cluster}: it needs {needs}")
        ready = [means for means in fitting if not means.missing()]
        if not ready:
            raise ConfigError(f"{anomaly.id} needs what is not here: {fitting[0].missing()}")
        return ready[0]

    def _site(self, record: Injection) -> Site:
        target = self._at(record)
        return record.site(target.endpoints[0], target.user, target.password)

    def _target_of(self, record: Injection) -> Target | None:
        """How to reach the record's server: ours, or a lab of this machine, be it gone."""
        if self._reaches(record):
            return self._at(record)
        return lab_of(record) if record.home else None

    def _reaches(self, record: Injection) -> bool:
        """Whether it is on a server of this cluster, be it one that was discovered by another of us."""
        named = any(each.address == record.address for each in self.target.endpoints)
        return named or (not record.home and record.cluster == self.target.cluster)

    def _at(self, record: Injection) -> Target:
        """Its server, for an account there."""
        known = (*self.target.endpoints, *self._met)
        endpoint = next((each for each in known if each.address == record.address), None)
        return self.target.at(endpoint or Endpoint.at(record.address, record.server))


_NEEDS: Final = {"": "a server", "lab": "a lab node", "kubernetes": "Kubernetes, which the profile tells of"}


def _elsewhere(record: Injection) -> str:
    """An orphan's cluster has to be named, for its servers and its account."""
    name = record.cluster
    return f"{record.label} was left behind on {name}: distdiag anomaly stop-all {name} undoes it"


def lab_of(record: Injection) -> Target:
    """A lab as the target of one of its records, even if it was stopped or removed since."""
    try:
        target = lab.lab_target(Path(record.home))
    except LabError:
        target = Target(record.cluster, ())
    if any(endpoint.address == record.address for endpoint in target.endpoints):
        return target
    host, _, port = record.address.rpartition(":")
    gone = Endpoint(host, int(port), record.server)
    return replace(target, endpoints=(*target.endpoints, gone), home=Path(record.home))
