"""Events of a cluster: their signs, which of them concern a selection, and their marks on the time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from distdiag_tui.model.marks import Mark
from distdiag_tui.model.topology import Happening

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Event, Subject

SIGNS: Final = {
    Happening.SERVER_ADDED: "+",
    Happening.SERVER_LEFT: "−",
    Happening.SERVER_STATE: "◈",
    Happening.SERVER_RESTARTED: "↻",
    Happening.ZONE_STATE: "◆",
    Happening.LEADER_MOVED: "⇄",
    Happening.UNIT_MIGRATED: "⇒",
    Happening.UNIT_CHANGED: "⇒",
    Happening.TENANT_CHANGED: "◇",
    Happening.TENANT_ROLE: "⇅",
    Happening.COMPACTION: "≡",
    Happening.HISTORY: "·",
}


def sign_of(event: Event) -> str:
    """One cell."""
    return SIGNS.get(event.kind, "·")


def concerns(event: Event, subject: Subject) -> bool:
    """Whether it happened to the subject, inside it, or to what it lies in.

    What happened to a server as a whole does not concern a tenant of the whole cluster.
    """
    where = event.subject
    if subject.tenant and not subject.server and where.tenant != subject.tenant:
        return False
    return all(
        not mine or not theirs or mine == theirs
        for mine, theirs in (
            (subject.zone, where.zone),
            (subject.server, where.server),
            (subject.tenant, where.tenant),
        )
    )


def event_marks(snapshot: Snapshot, subject: Subject) -> list[Mark]:
    """Of the events that concern it; rows of the history without a kind of their own only if serious."""
    return [
        Mark(event.time, sign_of(event), event.text)
        for event in snapshot.events
        if (event.serious or event.kind is not Happening.HISTORY) and concerns(event, subject)
    ]
