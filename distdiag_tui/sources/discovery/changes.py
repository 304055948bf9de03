"""What changed between two looks at a cluster, as events. Pure functions over what was known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from distdiag_tui.model.text import plain
from distdiag_tui.model.topology import Event, Happening, Member, Subject, TenantFacts, Unit
from distdiag_tui.sources.discovery.known import Known

MOST: Final = 100  # events of one look
_LATER: Final = 1.0  # s by which a start has to differ to be another one


def changes(before: Known, after: Known, time: float) -> tuple[Event, ...]:
    """Events at `time` (epoch s). A part that was told by another view, or not at all, has no changes."""
    found = [
        event
        for part, compare in _COMPARED
        if (view := after.answers.views.get(part)) is not None and view == before.answers.views.get(part)
        for event in compare(before, after, time)
    ]
    if len(found) <= MOST:
        return tuple(found)
    rest = f"{len(found) - MOST + 1} more changes"
    serious = sorted(found, key=lambda event: not event.serious)[: MOST - 1]
    return (*serious, Event(time, Subject(), Happening.HISTORY, rest))


def _servers(before: Known, after: Known, time: float) -> Iterator[Event]:
    old, new = before.layout.members, after.layout.members
    for name, member in new.items():
        if name in old:
            yield from _server(old[name], member, time)
        else:
            yield Event(time, _at(member), Happening.SERVER_ADDED, f"{_name(name)} was added")
    for name, member in old.items():
        if name not in new:
            yield Event(time, _at(member), Happening.SERVER_LEFT, f"{_name(name)} left", serious=True)


def _server(old: Member, new: Member, time: float) -> Iterator[Event]:
    name, subject = _name(new.server), _at(new)
    if old.state != new.state:
        text = f"{name}: {_name(old.state)} → {_name(new.state)}"
        yield Event(time, subject, Happening.SERVER_STATE, text, serious=new.state != "ACTIVE")
    if old.stopped != new.stopped:
        text = f"{name} was {'stopped' if new.stopped else 'started again'}"
        yield Event(time, subject, Happening.SERVER_STATE, text, serious=new.stopped)
    if old.started is not None and new.started is not None and new.started > old.started + _LATER:
        yield Event(time, subject, Happening.SERVER_RESTARTED, f"{name} restarted", serious=True)


def _zones(before: Known, after: Known, time: float) -> Iterator[Event]:
    old = {zone.name: zone for zone in before.layout.zones}
    new = {zone.name: zone for zone in after.layout.zones}
    for name in dict.fromkeys((*old, *new)):
        was, now = (zones[name].status if name in zones else "" for zones in (old, new))
        if name not in old:
            text = "was added"
        elif name not in new:
            text = "was removed"
        elif was != now:
            text = {"INACTIVE": "was stopped", "ACTIVE": "was started"}.get(
                now, f"{_name(was)} → {_name(now)}"
            )
        else:
            continue
        serious = now != "ACTIVE"
        yield Event(time, Subject(name), Happening.ZONE_STATE, f"zone {_name(name)} {text}", serious=serious)


def _tenants(before: Known, after: Known, time: float) -> Iterator[Event]:
    old = {tenant.id: tenant for tenant in before.layout.tenants if tenant.kind != "META"}
    new = {tenant.id: tenant for tenant in after.layout.tenants if tenant.kind != "META"}
    for number, tenant in new.items():
        if number in old:
            yield from _tenant(old[number], tenant, time)
        else:
            yield _tenant_event(tenant, Happening.TENANT_CHANGED, "was added", time)
    for number, tenant in old.items():
        if number not in new:
            yield _tenant_event(tenant, Happening.TENANT_CHANGED, "was dropped", time, serious=True)


def _tenant(old: TenantFacts, new: TenantFacts, time: float) -> Iterator[Event]:
    if old.name != new.name:
        yield _tenant_event(new, Happening.TENANT_CHANGED, f"was {_name(old.name)} before", time)
    if old.status != new.status:
        text = f"{_name(old.status)} → {_name(new.status)}"
        yield _tenant_event(new, Happening.TENANT_CHANGED, text, time, serious=new.status != "NORMAL")
    if old.role != new.role:
        text = f"{_name(old.role)} → {_name(new.role)}"
        yield _tenant_event(new, Happening.TENANT_ROLE, text, time, serious=True)
    if old.primary_zone != new.primary_zone:
        text = f"primary zone {_name(old.primary_zone)} → {_name(new.primary_zone)}"
        yield _tenant_event(new, Happening.TENANT_CHANGED, text, time)


def _compaction(before: Known, after: Known, time: float) -> Iterator[Event]:
    old = {tenant.id: tenant.merge.state for tenant in before.layout.tenants}
    for tenant in after.layout.tenants:
        was, now = old.get(tenant.id, tenant.merge.state), tenant.merge.state
        if was == now or tenant.kind == "META":
            continue
        text = {"COMPACTING": "compaction started", "IDLE": "compaction finished"}.get(
            now, f"compaction {now}"
        )
        bad = now in ("ERROR", "SUSPENDED")
        yield _tenant_event(tenant, Happening.COMPACTION, text, time, serious=bad)


def _units(before: Known, after: Known, time: float) -> Iterator[Event]:
    old = {unit.id: unit for unit in before.layout.units}
    new = {unit.id: unit for unit in after.layout.units}
    for number, unit in new.items():
        was = old.get(number)
        if was is None:
            yield _unit_event(unit, Happening.UNIT_CHANGED, f"was added on {_name(unit.server)}", time)
        elif was.server != unit.server:
            if was.server not in before.layout.members or unit.server not in after.layout.members:
                continue  # a server that has left goes by another name
            text = f"went from {_name(was.server)} to {_name(unit.server)}"
            yield _unit_event(unit, Happening.UNIT_MIGRATED, text, time)
        elif unit.source and not was.source:
            text = f"goes from {_name(unit.source)} to {_name(unit.server)}"
            yield _unit_event(unit, Happening.UNIT_MIGRATED, text, time)
        elif was.source and not unit.source:
            yield _unit_event(unit, Happening.UNIT_MIGRATED, f"has come to {_name(unit.server)}", time)
        elif was.shares.keys() == unit.shares.keys() and _limits(was) != _limits(unit):
            yield _unit_event(unit, Happening.UNIT_CHANGED, "has other limits", time)
    for number, unit in old.items():
        if number not in new:
            yield _unit_event(unit, Happening.UNIT_CHANGED, f"was removed from {_name(unit.server)}", time)


def _limits(unit: Unit) -> list[float | None]:
    return [share.limit for share in unit.shares.values()]


def _leaders(before: Known, after: Known, time: float) -> Iterator[Event]:
    """One event for all leaders of a tenant that went the same way."""
    moved: Counter[tuple[int, str, str]] = Counter()
    streams: dict[tuple[int, str, str], int] = {}
    for (tenant, stream), server in after.leaders.items():
        was = before.leaders.get((tenant, stream), server)
        if was != server:
            moved[tenant, was, server] += 1
            streams[tenant, was, server] = stream
    facts = {tenant.id: tenant for tenant in after.layout.tenants}
    for (tenant, was, server), count in moved.items():
        known = facts.get(tenant)
        if known is not None and known.kind == "META":
            continue
        title = _name(known.name) if known else f"tenant {tenant}"
        what = f"leader of log stream {streams[tenant, was, server]}" if count == 1 else f"{count} leaders"
        member = after.layout.members.get(server)
        subject = Subject() if member is None else Subject(member.zone, server, known.name if known else "")
        text = f"{title}: {what} moved from {_name(was)} to {_name(server)}"
        yield Event(time, subject, Happening.LEADER_MOVED, text)


_COMPARED: Final = (
    ("servers", _servers),
    ("zones", _zones),
    ("tenants", _tenants),
    ("compaction", _compaction),
    ("units", _units),
    ("leaders", _leaders),
)


def _tenant_event(
    tenant: TenantFacts, kind: Happening, text: str, time: float, *, serious: bool = False
) -> Event:
    subject = Subject(tenant=tenant.name)
    return Event(time, subject, kind, f"tenant {_name(tenant.name)}: {text}", serious=serious)


def _unit_event(unit: Unit, kind: Happening, text: str, time: float) -> Event:
    whose = f" of {_name(unit.tenant)}" if unit.tenant else ""
    subject = Subject(unit.zone, unit.server, unit.tenant)
    return Event(time, subject, kind, f"unit {unit.id}{whose} {text}")


def _at(member: Member) -> Subject:
    return Subject(member.zone, member.server)


def _name(text: str) -> str:
    return plain(text or "–", 60)
