"""Diagnosis on a stage: findings and incidents as the test says, and what was asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from distdiag_tui.diagnosis.causes import find_cause
from distdiag_tui.engine import Engine
from distdiag_tui.incidents.fact import Fact
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.findings import Diagnosis, Evidence, Finding
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.service.incident_board import IncidentBoard, IncidentView
from distdiag_tui.service.incident_desk import IncidentDesk
from distdiag_tui.sources.frame import Frame

BEGAN = 1_700_000_048.0  # 22:14:08 UTC
NOW = BEGAN + 41

LOCK_WAIT = Evidence("lock_wait_time", 0.0, 2.9, 50.0, 0.0, 0.62, BEGAN)
UPDATE_TIME = Evidence("update_rt", 0.0011, 0.187, 43.2, 0.0012, 0.21, BEGAN + 1)
TPS = Evidence("tps", 412.0, 21.0, -18.4, 409.0, 0.11, BEGAN + 2)
NO_FIGURES = Evidence("not in the catalogue", math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)


def finding(cause: str = "lock_contention", server: str = "n2", /, **known: Any) -> Finding:  # noqa: ANN401
    """One that is sure."""
    facts: dict[str, Any] = {
        "zone": f"zone{server[-1]}",
        "rank": 1,
        "confidence": 0.97,
        "calibrated": True,
        "since": BEGAN,
        "strength": 8.2,
        "evidence": (LOCK_WAIT, UPDATE_TIME, TPS),
        "also": (("slow_sql", 0.31),),
        **known,
    }
    return Finding(server=server, cause=cause, **facts)


def incident(cause: str = "lock_contention", server: str = "n2", /, **known: Any) -> IncidentView:  # noqa: ANN401
    """An open one, found in this tick; keywords are fields of the view, the incident, or its finding."""
    view: dict[str, Any] = {"looks": find_cause(cause).seen_on(cluster=True)}
    view |= {name: known.pop(name) for name in ("found", "facts", "fetching", "probes") if name in known}
    fields = ("id", "state", "updated", "ended", "acknowledged", "timeline", "worst")
    own = {name: known.pop(name) for name in fields if name in known}
    found = finding(cause, server, **known)
    made = Incident(
        f"{server}-{cause}", "shop", server, found.zone, cause, "open", found.since, NOW, found, worst=8.2,
        timeline=(Event(BEGAN, "opened", f"{find_cause(cause).title}, 97 %"),),
    )  # fmt: skip
    return IncidentView(replace(made, **own), find_cause(cause), **view)


BLOCKER = Fact(
    "locks",
    "Who waits for whom",
    NOW,
    ("session", "waits for", "s", "table"),
    (("3221487731", "3221487729", "38", "stock"), ("3221487735", "3221487729", "12", "stock")),
    says="session 3221487729 of root@10.0.0.7 keeps 2 sessions waiting, idle 44 s",
)

CALM = Diagnosis(NOW, scores={"n1": 0.21, "n2": 0.42, "n3": 0.12}, warm=1.0, false_alarms=0.1, model="shop-3")
SICK = replace(
    CALM,
    findings=(finding(),),
    scores={"n1": 0.31, "n2": 8.2, "n3": 0.4},
    heat={("n2", "lock_contention"): 0.97, ("n2", "slow_sql"): 0.31, ("n1", "slow_sql"): 0.05},
    influence={("n1", "n2"): 0.42, ("n2", "n3"): -0.61, ("n1", "n3"): 0.1},
)


class StagedEngine(Engine):
    """The real one, with a diagnosis as the test says."""

    diagnosis: Diagnosis | None = CALM

    def take(self, frame: Frame) -> Snapshot:
        """A frame."""
        said = self.diagnosis and replace(self.diagnosis, time=frame.time)
        return replace(super().take(frame), diagnosis=said)


class StagedIncidentDesk(IncidentDesk):
    """A board that is as the test says. What is asked for is kept in `asked`, or raises `wrong`."""

    def __init__(self) -> None:
        super().__init__("shop", None, None)
        self.asked: list[tuple[str, object]] = []
        self.wrong: DistdiagError | None = None
        self.board = IncidentBoard(NOW)

    def begin(self) -> None:
        """Nothing is kept."""

    def take(self, snapshot: Snapshot) -> None:
        """Time passes."""
        self.board = replace(self.board, time=snapshot.time)

    def put(self, *views: IncidentView, resolved: tuple[IncidentView, ...] = (), **known: object) -> None:
        """From now on these are all that there are."""
        self.board = replace(self.board, open=views, resolved=resolved, **known)  # type: ignore[arg-type]

    def acknowledge(self, name: str) -> None:
        """Keep the name, and show it."""
        self._keep("acknowledge", name)
        views = tuple(
            replace(view, incident=replace(view.incident, acknowledged=True))
            if view.incident.id == name
            else view
            for view in self.board.open
        )
        self.board = replace(self.board, open=views)

    def note(self, name: str, text: str) -> None:
        """Keep the text."""
        self._keep("note", (name, text))

    async def export(self, name: str, folder: Path) -> tuple[Path, Path]:
        """Keep the name."""
        self._keep("export", name)
        return folder / "incident.md", folder / "incident.json"

    def fetch_facts(self, name: str) -> None:
        """Keep the name."""
        self._keep("facts", name)

    def obdiag(self, name: str, which: int = 0) -> None:
        """Keep the name."""
        self._keep("obdiag", (name, which))

    def stop_obdiag(self, name: str) -> None:
        """Keep the name."""
        self._keep("stop obdiag", name)

    def _keep(self, what: str, of: object) -> None:
        if self.wrong is not None:
            raise self.wrong
        self.asked.append((what, of))
