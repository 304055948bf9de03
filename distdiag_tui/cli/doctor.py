"""`distdiag doctor`: what is missing here, and how to mend it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from distdiag_tui.cli.options import TargetName
from distdiag_tui.model.text import plain

if TYPE_CHECKING:
    from distdiag_tui.doctor.check import Check

Json = Annotated[bool, typer.Option("--json", help="One JSON object a check (distdiag.doctor/1).")]

_SIGNS: Final = {"ok": "✓", "missing": "–", "failing": "✗", "unreachable": "✗"}


def doctor(
    target: TargetName = None,
    *,
    as_json: Json = False,
) -> int:
    """Check all that distdiag works with, and say how to mend what is wrong; changes nothing.

    Exit code 0: nothing is wrong, though something that not everybody needs may be missing; 1: something is;
    3: a server, or Prometheus, does not answer.
    """
    return asyncio.run(_tell_all(target, as_json=as_json))


async def _tell_all(target: str | None, *, as_json: bool) -> int:
    from distdiag_tui.doctor.check import exit_code  # noqa: PLC0415  with the driver

    found = []
    async for check in _all(target):
        found.append(check)
        typer.echo(json.dumps(check.document()) if as_json else _line(check))
    return exit_code(found)


async def _all(target: str | None) -> AsyncIterator[Check]:
    from distdiag_tui.doctor.rounds import elsewhere, on_this_machine  # noqa: PLC0415  as above

    for check in on_this_machine():
        yield check
    async for check in elsewhere(target):
        yield check


def _line(check: Check) -> str:
    line = f"{_SIGNS[check.state]} {check.name:22} {plain(check.words, 300)}"
    return f"{line}\n  {'':22} {plain(check.mend, 300)}" if check.mend else line
