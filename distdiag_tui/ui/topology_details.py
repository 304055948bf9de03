"""What stands beside and below the rows of the topology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from distdiag_tui.model.text import duration, figure, plain
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.facts import rule
from distdiag_tui.ui.members import Told, told_of
from distdiag_tui.ui.scene import STATUS_STYLES, server_of
from distdiag_tui.ui.shares import BESIDE, told_lines
from distdiag_tui.ui.standing import NEEDY, WELL, Standing, Standings, state_of, worst_sign
from distdiag_tui.ui.tree import LARGE, TENANTS

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Layout, Server, Subject, TenantFacts
    from distdiag_tui.ui.scene import Scene
    from distdiag_tui.ui.tree import Node

DETAIL_ROWS: Final = 5
TOLD_ROWS: Final = 10
"""Where a cluster has told: the rule, then facts and resources; fewer where they stand side by side."""


Census = Mapping[str, tuple[int, Sequence[Standing]]]


class Details:
    """What is known of the selection. What a layout says of many servers is summed up once."""

    def __init__(self) -> None:
        self._for: tuple[Layout, Subject, object] | None = None
        self._told = Told([])

    def lines(self, scene: Scene, width: int, height: int) -> list[Line]:
        """Below the rows, each exactly `width` cells."""
        snapshot = scene.snapshot
        assert snapshot is not None
        if snapshot.layout is None:
            return _plain_details(snapshot, scene.subject, width)
        self._look(snapshot, snapshot.layout, scene.subject)
        most = TOLD_ROWS if width < BESIDE else TOLD_ROWS - 3
        rows = min(most, height // 2)
        lines = [rule(width), *told_lines(self._told.facts, self._told.shares, width, rows - 1)]
        return lines + [(Run(" " * width),)] * (rows - len(lines))

    def _look(self, snapshot: Snapshot, layout: Layout, subject: Subject) -> None:
        of = server_of(snapshot, subject) if subject.server else snapshot.tick // 5
        if self._for is None or self._for[0] is not layout or self._for[1:] != (subject, of):
            self._for, self._told = (layout, subject, of), told_of(snapshot, layout, subject)


def census(snapshot: Snapshot, standing: Standings) -> Census:
    """Of a large cluster: how many servers there are in a zone ("": in all), and which need attention."""
    if len(snapshot.servers) <= LARGE:
        return {}
    found: dict[str, tuple[int, list[Standing]]] = {
        zone: (len(servers), []) for zone, servers in snapshot.zones.items()
    }
    found[""] = (len(snapshot.servers), [])
    for server in snapshot.servers:
        if (needy := standing.get(server.name, WELL)).rank >= NEEDY:
            found[""][1].append(needy)
            if server.zone:
                found[server.zone][1].append(needy)
    return found


def aside_of(snapshot: Snapshot, row: Node, counted: Census) -> Line:
    """Beside the name: how many there are inside, and how many of them need attention."""
    if row.part == TENANTS and snapshot.layout is not None:
        inside = sum(each.kind != "META" for each in snapshot.layout.tenants)
        return (Run(f" {inside}", "muted"),)
    tenant = _tenant_of(snapshot, row)
    if tenant is not None and tenant.role not in ("", "PRIMARY"):
        return (Run(f" {plain(tenant.role.lower(), 12)}", "muted"),)
    if row.part or row.subject.server or row.subject.tenant or row.subject.zone not in counted:
        return ()
    servers, needy = counted[row.subject.zone]
    count = Run(f" {servers}", "muted")
    if not needy:
        return (count,)
    glyph, style = worst_sign(needy)
    return (count, Run(f" {glyph}{len(needy)}", style))


def word_of(snapshot: Snapshot, row: Node, server: Server | None, room: int) -> Run:
    """In place of the recent past: that it does not answer, or what the cluster says of it."""
    if server is not None and not server.status.answers:
        age = f" {duration(server.age)}" if server.age is not None else ""
        return Run(f" {server.status.value}{age}", STATUS_STYLES[server.status])
    layout = snapshot.layout
    if layout is None:
        return Run("")
    word, style = "", "warn"
    if server is not None:
        word = state_of(layout.members.get(server.name))
    elif (tenant := _tenant_of(snapshot, row)) is not None:
        word = "" if tenant.status in ("", "NORMAL") else tenant.status
        if tenant.merge.state == "ERROR":
            word, style = "MERGE ✖", "bad"
    elif row.subject.zone and not row.subject.server:
        zone = next((each for each in layout.zones if each.name == row.subject.zone), None)
        word = zone.status if zone is not None and zone.status != "ACTIVE" else ""
        style = "bad"
    return Run(fit(word, room), style) if word else Run("")


def _tenant_of(snapshot: Snapshot, row: Node) -> TenantFacts | None:
    """Of a row that stands for a tenant of the whole cluster."""
    if snapshot.layout is None or not row.subject.tenant or row.subject.server:
        return None
    return next((each for each in snapshot.layout.tenants if each.name == row.subject.tenant), None)


def _plain_details(snapshot: Snapshot, subject: Subject, width: int) -> list[Line]:
    """Without a layout: what the server itself says."""
    server = server_of(snapshot, subject)
    if server is None:
        words = [("servers", str(len(snapshot.servers))), *_status_counts(snapshot)]
    else:
        words = [
            ("status", server.status.value),
            ("address", server.address),
            ("server", " ".join(filter(None, (server.product, server.role)))),
            ("up", f"{duration(server.uptime)}, sampled in {' '.join(figure(server.latency or 0, 's'))}"),
        ]
        if server.detail:
            words[3] = ("", server.detail)
    lines: list[Line] = [rule(width)]
    lines += [
        (Run(fit(name, 8), "muted"), Run(fit(text, width - 8), "value" if name else "bad"))
        for name, text in words[: DETAIL_ROWS - 1]
    ]
    return lines + [(Run(" " * width),)] * (DETAIL_ROWS - len(lines))


def _status_counts(snapshot: Snapshot) -> list[tuple[str, str]]:
    counts: dict[str, int] = {}
    for server in snapshot.servers:
        counts[server.status.value] = counts.get(server.status.value, 0) + 1
    return [("", f"{count} {word}") for word, count in counts.items()] if len(counts) > 1 else [
        ("status", f"all {next(iter(counts), '')}")
    ]  # fmt: skip
