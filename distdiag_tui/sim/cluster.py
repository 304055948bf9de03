"""The cluster as its clients find it: it answers what sessions ask, from the model and in SQL."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from distdiag_tui.sim import changes, dialect, wire
from distdiag_tui.sim.accounts import Accounts
from distdiag_tui.sim.definitions import VERSIONS, Definition, definitions
from distdiag_tui.sim.dialect import Statement
from distdiag_tui.sim.load import Load
from distdiag_tui.sim.rows import rows_of, schema
from distdiag_tui.sim.rows.ask import Ask, Connection, Rows
from distdiag_tui.sim.sqlengine import Engine
from distdiag_tui.sim.sqlerror import SqlError, no_table
from distdiag_tui.sim.wire import Column
from distdiag_tui.sim.world import Server, Tenant, World

if TYPE_CHECKING:
    from distdiag_tui.sim.session import Session

_KEPT: Final = 1000  # statements whose parsing is remembered
_GLANCE: Final = 0.02  # s, between looks whether a server still hangs
_PATIENCE: Final = 10.0  # s that a statement without a hint may take, as `ob_query_timeout` says
_HINT: Final = re.compile(r"QUERY_TIMEOUT\((\d+)\)")


@dataclass(slots=True)
class Faults:
    """What is wrong with servers, by index. `delays` are seconds before each answer.

    Those that hang answer nobody, not even other servers that need their rows for a GV$ view.
    """

    delays: dict[int, float] = field(default_factory=dict)
    garbled: set[int] = field(default_factory=set)
    hung: set[int] = field(default_factory=set)
    spoilt: dict[int, str] = field(default_factory=dict)


class Cluster:
    """One thread runs the SQL, one statement at a time, so that the loop stays free."""

    def __init__(self, world: World, load: Load, accounts: Accounts) -> None:
        self.world = world
        self.load = load
        self.accounts = accounts
        self.faults = Faults()
        self.route: Server | None = None  # where OBProxy sends everybody
        self.sessions: set[Session] = set()
        self.asked: set[str] = set()
        self.refused: deque[tuple[str, SqlError]] = deque(maxlen=_KEPT)
        self.version_text = f"5.7.25-OceanBase-v{VERSIONS[world.shape.version]}"
        self._definitions = definitions(world.shape.version)
        self._engine = Engine()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stand-in")
        self._parsed: dict[str, exp.Expr] = {}
        self._rewritten: dict[tuple[object, ...], Statement] = {}
        self.lock = threading.Lock()  # held while the model changes, and while rows are made of it

    def close(self) -> None:
        """Free the engine once it has finished."""
        self._thread.shutdown(wait=True)
        self._engine.close()

    def hosts(self, server: Server, tenant: Tenant) -> bool:
        """Whether one can log in to the tenant there; to sys one can everywhere."""
        return tenant.kind == "SYS" or any(unit.tenant is tenant for unit in self.world.units_on(server))

    def advance(self, now: float) -> None:
        """Let the model go on to that time."""
        with self.lock:
            changes.settle(self.world, now)
            self.load.advance(now)

    async def delay(self, server: Server) -> None:
        """Wait as long as a slow server does."""
        if seconds := self.faults.delays.get(server.index):
            await asyncio.sleep(seconds)
        while server.index in self.faults.hung:  # noqa: ASYNC110  healed from anywhere, in no hurry
            await asyncio.sleep(_GLANCE)

    async def gather(self, sql: str, tree: exp.Expr) -> None:
        """Wait for the servers whose rows a statement needs; SqlError when one hangs for too long."""
        hint = _HINT.search(sql)
        patience = int(hint[1]) / 1e6 if hint else _PATIENCE
        until = time.monotonic() + patience
        while any(self.world.servers[index].alive and _needs(tree, self.world.servers[index])
                  for index in self.faults.hung):  # fmt: skip
            if time.monotonic() > until:
                longest = f"{patience * 1e6:.0f}(us)"
                raise SqlError(4012, f"Timeout, query has reached the maximum query timeout: {longest}")
            await asyncio.sleep(_GLANCE)

    def parsed(self, sql: str) -> exp.Expr:
        """A statement's tree, which nobody changes. SqlError if it cannot be read."""
        if sql not in self._parsed:
            if len(self._parsed) >= _KEPT:
                self._parsed.clear()
            self._parsed[sql] = dialect.parse(sql)
        return self._parsed[sql]

    def columns(self, database: str, view: str, tenant: Tenant, account: str) -> Mapping[str, str]:
        """Names and types of a view's columns; SqlError if it cannot be seen."""
        return self._definition(database, view.upper(), tenant, account).columns

    async def ask(self, question: dict[str, Any]) -> bytes:
        """The packets that answer a session's SELECT. SqlError as the server would have it."""
        loop = asyncio.get_running_loop()
        connections = [listed for each in self.sessions if (listed := each.listed()) is not None]
        return await loop.run_in_executor(
            self._thread, lambda: wire.answer(self._run(connections=connections, **question), 1)
        )

    def _run(
        self,
        *,
        sql: str,
        tree: exp.Query,
        tenant: Tenant,
        server: Server,
        database: str,
        variables: Mapping[str, object],
        account: str,
        number: int,
        connections: list[Connection],
    ) -> list[Column]:
        def look_up(where: str, name: str) -> Definition:
            return self._definition(where, name, tenant, account)

        def columns_of(where: str, name: str) -> Iterable[str]:
            return look_up(where, name).columns

        key = (sql, tenant.kind, account, database, variables["group_concat_max_len"])
        if key not in self._rewritten:
            if len(self._rewritten) >= _KEPT:
                self._rewritten.clear()
            self._rewritten[key] = dialect.rewrite(sql, tree, columns_of, database, variables)
        statement = self._rewritten[key]
        for table in statement.tables:
            look_up(table.database, table.name)
        if not statement.empty:
            self.asked.update(table.name for table in statement.tables)
        now = time.time()
        self.advance(now)

        def rows(definition: Definition, asked: Statement) -> Rows:
            ask = Ask(
                self.world, self.load, self.world.shape.version, now, tenant, server,
                wanted=asked.wanted, connections=connections, spoilt=self.faults.spoilt,
            )  # fmt: skip
            if asked.empty:
                return {}
            with self.lock:
                return rows_of(definition.name, ask)

        session = self._session(now, tenant, server, account, number) | {"database": database or None}
        return self._engine.run(statement, look_up, rows, session)

    def _session(
        self, now: float, tenant: Tenant, server: Server, account: str, number: int
    ) -> dict[str, object]:
        moment = datetime.fromtimestamp(now + server.skew, UTC).replace(tzinfo=None)
        user = f"{account.partition('@')[0]}@%"
        return {
            "connection_id": number, "effective_tenant_id": tenant.id, "host_ip": server.ip,
            "rpc_port": server.rpc_port, "mysql_port": server.sql_port, "version": self.version_text,
            "ob_version": VERSIONS[self.world.shape.version], "user": user, "current_user": user,
            "now": moment.replace(microsecond=0), "now_fine": moment,
        }  # fmt: skip

    def _definition(self, database: str, name: str, tenant: Tenant, account: str) -> Definition:
        if not database:
            raise SqlError(1046, "No database selected")
        if database == schema.DATABASE and name in schema.DEFINITIONS:
            return schema.DEFINITIONS[name]
        found = self._definitions.get(name) or self._definitions.get(f"G{name}")
        if database != "oceanbase" or found is None or (found.sys_only and tenant.kind != "SYS"):
            raise no_table(f"{database}.{name.lower()}")
        self.accounts.check_view(account, name)
        return found if found.name == name else Definition(name, found.columns, found.sys_only)


def _needs(tree: exp.Expr, server: Server) -> bool:
    """Whether a statement needs rows from that server: of a GV$ view, unless it lists others alone."""
    limit = tree.args.get("limit")
    if limit is not None and limit.expression.name == "0":
        return False
    if not any(table.name.upper().startswith("GV$") for table in tree.find_all(exp.Table)):
        return False
    lists = [found for found in tree.find_all(exp.In) if isinstance(found.this, exp.Tuple)]
    named = {tuple(part.name for part in pair.expressions) for each in lists for pair in each.expressions}
    return not lists or (server.ip, str(server.rpc_port)) in named
