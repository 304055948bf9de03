"""SQL faults on the live lab: made here, or by a process that is then killed; and certain to be gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from conftest import LiveLab
from live_load import sql

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.protocol import Fault, Notes, Site
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.workloads.options import Value

T = TypeVar("T")

CHILD = """
import asyncio, json, sys
from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.model.target import Endpoint, Secret

async def main():
    request = json.loads(sys.stdin.readline())
    endpoint, password = Endpoint(**request.pop("endpoint")), Secret(request.pop("password"))
    anomaly = request.pop("anomaly")
    fault = find_anomaly(anomaly).means[0].create(Site(endpoint=endpoint, password=password, **request))
    await fault.apply(lambda key, text: print(json.dumps([key, text]), flush=True))
    print(json.dumps(["there", ""]), flush=True)
    await fault.hold()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Case:
    """A fault on one node of the lab."""

    lab: LiveLab
    anomaly: str
    site: Site

    @classmethod
    def of(cls, lab: LiveLab, anomaly: str, values: Mapping[str, Value], index: int = 0) -> Case:
        target = lab.target
        name = f"{anomaly}-{uuid.uuid4().hex[:4]}"
        endpoint = target.endpoints[index]
        return cls(
            lab, anomaly, Site(name, "lab", endpoint, target.user, target.password, values, 60.0, lab.home)
        )

    def fault(self) -> Fault:
        """As any process makes it from the site alone."""
        return find_anomaly(self.anomaly).means[0].create(self.site)

    def as_user(self, user: str) -> Case:
        return replace(self, site=replace(self.site, user=user))

    async def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        return await sql(self.lab.target, self.site.endpoint, *statements)

    async def value(self, query: str) -> Any:  # noqa: ANN401 - whatever the server gives
        return (await self.sql(query))[0][0]

    async def databases(self) -> list[str]:
        """Those of this injection."""
        suffix = self.site.injection.replace("-", "_")
        return [name for (name,) in await self.sql("SHOW DATABASES") if str(name).endswith(suffix)]

    async def sessions(self) -> int:
        mark = f"distdiag {self.site.injection.replace('-', '_')}"
        query = "SELECT COUNT(*) FROM oceanbase.GV$OB_PROCESSLIST WHERE client_info"
        return int(await self.value(f"{query} = '{mark}'"))

    @asynccontextmanager
    async def made(self) -> AsyncIterator[dict[str, str]]:
        """The fault is there, and gone again afterwards. Gives its notes."""
        notes: dict[str, str] = {}
        fault = self.fault()
        holding: asyncio.Future[str] | None = None
        try:
            await fault.apply(notes.__setitem__)
            holding = asyncio.ensure_future(fault.hold())
            yield notes
        finally:
            if holding is not None:
                holding.cancel()
                await asyncio.wait({holding})
            await self.undone(notes, fault)

    async def killed(
        self, after: str = "there", while_hung: Callable[[dict[str, str]], Awaitable[None]] | None = None
    ) -> dict[str, str]:
        """Another process made it, and was killed as soon as it had written `after`. Gives its notes.

        With `while_hung` it is frozen first, and killed when that is done.
        """
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdin is not None
        assert child.stdout is not None
        site = self.site
        request = {
            "anomaly": self.anomaly,
            "injection": site.injection,
            "cluster": site.cluster,
            "endpoint": asdict(site.endpoint),
            "user": site.user,
            "password": site.password.reveal(),
            "values": dict(site.values),
            "seconds": site.seconds,
        }
        notes: dict[str, str] = {}
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            async for line in child.stdout:
                key, text = json.loads(line)
                if key != "there":
                    notes[key] = text
                if key == after:
                    if while_hung is not None:
                        os.kill(child.pid, signal.SIGSTOP)
                        await while_hung(notes)
                    return notes
            raise AssertionError(f"it ended before {after!r}")
        finally:
            os.kill(child.pid, signal.SIGKILL)
            await child.wait()

    async def undone(self, notes: Notes, fault: Fault | None = None, seconds: float = 60.0) -> None:
        """Reverted, again and again as the supervisor does, until nothing is left."""
        fault = fault or self.fault()

        async def gone() -> str:
            try:
                await fault.revert(notes)
                return await fault.remains(notes)
            except DistdiagError as error:
                return str(error)

        await becomes(gone, lambda left: left == "", seconds)


async def becomes(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 20.0) -> T:
    """Look until it is good."""
    end = asyncio.get_running_loop().time() + seconds
    while not good(found := await look()):
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.1)
    return found
