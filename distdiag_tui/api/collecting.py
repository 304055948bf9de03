"""Recording what the service measures, with labels, as experiments do: what training learns from."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.api.tap import Tap
from distdiag_tui.experiments.cellrun import labels_of
from distdiag_tui.experiments.plan import name_of
from distdiag_tui.model.errors import DistdiagError, RecordingError
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.recording.run import Load, Outcome, Phase, RunInfo, Versions
from distdiag_tui.sources.frame import Frame
from distdiag_tui.workloads.journal import RunRecord

REST: Final = 30.0
"""Seconds that are recorded after the last fault."""
RECOVERED: Final = 10.0
"""Seconds after an earlier fault until frames count as calm."""
NORMAL: Final = "normal"

LONGEST_NAME: Final = 150
"""Characters of what a recording is called by, before its date: a file's name may have 255 bytes."""
State = Literal["normal", "pre_anomaly", "anomaly", "post_anomaly", "saving"]


@dataclass(slots=True)
class Collection:
    """One recording. `since`: epoch seconds of its first frame; `until`: when it is to end, None: when told.

    `what` is NORMAL, or an anomaly; `made` are names of the injections that it is about, if they are known.
    """

    what: str
    recorder: Recorder
    since: float
    post: bool = True
    until: float | None = None
    made: frozenset[str] = frozenset()


class Collector:
    """One recording at a time, below `root`. It hears every snapshot, see `look`.

    `injected` and `runs` give the ledgers' records of this cluster.
    """

    def __init__(
        self,
        root: Path,
        tap: Tap,
        injected: Callable[[], list[Injection]],
        runs: Callable[[], list[RunRecord]],
    ) -> None:
        self.root, self.message = root, ""
        self._tap, self._injected, self._runs = tap, injected, runs
        self._now: Collection | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._latest: Snapshot | None = None

    @property
    def current(self) -> Collection | None:
        """What is being recorded."""
        return self._now

    @property
    def state(self) -> State | None:
        """What it is at; None once the last one is there to be learned from."""
        if self._now is None:
            return None if self._finishing is None else "saving"
        if self._now.what == NORMAL:
            return "normal"
        faults = self._faults(self._now)
        if any(fault.active for fault in faults):
            return "anomaly" if any(fault.applied for fault in faults) else "pre_anomaly"
        return "post_anomaly" if faults else "pre_anomaly"

    def begin(
        self,
        what: str,
        servers: Sequence[str] = (),
        *,
        pre: bool = True,
        post: bool = True,
        experiment: str = "",
        made: Iterable[str] = (),
    ) -> bool:
        """Record from now on, with the calm before if there was some; False if something is recorded already.

        `made` names the injections that are to be seen: once none of them can be any more it ends.

        RecordingError if the folder cannot be written.
        """
        if self._now is not None or self._finishing is not None:
            return False
        load = next((run.kind for run in self._runs() if run.phase == "running"), "")
        name = f"{name_of(what, servers, load, 1)[:LONGEST_NAME]}-{time.strftime('%Y%m%d-%H%M%S')}"
        recorder = Recorder(self.root / (_word(experiment) or "collected") / name)
        calm = self._calm() if pre and what != NORMAL else []
        for frame in calm:
            recorder.add(frame)
        since = calm[0].time if calm else time.time()
        self._now = Collection(what, recorder, since, post, made=frozenset(made))
        self.message = self._tap.trouble = ""
        self._tap.recorder = recorder
        return True

    def begin_in_words(
        self,
        what: str,
        servers: Sequence[str],
        *,
        made: Iterable[str],
        post: bool = True,
        experiment: str = "",
    ) -> str:
        """The same for what is injected already, whatever becomes of the recording: which is said."""
        try:
            begun = self.begin(what, servers, made=made, post=post, experiment=experiment)
        except RecordingError as error:
            return f"not recorded: {error}"
        return "it is recorded" if begun else "something is being recorded already"

    def end(self, *, post: bool = False) -> bool:
        """End it, with `post` only after some rest; False if nothing is recorded."""
        if self._now is None:
            return False
        wanted = post and self._now.what != NORMAL
        self._now.until = time.time() + (REST if wanted else 0.0)
        if not wanted:
            self._finish()
        return True

    def look(self, snapshot: Snapshot) -> None:
        """Once a tick: what is to end ends, and so does what has seen all its faults undone."""
        self._latest = snapshot
        now = self._now
        if now is None:
            return
        if self._tap.trouble:
            self._now, self.message = None, self._tap.trouble
        elif now.until is not None:
            if snapshot.time >= now.until:
                self._finish()
        elif self._in_vain(now):
            self._finish()
        elif self.state == "post_anomaly":
            now.until = snapshot.time + (REST if now.post else 0.0)

    async def close(self) -> None:
        """Make whole what is being recorded."""
        if self._now is not None:
            self._finish()
        await self.saved()

    async def saved(self) -> None:
        """Wait until what has ended is written."""
        if self._finishing is not None:
            await asyncio.wait({self._finishing})

    # -- the end ------------------------------------------------------------------------------------

    def _finish(self) -> None:
        collection = self._now
        assert collection is not None
        self._tap.recorder, self._now = None, None
        self._finishing = asyncio.create_task(self._write(collection, self._info(collection)))

    async def _write(self, collection: Collection, info: RunInfo) -> None:
        try:
            await asyncio.to_thread(collection.recorder.finish, info)
            self.message = f"{collection.recorder.folder}: {info.message or info.outcome}"
        except DistdiagError as error:
            self.message = str(error)
        finally:
            self._finishing = None

    def _info(self, collection: Collection) -> RunInfo:
        faults, ended = self._faults(collection), time.time()
        phases = _phases(collection.since, ended, faults)
        wrong = _wrong(collection.what, faults)
        outcome: Outcome = "failed" if wrong else "done"
        run = next((run for run in self._runs() if run.phase == "running"), None)
        servers = self._latest.servers if self._latest else ()
        return RunInfo(
            name=collection.recorder.folder.name,
            cluster=self._latest.cluster if self._latest else "",
            interval=self._latest.interval if self._latest else 1.0,
            started=collection.since,
            ended=ended,
            outcome=outcome,
            message=wrong,
            phases=phases,
            labels=labels_of(faults),
            changes=(),
            load=Load(run.kind, run.kind, dict(run.options), run.id, run.note) if run else Load(),
            versions=Versions.here({server.name: server.product for server in servers}),
            experiment=collection.recorder.folder.parent.name,
        )

    def _in_vain(self, collection: Collection) -> bool:
        """Whether its injections failed, or were undone before they began."""
        made = [each for each in self._injected() if each.id in collection.made]
        return bool(made) and not any(each.active or each.applied is not None for each in made)

    def _faults(self, collection: Collection) -> list[Injection]:
        """Whoever made them: what was there while it was recorded."""
        return [
            each
            for each in self._injected()
            if each.phase != "failed"
            and each.lasted(collection.since)
            and (each.applied is not None or each.id in collection.made)  # others may wait for long
        ]

    def _calm(self) -> list[Frame]:
        """Frames of late in which nothing was wrong that we know of."""
        ends = [each.reverted + RECOVERED for each in self._injected() if each.reverted is not None]
        if any(each.applied is not None and each.active for each in self._injected()):
            return []
        return [frame for frame in self._tap.recent if frame.time >= max(ends, default=0.0)]


def _phases(since: float, ended: float, faults: Sequence[Injection]) -> tuple[Phase, ...]:
    """Calm, fault and rest, as it came."""
    begun = [fault.applied for fault in faults if fault.applied is not None]
    if not begun:
        return (Phase("calm", since, ended),)
    first = min(begun)
    over = ended if any(fault.active for fault in faults) else max(f.reverted or first for f in faults)
    spans = (("calm", since, first), ("fault", first, over), ("rest", over, ended))
    return tuple(Phase(name, start, max(start, end)) for name, start, end in spans)


def _wrong(what: str, faults: Sequence[Injection]) -> str:
    """Why it is not what it was meant to be; "" if it is."""
    if what == NORMAL:
        return f"not normal: {', '.join(fault.label for fault in faults)}" if faults else ""
    return "" if any(fault.applied is not None for fault in faults) else f"no {what} was there"


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")
