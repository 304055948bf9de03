"""When all is well, and what is said when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import START, steady_frames

from distdiag_tui.experiments.sampler import WELL, Sampler
from distdiag_tui.model.errors import RecordingError
from distdiag_tui.model.topology import Status
from distdiag_tui.recording.reader import open_recording
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.sources.frame import Frame

GOOD = steady_frames(3)[0]


def without(name: str) -> Frame:
    """A frame in which a server does not answer."""
    servers = tuple(
        replace(s, status=Status.UNREACHABLE, detail="no answer within 3 s") if s.name == name else s
        for s in GOOD.servers
    )
    return replace(GOOD, servers=servers, samples={n: s for n, s in GOOD.samples.items() if n != name})


class Steps:
    """A source whose frames come when they are asked for, and a sampler of it."""

    def __init__(self, frames: list[Frame]) -> None:
        self.sampler = Sampler(self)
        self._frames, self._turn = frames, asyncio.Semaphore(0)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """In order."""
        for frame in self._frames:
            await self._turn.acquire()
            yield frame
        await asyncio.Event().wait()

    async def step(self) -> Frame:
        """The next frame, once the sampler has it."""
        waiting = asyncio.create_task(self.sampler.next())
        await asyncio.sleep(0)
        self._turn.release()
        return await asyncio.wait_for(waiting, 5)


async def after(frames: list[Frame], look: Callable[[Sampler], object]) -> list[object]:
    """What `look` says after each frame."""
    steps = Steps(frames)
    async with steps.sampler.running():
        found = []
        for _ in frames:
            await steps.step()
            found.append(look(steps.sampler))
        return found


async def test_all_is_well_once_every_server_has_answered_several_times() -> None:
    assert WELL == 3
    frames = [GOOD, GOOD, GOOD, without("n2"), GOOD, GOOD, GOOD, GOOD]
    well = await after(frames, lambda sampler: sampler.well)
    assert well == [False, False, True, False, False, False, True, True]


async def test_who_does_not_answer_is_named() -> None:
    words = await after([without("n2"), GOOD], lambda sampler: sampler.complaint())
    assert words == ["n2 is unreachable: no answer within 3 s", ""]


async def test_only_what_comes_while_there_is_a_recorder_is_recorded(tmp_path: Path) -> None:
    steps = Steps(steady_frames(9))
    sampler = steps.sampler
    async with sampler.running():
        for number in range(9):
            frame = await steps.step()
            if number == 2:
                sampler.recorder = Recorder(tmp_path / "r")
            if number == 5:
                sampler.recorder.flush()  # type: ignore[union-attr]
                sampler.recorder = None
        assert frame.tick == START + 8
    assert [frame.tick - START for frame in open_recording(tmp_path / "r.part").frames()] == [3, 4, 5]


async def test_a_full_disk_ends_the_sampling_with_its_reason() -> None:
    class Full:
        def add(self, frame: Frame) -> None:
            raise RecordingError("cannot write x: No space left on device")

    steps = Steps([GOOD, GOOD])
    steps.sampler.recorder = Full()  # type: ignore[assignment]
    async with steps.sampler.running():
        with pytest.raises(RecordingError, match="No space left"):
            await steps.step()
