"""What the cluster tells of a selection, as a few facts and its resources against their limits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from distdiag_tui.model.text import duration, figure, several
from distdiag_tui.model.topology import Share, Status, Subject
from distdiag_tui.ui.facts import Fact
from distdiag_tui.ui.scene import server_of
from distdiag_tui.ui.shares import RESOURCES
from distdiag_tui.ui.standing import state_of

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Layout, Member, Server, TenantFacts, Unit

CALM: Final = ("", "IDLE")  # states of a compaction that nobody need know of
MANY: Final = 3  # of anything that is listed by name


@dataclass(frozen=True, slots=True)
class Told:
    """Facts as name and words; those without a name are what is wrong."""

    facts: Sequence[Fact]
    shares: Mapping[str, Share] = field(default_factory=dict)


def told_of(snapshot: Snapshot, layout: Layout, subject: Subject) -> Told:
    """Of a tenant on a server, a server, a tenant, a zone, or the cluster."""
    server = server_of(snapshot, subject) if subject.server else None
    if server is not None and subject.tenant:
        return _of_unit(layout, subject)
    if server is not None:
        return _of_server(snapshot, layout, server)
    if subject.tenant:
        return _of_tenant(layout, subject.tenant)
    return _of_servers(snapshot, layout, subject)


def units_of(layout: Layout, subject: Subject) -> list[Unit]:
    """Those that lie in it."""
    return [
        unit
        for unit in layout.units
        if all(not wanted or wanted == has for wanted, has in (
            (subject.zone, unit.zone), (subject.server, unit.server), (subject.tenant, unit.tenant)))
    ]  # fmt: skip


def _of_server(snapshot: Snapshot, layout: Layout, server: Server) -> Told:
    member = layout.members.get(server.name)
    age = f" {duration(server.age)}" if server.age is not None and not server.status.answers else ""
    states = [f"{server.status.value}{age}"]
    facts: list[Fact] = []
    if member is not None:
        states += [state_of(member) or member.state, "rootserver" if member.rootserver else ""]
    facts.append(("status", ", ".join(filter(None, states))))
    if server.detail:
        facts.append(("", server.detail))
    facts.append(("address", server.address))
    if member is None:
        return Told(facts)
    mine = units_of(layout, Subject(server.zone, server.name))
    leaders = "" if member.leaders is None else f", {member.leaders} leaders"
    facts += [
        ("version", member.version),
        ("started", _ago(member.started, snapshot.time)),
        ("clock", offset_words(member.clock_offset)),
        ("oldest tx", _ago(member.oldest_transaction, snapshot.time)),
        ("units", f"{len(mine)}{leaders}"),
        ("merge", member.merge.state.lower()),
    ]
    return Told(_known(facts), member.shares)


def _of_unit(layout: Layout, subject: Subject) -> Told:
    here = units_of(layout, subject)
    tenant = next((each for each in layout.tenants if each.name == subject.tenant), None)
    facts: list[Fact] = [
        ("tenant", _kind(tenant)),
        ("unit", ", ".join(str(unit.id) for unit in here)),
        ("status", ", ".join(sorted({unit.status for unit in here if unit.status}))),
        ("pool", ", ".join(sorted({unit.pool for unit in here if unit.pool}))),
        ("coming", ", ".join(f"from {unit.source}" for unit in here if unit.source)),
        ("leaders", str(tenant.leaders.get(subject.server, 0)) if tenant is not None else ""),
    ]
    return Told(_known(facts), summed(unit.shares for unit in here))


def _of_tenant(layout: Layout, name: str) -> Told:
    tenant = next((each for each in layout.tenants if each.name == name), None)
    here = units_of(layout, Subject(tenant=name))
    if tenant is None:
        return Told([])
    leaders = sum(tenant.leaders.values())
    facts: list[Fact] = [
        ("tenant", _kind(tenant)),
        ("status", tenant.status),
        ("leaders", f"{leaders} on {sum(map(bool, tenant.leaders.values()))} servers" if leaders else ""),
        ("units", f"{len(here)} in {len({unit.zone for unit in here})} zones" if here else ""),
        ("compaction", tenant.merge.state.lower()),
        ("primary", tenant.primary_zone),
        ("locality", tenant.locality),
    ]
    return Told(_known(facts), summed(unit.shares for unit in here))


def _of_servers(snapshot: Snapshot, layout: Layout, subject: Subject) -> Told:
    """A zone, or the cluster."""
    servers = [each for each in snapshot.servers if subject.zone in ("", each.zone)]
    members = [layout.members[each.name] for each in servers if each.name in layout.members]
    zone = next((each for each in layout.zones if each.name == subject.zone), None)
    known = [member.leaders for member in members if member.leaders is not None]
    clocks = [member.clock_offset for member in members if member.clock_offset is not None]
    units = units_of(layout, subject)
    leaders = f", {sum(known)} leaders" if known else ""
    facts: list[Fact] = []
    if zone is not None:
        facts.append(("zone", ", ".join(filter(None, (zone.status, zone.region, zone.idc)))))
    facts += [
        *_counts(servers, members),
        ("version", several(sorted({member.version for member in members if member.version}), MANY)),
        ("clocks", _spread(clocks)),
        ("units", f"{len(units)}{leaders}" if units or known else ""),
    ]
    if zone is None:
        facts += [
            ("tenants", _tenants(layout)),
            ("compacting", several([t.name for t in layout.tenants if t.merge.state not in CALM], MANY)),
            ("account", f"sees only tenant {layout.tenant}" if layout.tenant else ""),
            ("not seen", f"{len(layout.missing)} parts, see i" if layout.missing else ""),
        ]
    return Told(_known(facts), summed(member.shares for member in members))


def _known(facts: Iterable[Fact]) -> list[Fact]:
    return [(name, words) for name, words in facts if words]


def _kind(tenant: TenantFacts | None) -> str:
    if tenant is None:
        return ""
    return ", ".join(filter(None, (tenant.role, f"{tenant.kind.lower()} tenant" if tenant.kind else "")))


def _ago(started: float | None, now: float) -> str:
    if started is None:
        return ""
    return f"{duration(max(0.0, now - started))} ago, {time.strftime('%m-%d %H:%M', time.localtime(started))}"


def offset_words(seconds: float | None) -> str:
    """How a clock differs from the console's.

    >>> offset_words(None), offset_words(0.184), offset_words(-2.5), offset_words(0.0)
    ('', '184 ms ahead', '2.50 s behind', 'as here')
    """
    if seconds is None:
        return ""
    if abs(seconds) < 5e-4:
        return "as here"
    return f"{' '.join(figure(abs(seconds), 's'))} {'ahead' if seconds > 0 else 'behind'}"


def _spread(clocks: Sequence[float]) -> str:
    """Of many clocks."""
    if not clocks:
        return ""
    apart = max(clocks) - min(clocks)
    return f"within {' '.join(figure(apart, 's'))}" if apart >= 5e-4 else "alike"


def _counts(servers: Sequence[Server], members: Sequence[Member]) -> list[Fact]:
    """How many there are, and how many are not up or not active."""
    silent = Counter(server.status.value for server in servers if server.status is not Status.UP)
    states = Counter(state for member in members if (state := state_of(member)))
    up = len(servers) - silent.total()
    return [
        ("servers", f"{len(servers)}, {'all' if up == len(servers) else up} up"),
        ("not up", ", ".join(f"{count} {word}" for word, count in silent.most_common())),
        ("state", ", ".join(f"{count} {word}" for word, count in states.most_common())),
    ]


def _tenants(layout: Layout) -> str:
    kept = [each for each in layout.tenants if each.kind != "META"]
    standby = sum(each.role == "STANDBY" for each in kept)
    return f"{len(kept)}{f', {standby} standby' if standby else ''}" if kept else ""


def summed(shares: Iterable[Mapping[str, Share]]) -> dict[str, Share]:
    """Resources of several together; what one of them does not tell is not known of all."""
    rows = list(shares)
    return {
        name: Share(*(_total([getattr(row[name], part) for row in rows if name in row])
                      for part in ("used", "assigned", "limit")))
        for name in RESOURCES
        if any(name in row for row in rows)
    }  # fmt: skip


def _total(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
