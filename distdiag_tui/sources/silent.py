"""Which servers of a cluster let everybody wait: one of them holds up every question about the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from distdiag_tui.model.target import Target
from distdiag_tui.sources.discovery.known import Key, Place
from distdiag_tui.sources.queries import HINT
from distdiag_tui.sources.session import connect

WAIT: Final = 2.0  # s that a server has to answer, from the first byte to the last
_AT_ONCE: Final = 32  # connections


async def silent(places: Iterable[Place], target: Target) -> frozenset[Key]:
    """Those that neither answer nor refuse, each asked over a short connection of its own.

    None at all if every one is silent: then the network does not lead there, and nobody is to blame.
    """
    gate = asyncio.Semaphore(_AT_ONCE)
    asked = [place for place in places if place.direct]
    waits = await asyncio.gather(*(_waits(place, target, gate) for place in asked))
    found = frozenset(place.key for place, lets_wait in zip(asked, waits, strict=True) if lets_wait)
    return found if len(found) < len(asked) else frozenset()


async def _waits(place: Place, target: Target, gate: asyncio.Semaphore) -> bool:
    link = None
    async with gate:
        try:
            async with asyncio.timeout(WAIT):
                link = await connect(place.endpoint, target, WAIT)
                async with link.cursor() as cursor:
                    await cursor.execute(f"select {HINT} 1")
                    await cursor.fetchall()
        except TimeoutError:
            return True
        except Exception as error:
            return isinstance(error.__cause__ or error.__context__, TimeoutError)
        finally:
            if link is not None:
                link.close()
    return False
