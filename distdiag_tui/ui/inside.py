"""All that a cluster tells of the selection: facts, resources, and what is inside, to be scrolled through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from distdiag_tui.model.text import duration
from distdiag_tui.model.topology import Share, Subject
from distdiag_tui.ui.canvas import Line, Run, cut, fit
from distdiag_tui.ui.folding import paragraph
from distdiag_tui.ui.happenings import concerns, sign_of
from distdiag_tui.ui.heat import Sheet
from distdiag_tui.ui.incident_rows import moment
from distdiag_tui.ui.members import offset_words, told_of, units_of
from distdiag_tui.ui.screens import SCROLLING, PageScreen
from distdiag_tui.ui.shares import RESOURCES, share_bar, share_words, told_lines
from distdiag_tui.ui.standing import state_of

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Layout, Member, TenantFacts
    from distdiag_tui.ui.scene import Scene

FACTS: Final = 14  # lines of the head at most
EVENTS: Final = 6
BAR: Final = 8  # cells of a resource in a table
ROOMY: Final = 120  # width from which a table has room for them
GAP: Final = 2
MOST: Final = 48  # cells of a column

KEYS: Final = (("Esc", "back"), ("↑ ↓ PgUp PgDn", "scroll"), ("p", "pause"), ("?", "help"),
               ("q", "quit"))  # fmt: skip


class Inside(Sheet):
    """What a layout says is put into lines once, until there is a newer one."""

    def __init__(self) -> None:
        super().__init__("inside")
        self._for: tuple[Layout, Subject, int] | None = None
        self._tables: list[Line] = []

    def redraw(self) -> None:
        """Draw the part in sight."""
        width, height = self.size
        snapshot, subject = self._scene.snapshot, self._scene.subject
        if snapshot is None or width < 24 or height < 2:
            return
        title = cut(subject.title, 60)
        if snapshot.layout is None:
            words = "these servers tell nothing of a cluster: there are no units, leaders and states to show"
            self.fill(title, paragraph(words, width, "muted"))
            return
        key = (snapshot.layout, subject, width)
        if self._for is None or self._for[0] is not key[0] or self._for[1:] != key[1:]:
            self._for, self._tables = key, list(_tables(snapshot, snapshot.layout, subject, width))
        told = told_of(snapshot, snapshot.layout, subject)
        lines = [*told_lines(told.facts, told.shares, width, FACTS, bar=20 if width >= 100 else 10)]
        lines += [*_events(snapshot, subject, width), *self._tables]
        _, top = self.corner(1, len(lines), (1, height))
        more = f"{'↑' if top else ''}{'↓' if top + height < len(lines) else ''}"
        self.fill(title, lines[top : top + height], more)


class Column(NamedTuple):
    """Of a table. Without a title it belongs to the one before it."""

    title: str
    right: bool = False
    style: str = ""


RESOURCE: Final = tuple(Column(title, right=True) for title in RESOURCES.values())
RESOURCE_BARS: Final = tuple(
    column for title in RESOURCES.values() for column in (Column(title, style="spark"), Column(""))
)
ZONE: Final = (Column("zone", style="title"), Column("status"), Column("region"), Column("idc"),
               Column("servers", right=True), Column("units", right=True))  # fmt: skip
TENANT: Final = (Column("tenant", style="title"), Column("kind"), Column("role"), Column("status"),
                 Column("compaction"), Column("leaders", right=True), Column("units", right=True),
                 Column("primary zone"), Column("locality"))  # fmt: skip
SERVER: Final = (Column("server", style="title"), Column("state"), Column("leaders", right=True),
                 Column("units", right=True), Column("clock"), Column("up for"), *RESOURCE,
                 Column("version"))  # fmt: skip
UNIT: Final = (Column("unit"), Column("tenant", style="title"), Column("zone"), Column("status"))
UNIT_OF_TENANT: Final = (Column("unit"), Column("server", style="title"), Column("zone"), Column("status"))
LEADER: Final = (Column("server", style="title"), Column("leaders", right=True))


def grid(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[Line]:
    """A line a row below the titles; the last columns are left out where there is no room for them."""
    cells = [
        max(cell_len(column.title), *(cell_len(row[i]) for row in rows)) for i, column in enumerate(columns)
    ]
    cells = [min(size, MOST) for size in cells]
    while sum(cells) + GAP * len(cells) > width and len(cells) > 1:
        cells.pop()

    def line(texts: Sequence[str], style: str | None) -> Line:
        shown = zip(texts, cells, columns, strict=False)
        runs = [
            Run(fit(text, size, right=column.right) + " " * GAP, column.style if style is None else style)
            for text, size, column in shown
        ]
        return (*runs, Run(" " * (width - sum(cells) - GAP * len(cells))))

    return [line([column.title for column in columns], "muted"), *(line(row, None) for row in rows)]


def _heading(words: str, width: int) -> list[Line]:
    title = f"{words} "
    return [(Run(" " * width),), (Run(title, "group"), Run("─" * (width - len(title)), "muted"))]


def _events(snapshot: Snapshot, subject: Subject, width: int) -> list[Line]:
    events = [event for event in snapshot.events if concerns(event, subject)][-EVENTS:]
    if not events:
        return []
    lines = _heading("Last events", width)
    for event in reversed(events):
        head = f"{moment(event.time, snapshot.time)} {sign_of(event)} "
        text = Run(fit(event.text, width - len(head)), "bad" if event.serious else "")
        lines.append((Run(head, "muted"), text))
    return lines


def _tables(snapshot: Snapshot, layout: Layout, subject: Subject, width: int) -> Iterator[Line]:
    """What is inside the selection, or what it consists of."""
    if not subject.zone and not subject.tenant:
        yield from _section("Zones", ZONE, _zone_rows(snapshot, layout), width)
        yield from _section("Tenants", TENANT, _tenant_rows(layout), width)
        for words in layout.missing:
            yield from paragraph(f"not seen: {words}", width, "warn")
    elif not subject.server and not subject.tenant:
        yield from _section("Servers", SERVER, _server_rows(snapshot, layout, subject.zone), width)
    else:
        bars = width >= ROOMY
        columns = (*(UNIT_OF_TENANT if subject.tenant else UNIT), *(RESOURCE_BARS if bars else RESOURCE))
        yield from _section("Units", columns, _unit_rows(layout, subject, bars=bars), width)
        if not subject.server:
            kept = [each for each in layout.tenants if each.name == subject.tenant]
            yield from _section("Leaders", LEADER, _leader_rows(kept), width)


def _section(title: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int) -> list[Line]:
    kept = list(rows)
    return [*_heading(title, width), *grid(columns, kept, width)] if kept else []


def _zone_rows(snapshot: Snapshot, layout: Layout) -> Iterator[Sequence[str]]:
    zones = snapshot.zones
    for zone in layout.zones:
        count = len(zones.get(zone.name, ()))
        units = len(units_of(layout, Subject(zone.name)))
        yield zone.name, zone.status, zone.region, zone.idc, str(count), str(units)


def _tenant_rows(layout: Layout) -> Iterator[Sequence[str]]:
    for each in layout.tenants:
        units = len(units_of(layout, Subject(tenant=each.name)))
        yield (
            each.name, each.kind, each.role, each.status, each.merge.state, str(sum(each.leaders.values())),
            str(units), each.primary_zone, each.locality,
        )  # fmt: skip


def _server_rows(snapshot: Snapshot, layout: Layout, zone: str) -> Iterator[Sequence[str]]:
    units = Counter(unit.server for unit in layout.units)
    for server in snapshot.servers:
        if server.zone == zone and (member := layout.members.get(server.name)) is not None:
            up = "" if member.started is None else duration(max(0.0, snapshot.time - member.started))
            yield (
                server.name, _state(member), "" if member.leaders is None else str(member.leaders),
                str(units[server.name]), offset_words(member.clock_offset), up,
                *(_percent(name, member.shares.get(name, Share())) for name in RESOURCES), member.version,
            )  # fmt: skip


def _state(member: Member) -> str:
    state = state_of(member) or member.state
    return f"{state}, rootserver" if member.rootserver else state


def _unit_rows(layout: Layout, subject: Subject, *, bars: bool) -> Iterator[Sequence[str]]:
    for unit in units_of(layout, subject):
        status = f"{unit.status}, from {unit.source}" if unit.source else unit.status
        shares = [unit.shares.get(name, Share()) for name in RESOURCES]
        cells = [
            cell for name, share in zip(RESOURCES, shares, strict=True)
            for cell in (_with_bar(name, share) if bars else (_percent(name, share),))
        ]  # fmt: skip
        yield (
            str(unit.id),
            unit.server if subject.tenant else unit.tenant or "none",
            unit.zone,
            status,
            *cells,
        )


def _leader_rows(tenants: Sequence[TenantFacts]) -> Iterator[Sequence[str]]:
    for tenant in tenants:
        for server, count in sorted(tenant.leaders.items(), key=lambda pair: (-pair[1], pair[0])):
            if count:
                yield server, str(count)


def _with_bar(name: str, share: Share) -> tuple[str, str]:
    """Bar and words; words alone where there is no limit."""
    words = share_words(name, share, 0)
    return (bar, words) if (bar := share_bar(share, BAR)) else (words, "")


def _percent(name: str, share: Share) -> str:
    """Used, of what there is; where there is no limit, how much."""
    if not share.limit or share.used is None:
        return share_words(name, share, 0)
    return f"{100 * share.used / share.limit:.0f} %"


class InsideScreen(PageScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace,i", "app.back", show=False),
        *SCROLLING,
    ]

    def __init__(self, scene: Scene) -> None:
        self._inside = Inside()
        super().__init__(self._inside, KEYS, scene)

    def action_scroll(self, rows: int) -> None:
        """Up or down."""
        self._inside.scroll_by(0, rows)
