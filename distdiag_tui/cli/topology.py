"""`distdiag topology`: what a cluster consists of, as a table or as JSON."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from distdiag_tui.engine import Engine
from distdiag_tui.model.errors import UnseenError
from distdiag_tui.model.layout_document import topology_document
from distdiag_tui.model.snapshot import Snapshot, unanswered
from distdiag_tui.model.target import Target
from distdiag_tui.model.text import duration, figure, plain, several
from distdiag_tui.model.topology import Layout, Member, Server, Share, Status
from distdiag_tui.service.facts.fetch import QUESTIONS
from distdiag_tui.sources.capability import VIEWS
from distdiag_tui.sources.discovery.grants import grants, needed
from distdiag_tui.sources.discovery.parts import VIEWS as DISCOVERED
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.sources.session import TIMEOUT, Session
from distdiag_tui.sources.trouble import diagnose

WELL: Final = 0
NOT_WELL: Final = 1

PATIENCE: Final = 10.0  # s that all of it may take
LOOK_EVERY: Final = 1.0  # s; from the second look on it is known what CPU is used
_NAME: Final = 24  # characters


def run_topology(target: Target, *, as_json: bool) -> int:
    """Print what was discovered. NOT_WELL if a server does not answer or its cluster calls it not ACTIVE.

    UnseenError if no server answers at all.
    """
    snapshot = asyncio.run(seen(target))
    print(json.dumps(topology_document(snapshot)) if as_json else "\n".join(_lines(snapshot)))
    layout = snapshot.layout or Layout()
    well = all(_is_well(server, layout.members.get(server.name)) for server in snapshot.servers)
    return WELL if well else NOT_WELL


def _is_well(server: Server, member: Member | None) -> bool:
    return server.status.answers and (member is None or member.state in ("", "ACTIVE"))


async def seen(target: Target) -> Snapshot:
    """The cluster after its second look, or as it is known when patience ends.

    UnseenError if no server answers at all.
    """
    source = LiveSource(target, 0.2, look_every=LOOK_EVERY)
    began, snapshot = time.monotonic(), None
    async with aclosing(Engine(source, target.cluster).snapshots()) as snapshots:
        async for snapshot in snapshots:
            if _told(source, snapshot) or time.monotonic() - began > PATIENCE:
                break
    assert snapshot is not None
    if not any(server.status.answers for server in snapshot.servers):
        raise UnseenError(unanswered(snapshot))
    return snapshot


def _told(source: LiveSource, snapshot: Snapshot) -> bool:
    """Whether there is nothing more to wait for."""
    if any(server.status is Status.CONNECTING for server in snapshot.servers):
        return False
    if source.fleet.clustered:
        refused = source.target.proxied and source.fleet.known is None
        return source.fleet.looks > 1 or refused
    return all(node.described or not node.server().status.answers for node in source.nodes)


async def _granting(target: Target) -> str:
    asked = (view for question in QUESTIONS.values() for view in (*question.needs, *question.likes))
    always = (*VIEWS, *asked)
    session = Session(target, tuple(dict.fromkeys((*always, *DISCOVERED))))
    try:
        await session.connect(target.endpoints)
        ((tenant,),) = await session.rows("effective_tenant_id()")
    except Exception as error:  # whatever the driver makes of it
        assert session.endpoint is not None
        address, trouble = session.endpoint.address, diagnose(error, TIMEOUT)[1]
        raise UnseenError(f"no server answers; {address}: {plain(trouble)}") from None
    finally:
        session.close()
    assert session.capability is not None
    return grants(session.capability, needed(session.capability, always), everywhere=int(tenant) == 1)


def print_grants(target: Target) -> None:
    """Print the SQL that creates an account which may read what the console reads, and no more."""
    print(asyncio.run(_granting(target)))


def _lines(snapshot: Snapshot) -> Iterator[str]:
    layout = snapshot.layout or Layout()
    seen = f"as tenant {plain(layout.tenant, _NAME)}, " if layout.tenant else ""
    how = f", sampled: {layout.sampling}" if layout.sampling else ""
    count = len(snapshot.servers)
    yield f"{plain(snapshot.cluster, 60)}: {seen}{count} server{'s' * (count != 1)}{how}"
    yield ""
    zones = {zone.name: zone for zone in layout.zones}
    for name, servers in snapshot.zones.items():
        zone = zones.get(name)
        words = () if zone is None else (zone.status, zone.region, zone.idc)
        yield " ".join(filter(None, (plain(name, _NAME), *(plain(word, _NAME) for word in words))))
        for server in servers:
            yield _server_line(server, layout.members.get(server.name))
    yield from _tenant_lines(layout)
    for missing in layout.missing:
        yield plain(missing)


def _server_line(server: Server, member: Member | None) -> str:
    member = member or Member(server.name, server.zone)
    words = [
        f"  {plain(server.name, _NAME):{_NAME}}",
        f"{server.status.value:12}",
        f"{plain(member.state, 9):9}",
        f"{plain(server.product, 20):20}",
        f"up {duration(server.uptime):7}",
        f"{'' if member.leaders is None else member.leaders:>4} leaders",
        _resources(member.shares),
    ]
    notes = ["root service"] * member.rootserver + ["stopped"] * member.stopped
    if member.clock_offset is not None and abs(member.clock_offset) >= 0.1:
        notes.append(f"clock {member.clock_offset:+.1f} s")
    return "  ".join([*words, *notes, plain(server.detail)]).rstrip()


def _resources(shares: Mapping[str, Share]) -> str:
    """What is used, or else promised, of what there is."""
    found = []
    for name, share in shares.items():
        taken = share.assigned if share.used is None else share.used
        if taken is not None and share.limit:
            unit = "" if name == "cpu" else "B"
            texts = (" ".join(figure(value, unit)).strip() for value in (taken, share.limit))
            found.append(f"{name.replace('_', ' ')} {' of '.join(texts)}")
    return ", ".join(found)


def _tenant_lines(layout: Layout) -> Iterator[str]:
    shown = [tenant for tenant in layout.tenants if tenant.kind != "META"]
    if not shown:
        return
    yield ""
    rows: list[Sequence[str]] = [("TENANT", "KIND", "ROLE", "STATUS", "COMPACTION", "LEADERS", "UNITS ON")]
    for tenant in shown:
        units = [unit.server for unit in layout.units if unit.tenant == tenant.name]
        servers = several(units, 4)
        led = str(sum(tenant.leaders.values()))
        rows.append((tenant.name, tenant.kind, tenant.role, tenant.status, tenant.merge.state, led, servers))
    widths = (24, 5, 9, 9, 11, 8)
    for row in rows:
        cells = [f"{plain(text, width):{width}}" for text, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, plain(row[-1], 100)])
    yield ""
