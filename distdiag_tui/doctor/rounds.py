"""All checks, one after the other as they come in, none of them longer than a few seconds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Final

from distdiag_tui.config import resolve_target
from distdiag_tui.config.prometheus import environment_prometheus
from distdiag_tui.doctor import here
from distdiag_tui.doctor.check import Check
from distdiag_tui.doctor.history import prometheus
from distdiag_tui.doctor.kubernetes import kubernetes
from distdiag_tui.doctor.servers import servers
from distdiag_tui.model.errors import ConfigError, DistdiagError
from distdiag_tui.model.target import Target

LONGEST: Final = 8.0
"""Seconds of one group of checks."""


def on_this_machine() -> Iterator[Check]:
    """Those that ask nobody else."""
    for look in (
        here.python,
        partial(here.terminal, os.environ),
        partial(here.colours, os.environ),
        here.extras,
        here.programs,
        here.folders,
    ):
        yield from look()


async def elsewhere(name: str | None) -> AsyncIterator[Check]:
    """The cluster of that name, Kubernetes and Prometheus; all are asked at once."""
    target, trouble = _target(name)
    if trouble is not None:
        yield trouble
    groups = [("kubernetes", kubernetes(target)), ("prometheus", _history(target))]
    if target is not None:
        groups.insert(0, ("servers", servers(target)))
    for checks in await asyncio.gather(*(_in_time(title, group) for title, group in groups)):
        for check in checks:
            yield check


def _target(name: str | None) -> tuple[Target | None, Check | None]:
    try:
        target = resolve_target(name)
    except DistdiagError as error:
        if name is None:
            return None, Check("cluster", "missing", str(error), "name one to check it")
        return None, Check("cluster", "failing", str(error), "see: distdiag connect --help")
    return target, None


async def _history(target: Target | None) -> AsyncIterator[Check]:
    try:
        server = environment_prometheus() if target is None else target.prometheus
    except ConfigError as error:
        yield Check("prometheus", "failing", str(error), "mend PROMETHEUS_URL and what belongs to it")
        return
    for check in await prometheus(server):
        yield check


async def _in_time(title: str, checks: AsyncIterator[Check]) -> list[Check]:
    found: list[Check] = []
    try:
        async with asyncio.timeout(LONGEST):
            async for check in checks:
                found.append(check)
    except TimeoutError:
        found.append(Check(title, "unreachable", f"no answer within {LONGEST:g} s", "is the network slow?"))
    return found
