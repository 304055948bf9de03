"""Who may log in to what, and what they may read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from distdiag_tui.sim import wire
from distdiag_tui.sim.sqlerror import SqlError
from distdiag_tui.sim.world import Tenant, World

MONITOR: Final = "monitor"
"""A read-only account of sys and of every tenant."""
_USER: Final = re.compile(r"(?P<user>[^@#]*)(?:@(?P<tenant>[^#]*))?(?:#(?P<cluster>.*))?")


@dataclass(slots=True)
class Accounts:
    """One password for all of them, as a double SHA-1. Accounts are written user@tenant."""

    stage_two: bytes
    expired: set[str] = field(default_factory=set)
    denied: set[tuple[str, str]] = field(default_factory=set)

    def check(self, account: str, address: str, answer: bytes, salt: bytes) -> None:
        """SqlError if there is no such account, or its password is another or has expired."""
        user = account.partition("@")[0]
        if user not in ("root", MONITOR) or not wire.proves(answer, salt, self.stage_two):
            used = "YES" if answer else "NO"
            raise SqlError(1045, f"Access denied for user '{user}'@'{address}' (using password: {used})")
        if account in self.expired:
            raise SqlError(
                1862, "Your password has expired. To log in you must change it using a client that supports"
                " expired passwords."
            )  # fmt: skip

    def check_view(self, account: str, view: str) -> None:
        """SqlError 1142 if the account may not read it."""
        if (account, view.upper()) in self.denied:
            user = account.partition("@")[0]
            raise SqlError(1142, f"SELECT command denied to user '{user}'@'%' for table '{view.lower()}'")


def read_user(text: str, world: World) -> tuple[str, Tenant]:
    """User and tenant of user[@tenant[#cluster]]; sys without one. SqlError for names that are not there."""
    match = _USER.fullmatch(text)
    assert match is not None
    if match["cluster"] not in (None, world.shape.cluster):
        raise SqlError(4669, "cluster not exist")
    name = match["tenant"] or "sys"
    for tenant in world.tenants:
        if tenant.name == name and tenant.kind != "META":
            return match["user"], tenant
    raise SqlError(5160, "invalid tenant name specified in connection string")
