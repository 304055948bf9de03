"""Facts that are asked of more than one server: whether it is reached, and what others say of it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.service.facts.ask import TIMEOUT, Answer, connected, span, text
from distdiag_tui.sources.trouble import diagnose

_OTHERS: Final = 4
"""Further servers that are asked."""
_VIEW: Final = "DBA_OB_SERVERS"

Outside = Callable[[Target, Endpoint], Awaitable[Answer]]


async def _reach(target: Target, endpoint: Endpoint) -> Answer:
    """A connection to each SQL port, as far as the server's first word."""
    asked = _some(target, endpoint)
    found = await asyncio.gather(*(_greeting(each) for each in asked))
    table = tuple((each.label, words) for each, words in zip(asked, found, strict=True))
    return Answer(("server", "from here"), table, f"{endpoint.label}: {found[0]}")


async def _greeting(endpoint: Endpoint) -> str:
    begun = time.monotonic()
    writer = None
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            opened = time.monotonic() - begun
            if not await reader.read(1):
                return f"takes a connection after {span(opened)} and closes it"
            return f"answers after {span(time.monotonic() - begun)}"
    except TimeoutError:
        return f"{'takes a connection, but is silent' if writer else 'does not answer'} for {TIMEOUT:g} s"
    except OSError as error:
        # asyncio puts words of its own in place of the system's
        if error.errno is None or isinstance(error, socket.gaierror):
            return str(error.strerror or error).lower()
        return os.strerror(error.errno).lower()
    finally:
        if writer is not None:
            writer.close()


async def _clock(target: Target, endpoint: Endpoint) -> Answer:
    """Against our own; half of the way there and back is how wrong that can be."""
    asked = _some(target, endpoint)
    found = await asyncio.gather(*(_offset(target, each) for each in asked))
    table = tuple((each.label, words) for each, words in zip(asked, found, strict=True))
    return Answer(("server", "against this machine's clock"), table, f"{endpoint.label}: {found[0]}")


async def _offset(target: Target, endpoint: Endpoint) -> str:
    try:
        async with connected(endpoint, target, ()) as server:
            before, begun = time.time(), time.monotonic()
            ((micros,),) = await server.rows("time_to_usec(now(6))")
            took = time.monotonic() - begun
    except Exception as error:  # whatever the driver makes of a sick server
        return diagnose(error)[1]
    offset = float(micros) / 1e6 - (before + took / 2)
    return f"{'+' if offset >= 0 else '-'}{span(abs(offset))} (± {span(took / 2)})"


async def _servers(target: Target, endpoint: Endpoint) -> Answer:
    """What any other server that answers says of all of them."""
    for other in _some(target, endpoint)[1:]:
        with suppress(Exception):
            async with connected(other, target, (_VIEW,)) as server:
                if not server.has(_VIEW):
                    continue
                rows = await server.rows(
                    "concat(svr_ip, ':', sql_port), zone, status, with_rootserver, last_offline_time,"
                    f" timestampdiff(second, start_service_time, now()) from oceanbase.{_VIEW}"
                    " order by status = 'ACTIVE', zone, svr_ip limit 30"
                )
            table = tuple(
                (text(address), text(zone), text(status), "root service" if root == "YES" else "",
                 text(offline), span(serves))
                for address, zone, status, root, offline, serves in rows
            )  # fmt: skip
            says = ", ".join(f"{row[0]} is {row[2]}" for row in table if row[2] != "ACTIVE")
            return Answer(("server", "zone", "status", "role", "offline since", "serves for"), table, says)
    raise DistdiagError("no other server tells")


def _some(target: Target, endpoint: Endpoint) -> list[Endpoint]:
    """The one concerned, then some others."""
    return [endpoint, *[each for each in target.endpoints if each != endpoint][:_OTHERS]]


OUTSIDE: Final[dict[str, tuple[str, Outside]]] = {
    "reach": ("Reached from here", _reach),
    "clock": ("Clocks", _clock),
    "servers": ("What the cluster says of its servers", _servers),
}
