"""Figures of a whole cluster over one connection: the SQL, and the decoding of what comes.

A row a server carries all its figures as one text of whole numbers, pairs of code and value, where a code is
`tenant id * PER_TENANT + column`. So 1,000 servers cost 1,000 rows a statement, and NumPy reads the numbers.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, STAT_IDS, WAIT_CLASSES
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.known import Key
from distdiag_tui.sources.discovery.values import LARGEST, key_of
from distdiag_tui.sources.frame import SERVER_WIDE
from distdiag_tui.sources.queries import DISK_COLUMNS, DISK_FIGURES, HINT, SESSION_FIGURES, Row

MOST_SERVERS: Final = 5000  # rows of a statement
LONGEST: Final = 1 << 20  # characters of a row's text: some 700 tenants on one server
SET_UP: Final = f"set /* distdiag */ session group_concat_max_len = {LONGEST}"

_ADDRESS: Final = re.compile(r"[0-9A-Za-z.:%_-]+")  # it comes from a server, and goes into SQL

PER_TENANT: Final = 1_000_000
_WAIT: Final = 900_000  # and the id of the class
_PLAN: Final = 910_000  # and the place in _PLAN_FIGURES
_CLASS_IDS: Final = {
    "OTHER": 100, "APPLICATION": 101, "CONFIGURATION": 102, "ADMINISTRATIVE": 103, "CONCURRENCY": 104,
    "COMMIT": 105, "NETWORK": 107, "USER_IO": 108, "SYSTEM_IO": 109, "SCHEDULER": 110, "CLUSTER": 111,
    "QUEUEING": 112,
}  # fmt: skip
_PLAN_FIGURES: Final = {"access_count": "plan.accesses", "hit_count": "plan.hits", "mem_hold": "plan.memory"}

_COLUMN_OF: Final = np.full(PER_TENANT, -1, dtype=np.int16)  # by code without the tenant
for _stat in STAT_IDS:
    _COLUMN_OF[_stat] = COLUMN_INDEX[_stat]
for _name in WAIT_CLASSES:
    _COLUMN_OF[_WAIT + _CLASS_IDS[_name]] = COLUMN_INDEX[f"wait.{_name.lower()}"]
for _place, _figure in enumerate(_PLAN_FIGURES.values()):
    _COLUMN_OF[_PLAN + _place] = COLUMN_INDEX[_figure]
_IS_WAIT: Final = np.array([isinstance(column, str) and column.startswith("wait.") for column in COLUMNS])
_MOST_TENANT: Final = 1 << 22  # ids beyond are garbage
_SESSIONS: Final = tuple(COLUMN_INDEX[column] for column in SESSION_FIGURES)

Ints = NDArray[np.int64]


class Form(Enum):
    """What the columns after a server's address hold."""

    CODES = auto()  # how many pairs, and the text of them
    SESSIONS = auto()  # text: "tenant sessions active locked,..."
    DISKS = auto()  # the four DISK_FIGURES


@dataclass(frozen=True, slots=True)
class WideQuery:
    """A statement, what its rows look like, and how often it is worth asking (ticks)."""

    view: str
    sql: str
    form: Form
    every: int = 1


def wide_plan(capability: Capability, only: Collection[Key] = ()) -> tuple[WideQuery, ...]:
    """The statements of a tick, as far as the cluster has their views with servers in them.

    With `only` others are not asked: the cluster fetches a server's rows from the server itself, so that one
    that hangs holds up everything. It is a list of those wanted, as only from one it is seen beforehand whom
    to ask.
    """
    builders = (_sysstat, _waits, _sessions, _plan_cache, _disks)
    named = [f"('{address}', {port})" for address, port in sorted(only) if _ADDRESS.fullmatch(address)]
    where = f"(svr_ip, svr_port) in ({', '.join(named)})" if named else "true"
    return tuple(query for build in builders if (query := build(capability, where)) is not None)


def _grouped(count: str, item: str, source: str) -> str:
    return (
        f"select {HINT} svr_ip, svr_port, {count}, group_concat({item} separator ' ')"  # noqa: S608
        f" from {source} group by svr_ip, svr_port limit {MOST_SERVERS}"
    )


def _sysstat(capability: Capability, where: str) -> WideQuery | None:
    view = "GV$SYSSTAT"
    if not capability.has(view, "SVR_IP", "SVR_PORT", "CON_ID", "STAT_ID", "VALUE"):
        return None
    ids = ",".join(map(str, STAT_IDS))
    item = f"concat(con_id * {PER_TENANT} + stat_id, ' ', value)"
    sql = _grouped("count(value)", item, f"oceanbase.{view} where stat_id in ({ids}) and {where}")
    return WideQuery(view, sql, Form.CODES)


def _waits(capability: Capability, where: str) -> WideQuery | None:
    view = "GV$SYSTEM_EVENT"
    needs = (
        "SVR_IP",
        "SVR_PORT",
        "CON_ID",
        "WAIT_CLASS_ID",
        "WAIT_CLASS",
        "TOTAL_WAITS",
        "TIME_WAITED_MICRO",
    )
    if not capability.has(view, *needs):
        return None
    classes = (
        f"(select svr_ip, svr_port, con_id * {PER_TENANT} + {_WAIT} + wait_class_id as code,"  # noqa: S608
        f" sum(time_waited_micro) as micros from oceanbase.{view}"
        f" where wait_class <> 'IDLE' and total_waits > 0 and {where}"
        " group by svr_ip, svr_port, con_id, wait_class_id) classes"
    )
    return WideQuery(view, _grouped("count(micros)", "concat(code, ' ', micros)", classes), Form.CODES)


def _sessions(capability: Capability, where: str) -> WideQuery | None:
    view = "GV$OB_PROCESSLIST"
    if not capability.has(view, "SVR_IP", "SVR_PORT", "ID", "TENANT", "STATE", "RETRY_INFO"):
        return None
    n, active, locked = SESSION_FIGURES.values()
    sql = (
        f"select {HINT} svr_ip, svr_port,"  # noqa: S608
        " group_concat(concat(tenant, ' ', n, ' ', active, ' ', locked) separator ',')"
        f" from (select svr_ip, svr_port, tenant, {n} as n, {active} as active, {locked} as locked"
        f" from oceanbase.{view} where id <> connection_id() and {where}"
        " group by svr_ip, svr_port, tenant) tenants"
        f" group by svr_ip, svr_port limit {MOST_SERVERS}"
    )
    return WideQuery(view, sql, Form.SESSIONS)


def _plan_cache(capability: Capability, where: str) -> WideQuery | None:
    view = "GV$OB_PLAN_CACHE_STAT"
    needs = tuple(name.upper() for name in _PLAN_FIGURES)
    if not capability.has(view, "SVR_IP", "SVR_PORT", "TENANT_ID", *needs):
        return None
    pairs = ", ' ', ".join(
        f"tenant_id * {PER_TENANT} + {_PLAN + place}, ' ', {name}" for place, name in enumerate(_PLAN_FIGURES)
    )
    count = f"{len(_PLAN_FIGURES)} * count({' + '.join(_PLAN_FIGURES)})"
    return WideQuery(view, _grouped(count, f"concat({pairs})", f"oceanbase.{view} where {where}"), Form.CODES)


def _disks(capability: Capability, where: str) -> WideQuery | None:
    view = "GV$OB_SERVERS"
    if not capability.has(view, "SVR_IP", "SVR_PORT", *DISK_COLUMNS):
        return None
    columns = ", ".join(DISK_COLUMNS).lower()
    sql = (
        f"select {HINT} svr_ip, svr_port, {columns} from oceanbase.{view} where {where} limit {MOST_SERVERS}"  # noqa: S608
    )
    return WideQuery(view, sql, Form.DISKS, every=10)


class Wide:
    """Collects the answers of one tick, then gives each server's rows: see `servers`."""

    def __init__(self, tenants: Mapping[str, int]) -> None:
        self._tenants = tenants
        self._keys: dict[Key, int] = {}
        self._raw: dict[tuple[object, object], int] = {}
        self._pairs: list[tuple[Ints, Ints]] = []  # (n, 2) code and value, (n) index of the server
        self._singles: dict[tuple[int, int, int], float] = {}  # by server, tenant, column

    def add(self, query: WideQuery, rows: Sequence[Row]) -> None:
        """Take in what a statement gave. A row that is not to be made sense of is left out."""
        if query.form is Form.DISKS:
            self._add_disks(rows)
        elif query.form is Form.SESSIONS:
            self._add_sessions(rows)
        else:
            self._add_codes(rows)

    def _server(self, row: Row) -> int | None:
        """The index of a row's server; both ways to write an IPv6 address are one."""
        raw = row[0], row[1]
        known = self._raw.get(raw)
        if known is None:
            key = key_of({"SVR_IP": raw[0], "SVR_PORT": raw[1]})
            if key is None:
                return None
            known = self._raw[raw] = self._keys.setdefault(key, len(self._keys))
        return known

    def _add_codes(self, rows: Sequence[Row]) -> None:
        servers, counts, texts = [], [], []
        for row in rows:
            server = self._server(row)
            if server is not None and row[3]:
                servers.append(server)
                counts.append(int(row[2]))
                texts.append(str(row[3]))
        pairs = _numbers(" ".join(texts))
        if pairs is None or len(pairs) != sum(counts):  # one of them is cut off or garbled: which?
            good = [(server, found) for server, count, text in zip(servers, counts, texts, strict=True)
                    if (found := _numbers(text)) is not None and len(found) == count]  # fmt: skip
            servers, counts = [server for server, _ in good], [len(found) for _, found in good]
            pairs = np.concatenate([found for _, found in good]) if good else np.empty((0, 2), dtype=np.int64)
        where = np.repeat(np.array(servers, dtype=np.int64), counts)
        self._pairs.append((pairs, where))

    def _add_sessions(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if (server := self._server(row)) is None:
                continue
            for entry in str(row[2] or "").split(","):
                name, _, counts = entry.partition(" ")
                found = counts.split(" ")
                if len(found) == len(_SESSIONS) and all(each.isdigit() for each in found):
                    tenant = self._tenants.get(name, SERVER_WIDE)
                    for column, count in zip(_SESSIONS, found, strict=True):
                        at = server, tenant, column
                        self._singles[at] = self._singles.get(at, 0.0) + float(count)
        for server in self._keys.values():  # none at all is an answer, too
            for column in _SESSIONS:
                self._singles.setdefault((server, SERVER_WIDE, column), 0.0)

    def _add_disks(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if (server := self._server(row)) is None:
                continue
            for figure, value in zip(DISK_FIGURES, row[2:], strict=True):
                if value is not None:
                    self._singles[server, SERVER_WIDE, COLUMN_INDEX[figure]] = float(value)

    def servers(self) -> dict[Key, tuple[tuple[int, ...], Floats]]:
        """By server its tenants (ascending) and their columns, as `Sample` has them; NaN for missing."""
        pairs = np.concatenate([each for each, _ in self._pairs] or [np.empty((0, 2), dtype=np.int64)])
        where = np.concatenate([each for _, each in self._pairs] or [np.empty(0, dtype=np.int64)])
        tenants, codes = np.divmod(pairs[:, 0], PER_TENANT)
        columns = _COLUMN_OF[codes]
        sound = (columns >= 0) & (tenants >= 0) & (tenants < _MOST_TENANT)
        if not sound.all():
            pairs, where, tenants, columns = pairs[sound], where[sound], tenants[sound], columns[sound]
        owners = _Owners(where, tenants, [(server, tenant) for server, tenant, _ in self._singles])
        rows = owners.rows(where, tenants)
        grid = np.full((len(owners.servers), len(COLUMNS)), np.nan)
        waited = np.zeros(len(grid), dtype=np.bool_)
        waited[rows[_IS_WAIT[columns]]] = True
        grid[np.ix_(waited, _IS_WAIT)] = 0.0  # classes that are left out
        values = pairs[:, 1].astype(np.float64)
        values[~((values >= 0) & (values < LARGEST))] = np.nan  # overflowed, or counted down too far
        grid[rows, columns] = values
        if self._singles:
            places, figures = zip(*self._singles.items(), strict=True)
            server, tenant, column = np.array(places, dtype=np.int64).T
            grid[owners.rows(server, tenant), column] = figures
        return owners.cut(grid, list(self._keys))


_MOST_ROWS: Final = 20_000_000
"""Of tenants on servers: more would be made to fill the memory."""


class _Owners:
    """The rows of a tick: each belongs to a tenant (0: none) on a server, in the order of both.

    `servers` and `tenants` say whose each row is.
    """

    def __init__(self, servers: Ints, tenants: Ints, more: Sequence[tuple[int, int]]) -> None:
        others = np.array(more, dtype=np.int64).reshape(-1, 2)
        servers, tenants = np.append(servers, others[:, 0]), np.append(tenants, others[:, 1])
        listed = np.flatnonzero(np.bincount(tenants))
        self._place = np.zeros(int(listed[-1]) + 1 if len(listed) else 0, dtype=np.int64)
        self._place[listed] = np.arange(len(listed))
        self._width = len(listed)
        if len(servers) and (int(servers.max()) + 1) * self._width > _MOST_ROWS:
            raise ValueError("more tenants on more servers than there can be")
        there = np.zeros((int(servers.max()) + 1 if len(servers) else 0) * self._width, dtype=np.bool_)
        there[servers * self._width + self._place[tenants]] = True
        self._row = np.cumsum(there) - 1
        self.servers, places = np.divmod(np.flatnonzero(there), max(self._width, 1))
        self.tenants = listed[places]

    def rows(self, servers: Ints, tenants: Ints) -> Ints:
        """The row of each tenant on a server."""
        found: Ints = self._row[servers * self._width + self._place[tenants]]
        return found

    def cut(self, grid: Floats, keys: Sequence[Key]) -> dict[Key, tuple[tuple[int, ...], Floats]]:
        """The part of the grid of each server, without a copy."""
        tenants = self.tenants.tolist()
        bounds = [*np.flatnonzero(np.diff(self.servers, prepend=-1)).tolist(), len(tenants)]
        return {
            keys[self.servers[start]]: (tuple(tenants[start:end]), grid[start:end])
            for start, end in pairwise(bounds)
        }


def _numbers(text: str) -> Ints | None:
    """Pairs of whole numbers, shape (n, 2); None if the text is anything else."""
    try:
        with warnings.catch_warnings():  # it stops where it cannot read on, and warns
            warnings.simplefilter("error", DeprecationWarning)
            found = np.fromstring(text, dtype=np.int64, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return None if len(found) % 2 else found.reshape(-1, 2)
