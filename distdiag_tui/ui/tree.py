"""The rows of the topology: what is open, and of a large cluster what needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.scene import CLUSTER
from distdiag_tui.ui.standing import NEEDY, WELL, Standings

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Server

LARGE: Final = 24
"""More servers than this: zones in which all is well start closed, of others only the rest is folded away."""

TENANTS: Final = "tenants"
REST: Final = "rest"
Key = tuple[Subject, str]
"""What a row stands for: a subject, or `TENANTS` of the cluster, or the `REST` of a zone."""


class Node(NamedTuple):
    """A row of the tree. `open` is None where there is nothing to open."""

    subject: Subject
    depth: int
    name: str
    open: bool | None
    part: str = ""

    @property
    def key(self) -> Key:
        """By which it is found again."""
        return self.subject, self.part


Chosen = Mapping[Key, bool]
"""What a person has opened or closed."""


def matches(server: Server, text: str) -> bool:
    """Whether name, zone, address or status hold the text, which is in lower case."""
    return text in f"{server.name} {server.zone} {server.address} {server.status.value}".lower()


def tree(
    snapshot: Snapshot,
    chosen: Chosen,
    text: str = "",
    standing: Standings | None = None,
    selected: Subject = CLUSTER,
) -> list[Node]:
    """The rows in sight, top to bottom. A filter keeps the servers that match it; what is selected stays."""
    standing, text = standing or {}, text.lower()
    opened = chosen.get((Subject(), ""), True)
    rows = [Node(Subject(), 0, snapshot.cluster, opened)]
    if not opened:
        return rows
    rows += _tenant_rows(snapshot, chosen, text)
    folds = len(snapshot.servers) > LARGE and not text
    for zone, servers in snapshot.zones.items():
        kept = [server for server in servers if matches(server, text)] if text else servers
        if kept:
            needy = [each for each in kept if _needy(each, standing, selected)] if folds else kept
            rows += _zone_rows(zone, kept, needy, chosen)
    return rows


def _needy(server: Server, standing: Standings, selected: Subject) -> bool:
    mine = server.name == selected.server and server.zone == selected.zone
    return mine or standing.get(server.name, WELL).rank >= NEEDY


def listed(snapshot: Snapshot, servers: Sequence[Server], chosen: Chosen, text: str = "") -> list[Node]:
    """The cluster and its servers without their zones, in the given order."""
    opened = chosen.get((Subject(), ""), True)
    rows, text = [Node(Subject(), 0, snapshot.cluster, opened)], text.lower()
    for server in servers if opened else ():
        if not text or matches(server, text):
            rows += _server_rows(server, chosen, 1)
    return rows


def _tenant_rows(snapshot: Snapshot, chosen: Chosen, text: str) -> Iterator[Node]:
    """Of the whole cluster, once it has told."""
    facts = snapshot.layout.tenants if snapshot.layout is not None else ()
    kept = [each for each in facts if each.kind != "META" and text in each.name.lower()]
    if not kept:
        return
    opened = chosen.get((Subject(), TENANTS), bool(text))
    yield Node(Subject(), 1, TENANTS, opened, TENANTS)
    if opened:
        yield from (Node(Subject(tenant=each.name), 2, each.name, None) for each in kept)


def _zone_rows(
    zone: str, servers: Sequence[Server], needy: Sequence[Server], chosen: Chosen
) -> Iterator[Node]:
    subject = Subject(zone)
    wanted = chosen.get((subject, ""))
    opened = bool(needy) if wanted is None else wanted
    yield Node(subject, 1, zone, opened)
    if not opened:
        return
    for server in servers if wanted else needy:
        yield from _server_rows(server, chosen, 2)
    if not wanted and len(needy) < len(servers):
        yield Node(subject, 2, f"{len(servers) - len(needy)} more, all well", False, REST)


def _server_rows(server: Server, chosen: Chosen, depth: int) -> Iterator[Node]:
    subject = Subject(server.zone, server.name)
    opened = bool(server.tenants) and chosen.get((subject, ""), False)
    yield Node(subject, depth, server.name, opened if server.tenants else None)
    if opened:
        for tenant in server.tenants:
            yield Node(Subject(server.zone, server.name, tenant.name), depth + 1, tenant.name, None)
