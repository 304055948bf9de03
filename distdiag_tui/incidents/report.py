"""An incident as a document: for people in Markdown, for programs as JSON (distdiag.incident/1)."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from distdiag_tui.diagnosis.cause import Cause
from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import INCIDENT_SCHEMA, Event, Incident
from distdiag_tui.incidents.store import Papers
from distdiag_tui.model.errors import IncidentError
from distdiag_tui.model.findings import Evidence, finding_document, iso
from distdiag_tui.model.metrics import METRIC_INDEX, metric
from distdiag_tui.model.text import duration, figure, plain

_LONGEST: Final = 4000  # characters of a text that goes into a document


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that is known of an incident."""

    incident: Incident
    cause: Cause
    papers: Papers = field(default_factory=Papers)

    def document(self) -> dict[str, Any]:
        """A plain object for JSON: times are UTC in ISO 8601, what is missing is null."""
        incident = self.incident
        return {
            "schema": INCIDENT_SCHEMA,
            "id": incident.id,
            "cluster": incident.cluster,
            "server": incident.server,
            "zone": incident.zone,
            "cause": incident.cause,
            "title": self.cause.title,
            "state": incident.state,
            "into": incident.into,
            "opened": iso(incident.opened),
            "updated": iso(incident.updated),
            "ended": None if incident.ended is None else iso(incident.ended),
            "acknowledged": incident.acknowledged,
            "worst": incident.worst,
            "finding": finding_document(incident.finding),
            "advice": self.cause.advice(cluster=not incident.alone),
            "timeline": [
                {"time": iso(each.time), "kind": each.kind, "words": each.words, "by": each.by}
                for each in incident.timeline
            ],
            "facts": [{**each.to_fields(), "time": iso(each.time)} for each in self.papers.facts],
            "obdiag": [_probe_document(each) for each in self.papers.probes],
        }

    def markdown(self) -> str:
        """For people. What comes from servers is quoted: it is not to be taken for Markdown."""
        return "\n".join(self._parts()) + "\n"

    def _parts(self) -> Iterator[str]:
        incident, finding = self.incident, self.incident.finding
        yield f"# {_inert(self.cause.title)} on {_inert(incident.server)}"
        yield ""
        yield self.cause.about
        yield ""
        end = incident.ended
        span = "it goes on" if end is None else f"for {duration(end - incident.opened)}, until {iso(end)}"
        calibrated = "" if finding.calibrated else " (uncalibrated)"
        yield from (
            f"- incident: {incident.id} of {_inert(incident.cluster)}, {incident.state}"
            f"{f' into {incident.into}' if incident.into else ''}",
            f"- server: {_inert(incident.server)}, zone {_inert(incident.zone)}",
            f"- since: {iso(incident.opened)}, {span}",
            f"- confidence: {100 * finding.confidence:.0f} %{calibrated}",
            f"- acknowledged: {'yes' if incident.acknowledged else 'no'}",
        )
        also = ", ".join(f"{_inert(cause)} {100 * sure:.0f} %" for cause, sure in finding.also)
        if also:
            yield f"- could also be: {also}"
        yield from _section("Evidence", _evidence(finding.said, finding.evidence))
        yield from _section("What happened", map(_event, incident.timeline))
        for fact in self.papers.facts:
            yield from _section(fact.title, _fact(fact))
        yield from _section("To check", (f"- {line}" for line in self.cause.check))
        yield from _section("To do", (f"- {line}" for line in self.cause.act))
        yield from _section("To see it oneself", self._looks())
        for probe in self.papers.probes:
            yield from _section(f"`{probe.command}`", _probe(probe))

    def _looks(self) -> Iterator[str]:
        for look in self.cause.seen_on(cluster=not self.incident.alone):
            yield from (look.words, *_quoted([f"{look.sql};"], "sql"), "")
        for each in self.cause.obdiag:
            yield f"- `{each.line}`: {each.words}"


def export(dossier: Dossier, folder: Path) -> tuple[Path, Path]:
    """Write both documents, named after the incident; IncidentError if they cannot be."""
    name = folder / dossier.incident.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text, data = name.with_suffix(".md"), name.with_suffix(".json")
        _write(text, dossier.markdown())
        _write(data, json.dumps(dossier.document(), indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise IncidentError(f"cannot write to {folder}: {error.strerror}") from error
    return text, data


def _write(file: Path, text: str) -> None:
    """Only for its owner, and not where a link leads: it quotes statements and clients."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(file, flags, 0o600), "w", encoding="utf-8") as new:  # noqa: PTH123  a descriptor
        new.write(text)


def moved(evidence: Evidence) -> str:
    """A metric before and now, with units.

    >>> moved(Evidence("sql_rt", 0.002, 0.25, 9.0, 0.002, 0.5, 0.0))
    'sql_rt 2.00 ms → 250 ms'
    """
    return f"{plain(evidence.metric)} {_value(evidence, evidence.before)} → {_value(evidence, evidence.now)}"


def _value(evidence: Evidence, value: float) -> str:
    unit = metric(evidence.metric).unit if evidence.metric in METRIC_INDEX else ""
    return " ".join(figure(value, unit)).strip()


def _evidence(said: str, evidence: Iterable[Evidence]) -> Iterator[str]:
    if said:
        yield f"- {_inert(said)}"
    for each in evidence:
        peers = "" if math.isnan(each.peers) else f", others {_value(each, each.peers)}"
        yield (
            f"- {_inert(moved(each))} ({each.deviation:+.1f} standard deviations{peers},"
            f" {100 * each.share:.0f} % of the score)"
        )


def _event(event: Event) -> str:
    by = f" by {_inert(event.by)}" if event.by else ""
    words = f": {_inert(event.words)}" if event.words else ""
    return f"- {iso(event.time)} {event.kind}{by}{words}"


def _fact(fact: Fact) -> Iterator[str]:
    yield f"As of {iso(fact.time)}."
    if fact.missing:
        yield f"It could not be had: {_inert(fact.missing)}"
        return
    if fact.says:
        yield _inert(fact.says)
    if not fact.rows:
        yield "There was nothing of the kind."
        return
    table = (fact.columns, *fact.rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(fact.columns))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    yield from _quoted([line.rstrip() for line in lines])


def _probe(probe: Probe) -> Iterator[str]:
    trouble = f": {_inert(probe.trouble)}" if probe.trouble else ""
    yield f"Begun at {iso(probe.began)}, {probe.state}{trouble}."
    if probe.lines:
        yield from _quoted(probe.lines)


def _probe_document(probe: Probe) -> dict[str, Any]:
    times = {"began": iso(probe.began), "ended": None if probe.ended is None else iso(probe.ended)}
    return {**probe.to_fields(), **times}


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield from ("", f"## {title}", "", *found)


def _quoted(lines: Iterable[str], language: str = "") -> list[str]:
    """A block that nothing in it can end."""
    text = [plain(line, _LONGEST) for line in lines]
    longest = max((len(run) for line in text for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return ["", fence + language, *text, fence]


def _inert(text: str) -> str:
    """Words of people or servers inside a line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", plain(text, _LONGEST))
