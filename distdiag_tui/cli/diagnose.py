"""`distdiag diagnose`: what is wrong, without a screen; a line whenever that changes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from distdiag_tui.diagnosis.causes import find_cause
from distdiag_tui.diagnosis.changes import Change, Changes
from distdiag_tui.engine import Engine
from distdiag_tui.engine.live import live_engine
from distdiag_tui.hosts.opening import open_source
from distdiag_tui.learning.use import diagnoser_in_use
from distdiag_tui.model.errors import ConnectError, RecordingError
from distdiag_tui.model.findings import FINDING_SCHEMA, Diagnosis, Evidence, finding_document, iso, sureness
from distdiag_tui.model.metrics import metric
from distdiag_tui.model.snapshot import Snapshot, unanswered
from distdiag_tui.model.target import Target
from distdiag_tui.model.text import figure, plain
from distdiag_tui.recording.reader import open_recording
from distdiag_tui.recording.replay import Replay
from distdiag_tui.service.looking_back import LookingBack
from distdiag_tui.sources.frame import Source

HEALTHY: Final = 0
SICK: Final = 1


@dataclass(frozen=True, slots=True)
class Telling:
    """How it is told: lines of JSON or for people, and for how many seconds (0: until interrupted).

    `model`: a trained one, "" for the one in use.
    """

    as_json: bool
    seconds: float = 0.0
    model: str = ""


def diagnose_live(target: Target, interval: float, telling: Telling) -> int:
    """The exit code: 1 if anything was found. ConnectError if in all the time no server answered."""
    return asyncio.run(_follow(open_source(target, interval), target.cluster, telling, target))


def diagnose_recording(folder: Path, telling: Telling) -> int:
    """The same of a recorded run, at once. RecordingError if there is none."""
    recording = open_recording(folder)
    frames = recording.frames()
    if not frames:
        raise RecordingError(f"{folder} has no samples")
    cluster = recording.info.cluster if recording.info else folder.name
    return asyncio.run(_follow(Replay(frames), cluster, telling))


async def _follow(source: Source, cluster: str, telling: Telling, live: Target | None = None) -> int:
    """Of a recording unless it is `live`."""
    engine = Engine(source, cluster) if live is None else live_engine(source, live)
    changes = Changes()
    engine.diagnoser, trouble = diagnoser_in_use(telling.model)
    if trouble:
        print(f"distdiag: {trouble}", file=sys.stderr)
    began, code, answered = time.monotonic(), HEALTHY, False
    latest: Snapshot | None = None
    prometheus = None if live is None else live.prometheus
    async with (
        LookingBack(prometheus, engine) as past,
        aclosing(engine.snapshots()) as snapshots,
    ):
        async for latest in snapshots:
            past.take(latest)
            assert latest.diagnosis is not None
            answered = answered or any(server.status.answers for server in latest.servers)
            for change in changes.feed(latest.diagnosis):
                code = SICK
                print(_document(change, latest) if telling.as_json else _line(change, latest), flush=True)
            if live and telling.seconds and time.monotonic() - began >= telling.seconds:
                break
    if latest is not None and not answered:
        raise ConnectError(unanswered(latest))
    if latest is not None and latest.diagnosis is not None and not telling.as_json and code == HEALTHY:
        print(_quiet(latest.diagnosis, len(latest.servers)))
    return code


def _document(change: Change, snapshot: Snapshot) -> str:
    """One line of JSON: schema distdiag.finding/1."""
    cluster = not any("seekdb" in server.product.lower() for server in snapshot.servers)
    cause = find_cause(change.finding.cause)
    return json.dumps(
        {
            "schema": FINDING_SCHEMA,
            "time": iso(snapshot.time),
            "cluster": snapshot.cluster,
            "change": change.what,
            "title": cause.title,
            **finding_document(change.finding),
            "advice": cause.advice(cluster=cluster),
        }
    )


def _line(change: Change, snapshot: Snapshot) -> str:
    finding = change.finding
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.time))
    head = f"{clock} {change.what:7} {plain(finding.server, 24)}: {find_cause(finding.cause).title}"
    if change.what == "gone":
        return head
    sure = sureness(finding.confidence, calibrated=finding.calibrated)
    since = time.strftime("since %H:%M:%S", time.localtime(finding.since)) if finding.since > 0 else ""
    words = [plain(finding.said, 80), *(_moved(each) for each in finding.evidence[:3])]
    return ", ".join(filter(None, (f"{head} {sure}", since, *words)))


def _moved(evidence: Evidence) -> str:
    row = metric(evidence.metric)
    before, now = (" ".join(figure(value, row.unit)).strip() for value in (evidence.before, evidence.now))
    return f"{row.title} {before} → {now}"


def _quiet(diagnosis: Diagnosis, servers: int) -> str:
    if diagnosis.warm < 1:
        return f"nothing found; still learning what is usual ({100 * diagnosis.warm:.0f} %)"
    return f"nothing found on {servers} server{'s' * (servers != 1)}"
