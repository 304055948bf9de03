"""A server that answers a little late, every time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.model.topology import Status
from distdiag_tui.sources.frame import SERVER_WIDE, Sample
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.sources.node import Node

INTERVAL = 0.4
LATE = 0.25  # s: after the frame, which waits for 0.1 s, and before the next one


async def _poll(node: Node) -> Sample:
    await asyncio.sleep(LATE)
    vars(node)["_status"] = Status.UP
    return Sample((SERVER_WIDE,), np.ones((1, len(COLUMNS))), time.monotonic(), 1)


async def test_each_of_its_answers_is_in_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Node, "poll", _poll)
    target = Target("late", (Endpoint("127.0.0.1", 1, "n1"),), "root", Secret(""))
    seen: list[Any] = []
    source = LiveSource(target, INTERVAL).frames()
    async for frame in source:
        seen.append(frame.samples.get("n1"))
        if len(seen) == 8:
            break
    await source.aclose()
    times = [sample.at for sample in seen[3:] if sample is not None]
    assert len(times) >= 4  # not every second frame
    assert times == sorted(set(times))
