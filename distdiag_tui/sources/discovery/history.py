"""New rows of the cluster's own event histories, as events of ours."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from asyncmy.errors import MySQLError

from distdiag_tui.model.text import plain
from distdiag_tui.model.topology import Event, Happening, Subject
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.known import Key, Known
from distdiag_tui.sources.discovery.parts import HISTORIES
from distdiag_tui.sources.discovery.values import key_of, number, words
from distdiag_tui.sources.queries import Row
from distdiag_tui.sources.session import Session

MOST_ROWS: Final = 100  # of a view in one look, newest first
WINDOW: Final = 90.0  # s back: rows come late, and with the clocks of several servers
LONGEST_WINDOW: Final = 3600.0  # s back, after looks have failed
REMEMBERED: Final = 5000  # rows

_LENGTH: Final = 200  # characters of a value
_SLOTS: Final = range(1, 7)  # NAME1 and VALUE1 to NAME6 and VALUE6
_TOLD: Final = 60.0  # s around a change that we saw, in which a row of its kind says the same

# What a row of a module is about, where it is one of the changes that the console sees itself.
_KINDS: Final = {
    "server": (
        Happening.SERVER_ADDED,
        Happening.SERVER_LEFT,
        Happening.SERVER_STATE,
        Happening.SERVER_RESTARTED,
    ),
    "zone": (Happening.ZONE_STATE,),
    "unit": (Happening.UNIT_MIGRATED, Happening.UNIT_CHANGED),
    "tenant": (Happening.TENANT_CHANGED, Happening.TENANT_ROLE),
    "daily_merge": (Happening.COMPACTION,),
    "election": (Happening.LEADER_MOVED,),
}
_BAD: Final = ("fail", "error", "abort", "timeout", "offline")


def statement(view: str, capability: Capability, window: float) -> str | None:
    """The rows of the last `window` s after `select`: time (epoch s), address, module, event, and pairs."""
    pairs = [f"{kind}{slot}" for slot in _SLOTS for kind in ("NAME", "VALUE")]
    if not capability.has(view, "TIMESTAMP", "MODULE", "EVENT", *pairs):
        return None
    prefix = "rs_svr" if capability.has(view, "RS_SVR_IP", "RS_SVR_PORT") else "svr"
    address = f"{prefix}_ip, {prefix}_port"
    time, since = "unix_timestamp(timestamp)", f"now(6) - interval {window:.0f} second"
    if not capability.has(view, f"{prefix.upper()}_IP"):  # seekdb: no addresses, and microseconds
        address, time = "null, null", "timestamp / 1000000"
        since = f"(unix_timestamp(now(6)) - {window:.0f}) * 1000000"
    listed = ", ".join(f"substr({column.lower()}, 1, {_LENGTH})" for column in pairs)
    return (
        f"{time}, {address}, module, event, {listed} from oceanbase.{view}"
        f" where timestamp > {since} order by timestamp desc limit {MOST_ROWS}"
    )


class History:
    """Remembers which rows it has seen, so that each becomes one event."""

    def __init__(self) -> None:
        self._seen: set[Row] = set()
        self._order: deque[Row] = deque()
        self._changes: list[tuple[float, Event]] = []  # what we saw of late, and when (s, monotonic)
        self._waiting: list[Event] = []
        self._looked: dict[str, float] = {}  # by view, the moment of the last look (s, monotonic)

    async def fresh(self, session: Session, known: Known, seen: Sequence[Event]) -> tuple[Event, ...]:
        """Rows that are new since the last look, as events, but for what `seen` tells; none at the first.

        Where a view cannot be read, or the connection breaks, they come with a later look.
        """
        assert session.capability is not None
        found: list[Event] = []
        for view in HISTORIES:
            last = self._looked.get(view)
            window = WINDOW if last is None else min(LONGEST_WINDOW, WINDOW + known.answers.at - last)
            sql = statement(view, session.capability, window)
            if sql is None:
                continue
            try:
                rows = await session.rows(sql)
            except (MySQLError, TimeoutError):  # as any view that cannot be read, it costs only itself
                if session.connected:
                    continue
                session.failed()
                break
            fresh = self._take(view, rows)
            self._looked[view] = known.answers.at
            if last is not None:
                found += [event for row in fresh if (event := _event(view, row, known)) is not None]
        return self._new_to_us(found, seen, known.answers.at)

    def _new_to_us(self, found: list[Event], seen: Sequence[Event], at: float) -> tuple[Event, ...]:
        """Rows about a change that we may see ourselves wait for the next look, lest both tell it."""
        self._changes = [each for each in self._changes if each[0] > at - _TOLD] + [
            (at, each) for each in seen
        ]
        waiting = [event for event in found if event.kind is not Happening.HISTORY]
        due = [*self._waiting, *(event for event in found if event.kind is Happening.HISTORY)]
        self._waiting = waiting
        told = [event for event in due if not any(_says(event, change) for _, change in self._changes)]
        return tuple(sorted(told, key=lambda event: event.time))

    def _take(self, view: str, rows: Iterable[Row]) -> list[Row]:
        """Those that are new, oldest first."""
        fresh = [row for row in dict.fromkeys((view, *row) for row in rows) if row not in self._seen]
        self._seen.update(fresh)
        self._order.extend(fresh)
        while len(self._order) > REMEMBERED:
            self._seen.discard(self._order.popleft())
        return [row[1:] for row in reversed(fresh)]


def _event(view: str, row: Row, known: Known) -> Event | None:
    """A row as an event on our clock; None without a time."""
    head = {"TIME": row[0], "SVR_IP": row[1], "SVR_PORT": row[2], "MODULE": row[3], "EVENT": row[4]}
    time = number(head, "TIME")
    if time is None:
        return None
    pairs = {
        str(name): "" if value is None else str(value)
        for name, value in zip(row[5::2], row[6::2], strict=True)
        if name
    }
    said = ", ".join(f"{name}={value}" for name, value in pairs.items())
    text = f"{words(head, 'MODULE')} {words(head, 'EVENT')}{': ' if said else ''}{said}"
    kind = _KINDS.get(words(head, "MODULE").lower(), (Happening.HISTORY,))[-1]
    return Event(
        time - (known.answers.offset or 0.0),
        _subject(key_of(head) if view.startswith("DBA_OB_SERVER") else None, pairs, known),
        kind,
        plain(text, 300),
        view,
        serious=any(word in words(head, "EVENT").lower() for word in _BAD),
    )


_ADDRESS: Final = re.compile(r"\[?([0-9A-Fa-f.:]+?)\]?:(\d+)")


def _subject(key: Key | None, pairs: Mapping[str, str], known: Known) -> Subject:
    """The server or zone that a row names, else the server that wrote it, else the cluster."""
    for value in pairs.values():
        found = _ADDRESS.fullmatch(value.strip('" '))
        named = key_of({"SVR_IP": found[1], "SVR_PORT": found[2]}) if found else None
        if named in known.places:
            key = named
    place = None if key is None else known.places.get(key)
    if place is not None:
        return Subject(place.endpoint.zone, place.name)
    zones = {zone.name for zone in known.layout.zones}
    return Subject(next((value for value in pairs.values() if value.strip('"') in zones), "").strip('"'))


def _says(row: Event, change: Event) -> bool:
    """Whether a row of the history is about a change that we saw ourselves."""
    kinds = next((kinds for kinds in _KINDS.values() if row.kind in kinds), ())
    if change.kind not in kinds or abs(change.time - row.time) > _TOLD:
        return False
    same_server = row.subject.server == change.subject.server
    return same_server and (row.subject.zone == change.subject.zone or not row.subject.zone)
