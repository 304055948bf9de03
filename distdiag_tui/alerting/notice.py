"""What is told of an incident, as Alertmanager or as anybody else reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from distdiag_tui.diagnosis.causes import find_cause
from distdiag_tui.incidents.incident import Incident
from distdiag_tui.incidents.report import Dossier, moved
from distdiag_tui.model.findings import iso, sureness
from distdiag_tui.model.text import plain

SCHEMA: Final = "distdiag.alert/1"
LASTS: Final = 300.0
"""Seconds after which Alertmanager takes an alert that it does not hear of again for resolved."""

Status = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Notice:
    """An incident at one moment. `labels` are those that it was told with first: they are its identity."""

    incident: Incident
    status: Status
    labels: Mapping[str, str]


def labels_of(incident: Incident, own: Mapping[str, str]) -> dict[str, str]:
    """Of a new one; `own` are the user's."""
    return {
        "alertname": "distdiag",
        "cluster": incident.cluster,
        "zone": incident.zone,
        "server": incident.server,
        "cause": incident.cause,
        "incident": incident.id,
        **own,
    }


class Format(Protocol):
    """How notices become requests."""

    @property
    def again(self) -> float:
        """Seconds after which one that goes on is to be told again; 0: never."""
        ...

    def path(self, path: str) -> str:
        """Where to, given the path of the URL."""
        ...

    def bodies(self, notices: Sequence[Notice]) -> list[bytes]:
        """One request each, JSON."""
        ...


class Alertmanager:
    """Its API v2: all alerts in one list. It tells people once, however often it hears the same labels."""

    again = LASTS / 5

    def path(self, path: str) -> str:
        """The API's, unless it is there already."""
        api = "/api/v2/alerts"
        path, mark, query = path.partition("?")
        return (path if path.endswith(api) else path.rstrip("/") + api) + mark + query

    def bodies(self, notices: Sequence[Notice]) -> list[bytes]:
        """All at once."""
        return [json.dumps([_alert(each) for each in notices]).encode()]


class PlainJson:
    """An object for each change: schema distdiag.alert/1."""

    again = 0.0

    def path(self, path: str) -> str:
        """As it was given."""
        return path or "/"

    def bodies(self, notices: Sequence[Notice]) -> list[bytes]:
        """One each."""
        return [json.dumps(_document(each)).encode() for each in notices]


FORMATS: Final[Mapping[str, Format]] = {"alertmanager": Alertmanager(), "json": PlainJson()}


def summary(incident: Incident) -> str:
    """One line."""
    sure = sureness(incident.finding.confidence, calibrated=incident.finding.calibrated)
    return f"{plain(incident.server)}: {find_cause(incident.cause).title} ({sure})"


def _alert(notice: Notice) -> dict[str, Any]:
    incident, cause = notice.incident, find_cause(notice.incident.cause)
    ends = max(incident.ended or incident.updated, incident.opened + 0.001)
    ends = time.time() + LASTS if notice.status == "firing" else ends
    said = [plain(incident.finding.said)] if incident.finding.said else []
    return {
        "labels": dict(notice.labels),
        "annotations": {
            "summary": summary(incident),
            "description": "; ".join((*said, *(moved(each) for each in incident.finding.evidence))),
            "check": "\n".join(cause.check),
            "act": "\n".join(cause.act),
        },
        "startsAt": iso(incident.opened),
        "endsAt": iso(ends),
    }


def _document(notice: Notice) -> dict[str, Any]:
    incident = notice.incident
    return {
        "schema": SCHEMA,
        "status": notice.status,
        "time": iso(time.time()),
        "summary": summary(incident),
        "labels": dict(notice.labels),
        "incident": Dossier(incident, find_cause(incident.cause)).document(),
    }
