"""What a cluster's own views say is wrong, whatever its figures look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from distdiag_tui.model.text import duration
from distdiag_tui.model.topology import Layout, Member, Merge, TenantFacts

LONG_TRANSACTION: Final = 600.0
"""Seconds after which an open transaction holds up flushes and merges, and others wait for its locks."""
LONG_MERGE: Final = 12 * 3600.0
"""Seconds after which a merge that is to run every night is not getting on."""
CLOCK_APART: Final = 0.5
"""Seconds by which a clock may differ from the others': what a busy server can be late with its answer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A cause on a server, in words; `since` (epoch s) if that is known; `strength` is 1 at the limit."""

    server: str
    cause: str
    since: float | None
    words: str
    strength: float = 1.0


def standing(layout: Layout, time: float) -> Iterator[Standing]:
    """All that is wrong outright at that time (epoch s)."""
    for member in layout.members.values():
        clock = time + (member.clock_offset or 0.0)  # by which its transactions and merges have begun
        if (begun := member.oldest_transaction) is not None and clock - begun >= LONG_TRANSACTION:
            words = f"a transaction is open for more than {duration(LONG_TRANSACTION)}"
            strength = (clock - begun) / LONG_TRANSACTION
            yield Standing(member.server, "long_transaction", begun, words, strength)
        if trouble := _trouble(member.merge, clock):
            yield _stuck(member.server, f"the merge {trouble}", member.merge, clock)
    alone = any(member.merge.state for member in layout.members.values())  # each has told of its own
    for tenant in () if alone else layout.tenants:
        trouble = _trouble(tenant.merge, time)
        if trouble and (server := _seat(layout.members, tenant)):
            yield _stuck(server, f"the merge of tenant {tenant.name} {trouble}", tenant.merge, time)
    yield from _wrong_clocks(list(layout.members.values()))


def _trouble(merge: Merge, time: float) -> str:
    """Why it does not get on; "" if it does."""
    if merge.state == "ERROR":
        return "is in error"
    if merge.state == "SUSPENDED" and merge.since is not None:
        return "was suspended before it was over"
    if _lasted(merge, time) >= LONG_MERGE:
        return f"goes on for more than {duration(LONG_MERGE)}"
    return ""


def _stuck(server: str, words: str, merge: Merge, time: float) -> Standing:
    strength = max(1.0, _lasted(merge, time) / LONG_MERGE)
    return Standing(server, "compaction_stuck", merge.since, words, strength)


def _lasted(merge: Merge, time: float) -> float:
    return 0.0 if merge.since is None else time - merge.since


def _seat(members: Mapping[str, Member], tenant: TenantFacts) -> str:
    """Where to look for a tenant's merge: the server with most of its leaders, or else the first one."""
    known = {server: count for server, count in tenant.leaders.items() if server in members}
    return max(known, key=lambda server: (known[server], server), default=next(iter(members), ""))


def _wrong_clocks(members: Sequence[Member]) -> Iterator[Standing]:
    """Apart from what most have; of two that differ the one that is further from ours."""
    told = [(each.server, each.clock_offset) for each in members if each.clock_offset is not None]
    if len(told) < 2:
        return
    offsets = [offset for _, offset in told]
    usual = float(np.median(offsets)) if len(told) > 2 else min(offsets, key=abs)
    for server, offset in told:
        apart = offset - usual
        if abs(apart) >= CLOCK_APART:
            way = "ahead of" if apart > 0 else "behind"
            words = f"its clock is {abs(apart):.1f} s {way} the others'"
            yield Standing(server, "clock_skew", None, words, abs(apart) / CLOCK_APART)
