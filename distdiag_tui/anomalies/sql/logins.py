"""A storm of logins."""

from __future__ import annotations

from distdiag_tui.anomalies.sql.asking import tag
from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.workloads.pacer import Pacer
from distdiag_tui.workloads.session import Session


class Storm(SqlFault):
    """Clients that log in, ask one thing and leave; `per_s` logins in all, or as many as go."""

    @property
    def _query(self) -> str:
        return f"SELECT 1 /* {tag(self.site)} */"

    async def _doing(self) -> list[str]:
        words = "{clients} clients, {per_s} times a second in all: log in, {query}, leave"
        return [words.format(**self.values, query=self._query)]

    def _crew(self) -> Clients:
        pacer = Pacer(float(self.values["per_s"]), lambda _: None)

        async def visit(session: Session) -> None:
            await session.query(self._query)
            session.close()  # the next round begins with a login
            await pacer.turn()

        return Clients(self.site, [visit] * int(self.values["clients"]), marked=False)
