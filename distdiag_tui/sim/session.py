"""One client's connection: logging in, then a statement at a time."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlglot import exp

from distdiag_tui.sim import accounts, wire
from distdiag_tui.sim.definitions import VERSIONS
from distdiag_tui.sim.rows.ask import Connection
from distdiag_tui.sim.sqlerror import SqlError
from distdiag_tui.sim.wire import Column, Type

if TYPE_CHECKING:
    from distdiag_tui.sim.cluster import Cluster
    from distdiag_tui.sim.world import Server, Tenant

_QUIT, _INIT_DB, _QUERY, _STATISTICS, _PING, _RESET = 1, 2, 3, 9, 14, 31
_COLUMNS: Final = re.compile(
    r"(?:show\s+(?:full\s+)?(?:columns|fields)\s+(?:from|in)|desc|describe)\s+"
    r"(?:`?(?P<database>\w+)`?\.)?`?(?P<view>[\w$]+)`?\s*;?",
    re.IGNORECASE,
)
_NOT_HERE: Final = "the stand-in stores nothing: it answers questions only"

VARIABLES: Final[dict[str, object]] = {
    "autocommit": 1, "auto_increment_increment": 1, "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4", "character_set_results": "utf8mb4",
    "character_set_server": "utf8mb4",
    "collation_connection": "utf8mb4_general_ci", "collation_server": "utf8mb4_general_ci",
    "group_concat_max_len": 1024, "interactive_timeout": 28800, "lower_case_table_names": 1,
    "max_allowed_packet": 16777216, "net_read_timeout": 30, "net_write_timeout": 60,
    "ob_log_level": "disabled",
    "ob_query_timeout": 10000000, "ob_read_consistency": "STRONG", "ob_trx_timeout": 86400000000,
    "ob_trx_idle_timeout": 86400000000, "ob_compatibility_mode": "MYSQL", "read_only": 0, "recyclebin": 0,
    "sql_mode": "STRICT_ALL_TABLES,NO_ZERO_IN_DATE", "system_time_zone": "+00:00", "time_zone": "+00:00",
    "transaction_isolation": "READ-COMMITTED", "tx_isolation": "READ-COMMITTED", "wait_timeout": 28800,
}  # fmt: skip


class Session:
    """`server` is where it is connected to; through OBProxy `pick` chooses it for the tenant at login."""

    def __init__(
        self,
        cluster: Cluster,
        number: int,
        client: str,
        server: Server,
        pick: Callable[[Tenant], Server] | None,
    ) -> None:
        self.number = number
        self.server = server
        self._cluster = cluster
        self._client = client
        self._pick = pick
        self._account = ""
        self._tenant = cluster.world.tenants[0]
        self._database = ""
        self._variables = VARIABLES | {
            "version": cluster.version_text,
            "version_comment": f"OceanBase_CE {VERSIONS[cluster.world.shape.version]} (stand-in)",
        }
        self._since = time.time()
        self._statement = ""
        self._logged_in = False

    def listed(self) -> Connection | None:
        """How it appears among the sessions, once it has logged in."""
        if not self._logged_in:
            return None
        return Connection(
            self.number, self._account.partition("@")[0], self._tenant, self.server, self._client,
            self._database,
            self._since, self._statement, self.number if self._pick else 0,
        )  # fmt: skip

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the client leaves, or what it sends makes no sense."""
        salt = bytes(secrets.choice(range(1, 127)) for _ in range(20))
        writer.write(wire.packets(wire.greeting(self._cluster.version_text, self.number, salt), 0))
        sequence = 1
        try:
            sequence, body = await _packet(reader)
            login = wire.read_login(body)
            if login.plugin not in (b"", wire.PLUGIN):
                writer.write(wire.packets(wire.switch_auth(salt), sequence + 1))
                sequence, answer = await _packet(reader)
            else:
                answer = login.answer
            self._log_in(login, answer, salt)
        except SqlError as trouble:
            await self._cluster.delay(self.server)
            writer.write(wire.packets(wire.error(trouble), sequence + 1))
            return
        except (ValueError, IndexError):
            return
        await self._cluster.delay(self.server)
        writer.write(wire.packets(wire.ok(), sequence + 1))
        self._logged_in = True
        await self._commands(reader, writer)

    def _log_in(self, login: wire.Login, answer: bytes, salt: bytes) -> None:
        user, tenant = accounts.read_user(login.user, self._cluster.world)
        self._account, self._tenant = f"{user}@{tenant.name}", tenant
        self._cluster.accounts.check(self._account, self._client.partition(":")[0], answer, salt)
        if self._pick is not None:
            self.server = self._pick(tenant)
        elif not self._cluster.hosts(self.server, tenant):
            raise SqlError(5150, "Tenant not in this server")
        self._use(login.database)

    async def _commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await _packet(reader)
            if not body or body[0] == _QUIT:
                return
            self._since, self._statement = time.time(), ""
            try:
                reply = await self._reply(body[0], body[1:])
            except SqlError as trouble:
                self._cluster.refused.append((self._statement, trouble))
                reply = wire.packets(wire.error(trouble), 1)
            self._since, self._statement = time.time(), ""
            await self._cluster.delay(self.server)
            if self.server.index in self._cluster.faults.garbled:
                writer.write(os.urandom(200))
                return
            writer.write(reply)
            await writer.drain()

    async def _reply(self, command: int, rest: bytes) -> bytes:
        if command == _QUERY:
            try:
                self._statement = rest.decode()
            except UnicodeDecodeError as error:
                raise SqlError(1064, "the statement is not UTF-8") from error
            return await self._query(self._statement)
        if command == _INIT_DB:
            self._use(rest.decode(errors="replace"))
        elif command == _STATISTICS:
            return wire.packets(b"a stand-in", 1)
        elif command not in (_PING, _RESET):
            raise SqlError(1047, "Unknown command: the stand-in speaks the text protocol only")
        return wire.packets(wire.ok(), 1)

    async def _query(self, sql: str) -> bytes:
        tree = self._cluster.parsed(sql)
        if isinstance(tree, exp.Query):
            await self._cluster.gather(sql, tree)
            return await self._cluster.ask(self._question(sql, tree))
        if isinstance(tree, exp.Set):
            self._set(tree)
        elif isinstance(tree, exp.Use):
            self._use(tree.this.name)
        elif isinstance(tree, (exp.Command, exp.Show, exp.Describe)):
            return wire.answer(self._command(sql), 1)
        elif not isinstance(tree, (exp.Transaction, exp.Commit, exp.Rollback)):
            raise SqlError(1235, _NOT_HERE)
        return wire.packets(wire.ok(), 1)

    def _question(self, sql: str, tree: exp.Query) -> dict[str, Any]:
        return {
            "sql": sql, "tree": tree, "tenant": self._tenant, "server": self.server,
            "database": self._database,
            "variables": self._variables, "account": self._account, "number": self.number,
        }  # fmt: skip

    def _command(self, sql: str) -> list[Column]:
        """SHOW DATABASES, and SHOW COLUMNS or DESC of a view."""
        if re.fullmatch(r"show\s+databases\s*;?", sql.strip(), re.IGNORECASE):
            return [_texts("Database", ["information_schema", "oceanbase"])]
        if match := _COLUMNS.fullmatch(sql.strip()):
            database = (match["database"] or self._database).lower()
            columns = self._cluster.columns(database, match["view"], self._tenant, self._account)
            rest = {name: [""] * len(columns) for name in ("Key", "Default", "Extra")}
            cells = {"Field": list(columns), "Type": list(columns.values()), "Null": ["YES"] * len(columns)}
            return [_texts(name, texts) for name, texts in (cells | rest).items()]
        raise SqlError(1235, _NOT_HERE)

    def _use(self, database: str) -> None:
        if database and database.lower() not in ("oceanbase", "information_schema"):
            raise SqlError(1049, f"Unknown database '{database}'")
        self._database = database.lower()

    def _set(self, tree: exp.Set) -> None:
        for item in tree.expressions:
            if item.args.get("kind") in ("NAMES", "CHARACTER SET", "TRANSACTION"):
                continue
            if not isinstance(item.this, exp.EQ) or isinstance(item.this.this, exp.Parameter):
                continue  # a variable of the user's own
            name = item.this.this.name.lower()
            if name not in self._variables:
                raise SqlError(1193, f"Unknown system variable '{name}'")
            value = item.this.expression
            number = isinstance(value, exp.Literal) and not value.is_string
            self._variables[name] = int(value.this) if number else value.name


def _texts(name: str, texts: list[str]) -> Column:
    return Column(name, Type.VAR_STRING, np.array(texts, dtype=object))


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A packet's number and body, put together if it came in pieces."""
    whole = b""
    while True:
        head = await reader.readexactly(4)
        size = int.from_bytes(head[:3], "little")
        whole += await reader.readexactly(size)
        if size < 0xFFFFFF:
            return head[3], whole
