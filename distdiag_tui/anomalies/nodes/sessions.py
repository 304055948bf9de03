"""End the sessions of a lab node, so that its clients connect anew."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.model.errors import AnomalyError, DistdiagError
from distdiag_tui.workloads.database import statements
from distdiag_tui.workloads.session import Node


async def end_sessions(site: Site, host: str) -> None:
    """KILL every session but the one that does it, reaching the server by `host`.

    AnomalyError if the server does not answer.
    """
    node = Node(replace(site.endpoint, host=host), site.user, site.password)
    try:
        async with statements(node) as cursor:
            await cursor.execute("SELECT CONNECTION_ID()")
            ((own,),) = await cursor.fetchall()
            await cursor.execute("SHOW PROCESSLIST")
            for session in [int(row[0]) for row in await cursor.fetchall()]:
                if session != int(own):
                    with suppress(DistdiagError):  # it may have ended by itself
                        await cursor.execute(f"KILL {session}")
    except DistdiagError as error:
        raise AnomalyError(str(error)) from error
