"""The process that minds one injection: `python -m distdiag_tui.anomalies.supervisor`.

It makes the fault when its time has come, and undoes it at its end, when it is told to stop (SIGTERM, or a
line {"stop": true}), or when whoever started it has gone or is silent for too long; unless it was let go with
{"detach": true}: then only its time counts. It outlives the console, and ends once nothing is left.

stdin: first {"record", "endpoint", "user", "password", "folder", "silence", "undo", "lock"}, then the lines
above, and {"beat": true} more often than every `silence` seconds. It speaks through its record, whose lock it
holds by the inherited descriptor `lock`. With "undo" it only undoes what a dead supervisor left.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from distdiag_tui.anomalies.injection import Injection, Injections, Phase
from distdiag_tui.anomalies.protocol import Fault
from distdiag_tui.lab import state as lab
from distdiag_tui.model.errors import CutOffError, DistdiagError
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.children import open_stdin, run_and_leave

APPLY_SECONDS: Final = 60.0
_TRIES: Final = 3  # to make it, if it is cut off
REVERT_SECONDS: Final = 20.0  # for one attempt
LASTING: Final = 600.0
"""Seconds of attempts to undo, after which it is left to the next start of a console."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_EVENTS: Final = 5  # the newest
_EVENTS_EVERY: Final = 2.0  # seconds

T = TypeVar("T")


def main() -> None:
    """Entry point; the exit code is 0 if nothing is left of the fault."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    run_and_leave(_serve)


class Supervision:
    """One injection from its entry to its end; every step goes into the record before it is taken."""

    def __init__(self, record: Injection, fault: Fault, ledger: Injections) -> None:
        self.record = replace(record, pid=os.getpid())
        self._fault, self._ledger = fault, ledger
        self._lingers = record.means.lingers
        self._told = asyncio.Event()
        self._why = ""

    def tell(self, why: str) -> None:
        """End it now, for this reason; the first one counts."""
        self._why = self._why or why
        self._told.set()

    async def run(self) -> int:
        """The exit code."""
        self._keep(self.record)
        await self._until(self.record.begins)
        if self._told.is_set():
            self._end("ended")
            return 0
        relaying = asyncio.create_task(self._relay())
        failed = await self._apply()
        if not failed and not self._told.is_set():  # told meanwhile, it may be half made
            await self._hold()
        await _cancelled(relaying)
        return await self.undo(failed)

    async def undo(self, failed: str = "") -> int:
        """Undo it, again and again until nothing is left; `failed`: why it could not be made."""
        self._keep(replace(self.record, phase="reverting", why=failed or self._why, words=""))
        began, pause = time.monotonic(), _FIRST_PAUSE
        while left := await self._revert():
            spent = time.monotonic() - began
            if spent > LASTING:
                return 1
            if spent > self._lingers:
                self._keep(replace(self.record, phase="stuck", message=left))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._keep(replace(self.record, words=left))
            await asyncio.sleep(pause)
        self.record = replace(self.record, message=failed, words="")
        self._end("failed" if failed else "ended")
        return 0

    async def _until(self, moment: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), max(0.0, moment - time.time()))

    async def _apply(self) -> str:
        """Make it; a stop or the end of patience cuts it short. Why it failed, "" if it did not."""
        self._keep(replace(self.record, phase="applying"))
        try:
            async with asyncio.timeout(APPLY_SECONDS):
                await self._make()
        except TimeoutError:
            return self._failed(f"not there after {APPLY_SECONDS:.0f} s")
        except Exception as error:  # a bug must be undone as well
            return self._failed(_words(error))
        if not self._why:
            self._keep(replace(self.record, phase="active", applied=time.time()))
        return ""

    async def _make(self) -> None:
        """Anew if it is cut off, for another fault may end all sessions of the server; undone before that."""
        for tries_left in reversed(range(_TRIES)):
            try:
                await self._unless_told(self._fault.apply(self._note))
            except CutOffError:
                if not tries_left or await self._revert():
                    raise
            else:
                return

    def _failed(self, why: str) -> str:
        self._keep(replace(self.record, message=why))
        return why

    async def _hold(self) -> None:
        """Until it is told, its time is over, or the fault ends by itself."""
        try:
            over = await self._unless_told(self._fault.hold(), self.record.left(time.time()))
            self._why = self._why or over or "its time was over"
        except Exception as error:
            words = _words(error)
            self._why = self._why or words

    async def _unless_told(self, doing: Coroutine[Any, Any, T], seconds: float | None = None) -> T | None:
        """Do it, but stop in the middle when told, or after some seconds: then None."""
        task, telling = asyncio.ensure_future(doing), asyncio.create_task(self._told.wait())
        try:
            waiting = {task, telling}
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            await _cancelled(task, telling)

    async def _revert(self) -> str:
        """One attempt; gives what is left in a line, "" for nothing."""
        try:
            async with asyncio.timeout(REVERT_SECONDS):
                if self._gone():
                    return ""
                await self._fault.revert(self.record.notes)
                return await self._fault.remains(self.record.notes)
        except TimeoutError:
            return f"no end of it after {REVERT_SECONDS:.0f} s"
        except Exception as error:  # whatever it is, the fault may still be there
            return _words(error)

    def _gone(self) -> bool:
        """Whether the lab node was removed with all its data."""
        if not self.record.home:
            return False
        state = lab.load(Path(self.record.home))
        return state is None or self.record.server not in {node.name for node in state.nodes}

    async def _relay(self) -> None:
        """Keep in the record what the fault is at, and what others say of it, where it tells."""
        asked = -_EVENTS_EVERY
        while True:
            words = getattr(self._fault, "words", "")
            if words != self.record.words:
                self._keep(replace(self.record, words=words))
            if time.monotonic() - asked >= _EVENTS_EVERY and hasattr(self._fault, "events"):
                asked = time.monotonic()
                await self._ask_for_events(self._fault.events)
            await asyncio.sleep(0.25)

    async def _ask_for_events(self, ask: Callable[[], Awaitable[list[str]]]) -> None:
        with suppress(DistdiagError, TimeoutError):  # who may not read them does without
            async with asyncio.timeout(_EVENTS_EVERY):
                events = tuple(await ask())[-_EVENTS:]
            if events != self.record.events:
                self._keep(replace(self.record, events=events))

    def _note(self, key: str, text: str) -> None:
        self.record = replace(self.record, notes={**self.record.notes, key: text})
        self._ledger.write(self.record)

    def _end(self, phase: Phase) -> None:
        reverted = time.time() if self.record.applied else None
        self._keep(replace(self.record, phase=phase, reverted=reverted, why=self.record.why or self._why))

    def _keep(self, record: Injection) -> None:
        self.record = record
        with suppress(OSError):  # a full disk must not keep us from undoing; `_note` is stricter
            self._ledger.write(record)


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=REVERT_SECONDS)


def _words(error: Exception) -> str:
    """In one line; a bug leaves its traceback on stderr, which is a file beside the record."""
    if isinstance(error, DistdiagError):
        return " ".join(str(error).split())
    traceback.print_exception(error)
    return " ".join(f"unexpected {type(error).__name__}: {error}".split())


async def _serve() -> int:
    stdin = await open_stdin()
    if not (line := await stdin.readline()):
        return 1  # whoever started us died before it said what to do
    request = json.loads(line)
    os.set_inheritable(request["lock"], False)  # a server that we start outlives us, and is not to hold it
    ledger = Injections(Path(request["folder"]))
    record = ledger.parse(request["record"])
    site = record.site(Endpoint(**request["endpoint"]), request["user"], Secret(request["password"]))
    supervision = Supervision(record, record.means.create(site), ledger)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervision.tell, "it was stopped")
    if request["undo"]:
        return await supervision.undo()
    listening = asyncio.create_task(_listen(stdin, supervision, request["silence"]))
    try:
        return await supervision.run()
    finally:
        listening.cancel()


async def _listen(stdin: asyncio.StreamReader, supervision: Supervision, silence: float) -> None:
    """Obey lines; `silence` seconds without any, or the pipe's end: whoever started us has gone."""
    while True:
        try:
            async with asyncio.timeout(silence):
                line = await stdin.readline()
        except TimeoutError:
            supervision.tell("the console that made it did not answer any more")
            return
        if not line:
            supervision.tell("the console that made it has gone")
            return
        order = json.loads(line)
        if "stop" in order:
            supervision.tell("it was stopped")
        if "detach" in order:
            return


if __name__ == "__main__":
    main()
