"""Incidents across restarts, in one SQLite file of the user's.

Several consoles may watch one cluster. One of them is its keeper: it alone opens and changes the cluster's
incidents, so that none is there twice. It holds a lease, not a lock: one that is suspended loses it. Notes,
acknowledgements, facts and reports may come from anybody. All methods block: call them on a thread.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.incidents.schema import damaged, in_one_line, open_file, transaction
from distdiag_tui.ledger import state_folder
from distdiag_tui.model.errors import IncidentError

KEPT: Final = 1000
"""Ended incidents; the oldest are dropped."""
LEASE: Final = 6.0
"""Seconds without a sign of life after which another console may be the keeper."""
RECENT: Final = 50
"""Ended incidents that a console shows."""

_ANYBODY: Final = ("note", "acknowledged", "facts", "obdiag")
"""Kinds of events that need no lease."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What was fetched for an incident."""

    facts: tuple[Fact, ...] = ()
    probes: tuple[Probe, ...] = ()

    def joined(self, other: Papers) -> Papers:
        """With another console's, or our own of before they were written: the later facts, and every run."""
        facts = max(
            (self.facts, other.facts), key=lambda facts: max((each.time for each in facts), default=0.0)
        )
        probes = {f"{each.began:.3f}": each for each in (*self.probes, *other.probes)}
        return Papers(facts, tuple(probes[began] for began in sorted(probes)))


@dataclass(frozen=True, slots=True)
class Synced:
    """After a change: whether we keep the cluster's incidents, else who does.

    `stored`: those of the cluster as they are in the file, open ones and recently ended ones, if they could
    have changed under us; else None.
    """

    keeper: bool
    holder: str
    stored: tuple[Incident, ...] | None


class IncidentStore:
    """Methods raise IncidentError, in one line. `notice` says if a damaged file was moved aside."""

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.file = file
        self.notice = ""
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._seen = -1  # PRAGMA data_version when the cluster's incidents were read last
        self._lock = threading.Lock()

    # -- what is there ------------------------------------------------------------------------------

    def incidents(self, cluster: str | None = None, *, active: bool = False) -> list[Incident]:
        """All of them, of all clusters if none is named; the newest last."""
        with self._connected() as connection:
            return _read(connection, _LISTED, (cluster, cluster, active))

    def find(self, name: str) -> Incident:
        """The one whose id begins so."""
        with self._connected() as connection:
            return _find(connection, name)

    def papers(self, name: str) -> Papers:
        """What was fetched for it."""
        with self._connected() as connection:
            rows = connection.execute(
                "select kind, body from paper where incident = ? order by name", (name,)
            )
            found = [(kind, json.loads(body)) for kind, body in rows]
        try:
            return Papers(
                tuple(Fact.from_fields(body) for kind, body in found if kind == "fact"),
                tuple(Probe.from_fields(body) for kind, body in found if kind == "probe"),
            )
        except (ValueError, KeyError, TypeError):
            return Papers()  # another version's

    # -- what changes -------------------------------------------------------------------------------

    def sync(
        self,
        cluster: str,
        holder: str,
        changed: Sequence[Incident] = (),
        papers: Iterable[tuple[str, Papers]] = (),
    ) -> Synced:
        """Renew or take the lease, write what `changed`, and read what others have changed."""
        with self._connected() as connection:
            with transaction(connection):
                held = _lease(connection, cluster, holder, self._clock())
                for incident in changed:
                    _save(connection, incident, whole=held == holder)
                for name, found in papers:
                    _save_papers(connection, name, found)
                if changed:
                    _drop_old(connection)
            (version,) = connection.execute("pragma data_version").fetchone()
            stored = None
            if version != self._seen or (changed and held != holder):
                stored = tuple(_read(connection, _SHOWN, (cluster, cluster, RECENT)))
            self._seen = version
        return Synced(held == holder, held, stored)

    def leave(self, cluster: str, holder: str) -> None:
        """Give the lease up, if we have it: another console need not wait until it is over."""
        with self._connected() as connection:
            connection.execute("delete from keeper where cluster = ? and holder = ?", (cluster, holder))

    def add(self, name: str, event: Event) -> Incident:
        """One more line of somebody's in its timeline."""
        with self._connected() as connection, transaction(connection):
            incident = _find(connection, name)
            _save_events(connection, incident.id, [event])
            if event.kind == "acknowledged":
                connection.execute("update incident set acknowledged = 1 where id = ?", (incident.id,))
            return _find(connection, incident.id)

    def close(self) -> None:
        """Everything that was written is in the file."""
        with self._lock:
            self._drop()

    # -- the connection -----------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connect()
            except sqlite3.Error as error:
                self._drop()  # a damaged file is moved aside when it is opened the next time
                if damaged(error):
                    raise IncidentError(f"{self.file} is damaged: {error}") from error
                raise in_one_line(error, self.file) from error
            except OSError as error:
                raise in_one_line(error, self.file) from error

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None or self._replaced():
            self._drop()
            self._connection, notice = open_file(self.file)
            self._inode = self.file.stat().st_ino
            self.notice = notice or self.notice
        return self._connection

    def _replaced(self) -> bool:
        """Whether another process has moved the file aside, or somebody has removed it."""
        try:
            return self.file.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def _drop(self) -> None:
        self._seen = -1
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def open_store(file: Path | None = None) -> IncidentStore:
    """The user's own; nothing is read before it is needed."""
    return IncidentStore(file or state_folder("incidents") / "incidents.db")


def _lease(connection: sqlite3.Connection, cluster: str, holder: str, now: float) -> str:
    """Who is the keeper of the cluster; us, if nobody else is."""
    row = connection.execute("select holder, until from keeper where cluster = ?", (cluster,)).fetchone()
    # a lease that ends much later than any could was given by a clock that has been set back since
    if row is not None and row[0] != holder and now < row[1] <= now + 2 * LEASE:
        return str(row[0])
    if row is None or row[0] != holder or not now + LEASE / 2 < row[1] <= now + LEASE:
        connection.execute("replace into keeper values (?, ?, ?)", (cluster, holder, now + LEASE))
    return holder


def _save(connection: sqlite3.Connection, incident: Incident, *, whole: bool) -> None:
    """`whole` or only what needs no lease."""
    fields = incident.to_fields()
    del fields["timeline"]
    events = incident.timeline
    if whole:
        connection.execute(
            "insert into incident values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict (id) do update set cause = excluded.cause, state = excluded.state,"
            " updated = excluded.updated, acknowledged = max(acknowledged, excluded.acknowledged),"
            " body = excluded.body",
            (
                incident.id, incident.cluster, incident.server, incident.cause, incident.state,
                incident.opened, incident.updated, int(incident.acknowledged), json.dumps(fields),
            ),
        )  # fmt: skip
    else:
        events = tuple(event for event in events if event.kind in _ANYBODY)
        if incident.acknowledged:
            connection.execute("update incident set acknowledged = 1 where id = ?", (incident.id,))
    _save_events(connection, incident.id, events)


def _save_events(connection: sqlite3.Connection, name: str, events: Iterable[Event]) -> None:
    connection.executemany(
        "insert or ignore into event select id, ?, ?, ?, ? from incident where id = ?",
        [(event.time, event.kind, event.words, event.by, name) for event in events],
    )


def _save_papers(connection: sqlite3.Connection, name: str, papers: Papers) -> None:
    rows = [("fact", fact.name, fact.to_fields()) for fact in papers.facts]
    rows += [("probe", f"{probe.began:.3f}", probe.to_fields()) for probe in papers.probes]
    connection.executemany(
        "insert or replace into paper select id, ?, ?, ? from incident where id = ?",
        [(kind, key, json.dumps(fields), name) for kind, key, fields in rows],
    )


def _drop_old(connection: sqlite3.Connection) -> None:
    connection.execute(
        "delete from incident where id in (select id from incident where state <> 'open'"
        " order by updated desc limit -1 offset ?)",
        (KEPT,),
    )


_LISTED: Final = "(?1 is null or cluster = ?2) and (not ?3 or state = 'open')"
_SHOWN: Final = (
    "cluster = ?1 and (state = 'open' or id in (select id from incident where cluster = ?2"
    " and state <> 'open' order by updated desc limit ?3))"
)


def _read(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[Incident]:
    rows = connection.execute(
        f"select id, body, acknowledged from incident where {where} order by opened, id",  # noqa: S608  ours
        values,
    ).fetchall()
    return [incident for row in rows if (incident := _incident(connection, *row)) is not None]


def _find(connection: sqlite3.Connection, name: str) -> Incident:
    rows = connection.execute(
        "select id, body, acknowledged from incident where substr(id, 1, ?) = ? limit 3", (len(name), name)
    ).fetchall()
    exact = [row for row in rows if row[0] == name] or rows
    if not exact or not name:
        raise IncidentError(f"there is no incident {name!r}; see: distdiag incident list")
    if len(exact) > 1:
        raise IncidentError(
            f"{name!r} is the beginning of several incidents: {', '.join(r[0] for r in exact)}"
        )
    incident = _incident(connection, *exact[0])
    if incident is None:
        raise IncidentError(f"incident {exact[0][0]} cannot be read: it is another version's")
    return incident


def _incident(connection: sqlite3.Connection, name: str, body: str, acknowledged: int) -> Incident | None:
    events = connection.execute(
        "select time, kind, words, author from event where incident = ? order by time, kind", (name,)
    )
    timeline = [dict(zip(("time", "kind", "words", "by"), row, strict=True)) for row in events]
    try:
        fields: dict[str, Any] = json.loads(body)
        return Incident.from_fields({**fields, "timeline": timeline, "acknowledged": bool(acknowledged)})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
