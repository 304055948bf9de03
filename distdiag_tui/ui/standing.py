"""Which servers need attention, and which of them first, from all that is known of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from distdiag_tui.model.topology import Status
from distdiag_tui.ui.glyphs import ODD, SICK
from distdiag_tui.ui.scene import GLYPHS, STATUS_STYLES

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Member, Server
    from distdiag_tui.ui.scene import Scene

STEPS: Final = 4  # that a score has below its alarm, where servers are put in order


class Standing(NamedTuple):
    """How a server stands. The larger its `rank`, the sooner somebody should look."""

    rank: float
    glyph: str
    style: str


WELL: Final = Standing(0.0, GLYPHS[Status.UP], STATUS_STYLES[Status.UP])
NEEDY: Final = 2.0
"""The rank from which a server is shown where those that are well are folded away."""

_INCIDENT, _ACKNOWLEDGED, _ODD = 9.0, 5.0, 4.0
_RANKS: Final = {
    Status.UNREACHABLE: 8.0,
    Status.REFUSED: 7.0,
    Status.SLOW: 3.0,
    Status.VIEW_MISSING: 1.5,  # often of all servers, for want of a privilege
    Status.CONNECTING: 1.0,
}
_STATES: Final = {"INACTIVE": 6.0, "STOPPED": 6.0, "DELETING": 2.5}

Standings = Mapping[str, Standing]
"""By name, of the servers that are not well."""


def state_of(member: Member | None) -> str:
    """What a cluster says of a server, "" while that is nothing to speak of."""
    if member is None:
        return ""
    state = "STOPPED" if member.stopped else member.state
    return "" if state == "ACTIVE" else state


def worst_sign(needy: Sequence[Standing]) -> tuple[str, str]:
    """Glyph and style of several: one that answers well, but is stopped, is not well.

    >>> worst_sign([Standing(6.0, WELL.glyph, "bad"), Standing(3.0, "◐", "warn")])
    ('▲', 'bad')
    """
    worst = max(needy)
    return worst.glyph if worst.glyph != WELL.glyph else SICK, worst.style


def standings(scene: Scene) -> Standings:
    """One pass over all servers."""
    snapshot = scene.snapshot
    if snapshot is None:
        return {}
    found = {
        server.name: Standing(rank, GLYPHS[server.status], STATUS_STYLES[server.status])
        for server in snapshot.servers
        if (rank := _RANKS.get(server.status, 0.0))
    }
    _add_states(snapshot, found)
    _add_odd(snapshot, found)
    _add_incidents(scene, found)
    return found


def _add(found: dict[str, Standing], name: str, standing: Standing) -> None:
    if standing.rank > found.get(name, WELL).rank:
        found[name] = standing


def _add_states(snapshot: Snapshot, found: dict[str, Standing]) -> None:
    """What the cluster says; how a server answers is seen all the same."""
    for name, member in snapshot.layout.members.items() if snapshot.layout is not None else ():
        if (state := state_of(member)) and (rank := _STATES.get(state, 0.0)):
            here = found.get(name, WELL)
            style = "bad" if rank > _ODD else "warn"
            _add(found, name, Standing(rank, here.glyph, style))


def _add_odd(snapshot: Snapshot, found: dict[str, Standing]) -> None:
    diagnosis = snapshot.diagnosis
    if diagnosis is None or diagnosis.load_change is not None:
        return
    for name, score in diagnosis.scores.items():
        if score >= 1:
            _add(found, name, Standing(_ODD, ODD, "warn"))


def _add_incidents(scene: Scene, found: dict[str, Standing]) -> None:
    for view in scene.incidents.open if scene.incidents is not None else ():
        known = view.incident.acknowledged
        rank, style = (_ACKNOWLEDGED, "warn") if known else (_INCIDENT, "bad")
        _add(found, view.incident.server, Standing(rank, SICK, style))


def worst_key(server: Server, standing: Standings, scores: Mapping[str, float]) -> tuple[float, float]:
    """For sorting, the worst first; small differences of scores do not make rows change places."""
    score = scores.get(server.name, 0.0)
    step = 0.0 if math.isnan(score) else math.floor(min(score, 1.0) * STEPS)
    return -standing.get(server.name, WELL).rank, -step
