"""The least that an account needs to watch a cluster, as the SQL that creates it."""

from __future__ import annotations

from collections.abc import Iterable

from distdiag_tui.model.text import plain
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.parts import HISTORIES, PARTS

ACCOUNT = "distdiag"
_ABSENT = ("doesn't exist", "does not exist")


def grants(capability: Capability, views: Iterable[str], *, everywhere: bool, account: str = ACCOUNT) -> str:
    """Statements for those of the views that the cluster has; `everywhere`: for the tenant sys.

    There all sessions show to everybody; in a user tenant only to those with PROCESS.
    """
    who = f"'{account}'@'%'"
    lines = [
        f"-- {plain(capability.product, 60)}: run these as root of the tenant "
        f"{'sys' if everywhere else 'to be watched'}, with a password of your own",
        f"CREATE USER IF NOT EXISTS {who} IDENTIFIED BY '******';",
    ]
    if not everywhere:
        lines.append(f"GRANT PROCESS ON *.* TO {who};")
    there = sorted(dict.fromkeys(view for view in views if not _absent(capability, view)))
    lines += [f"GRANT SELECT ON oceanbase.`{view}` TO {who};" for view in there]
    return "\n".join(lines)


def needed(capability: Capability, always: Iterable[str]) -> tuple[str, ...]:
    """The views `always` read, and of those that tell the same only the one that is asked first."""
    first = (
        next((way.view for way in part.ways if not _absent(capability, way.view)), None) for part in PARTS
    )
    return tuple(dict.fromkeys((*always, *filter(None, first), *HISTORIES)))


def _absent(capability: Capability, view: str) -> bool:
    """Whether the version has no such view (it may have one that the asking account cannot see)."""
    return view not in capability.views and any(
        words in capability.missing.get(view, _ABSENT[0]) for words in _ABSENT
    )
