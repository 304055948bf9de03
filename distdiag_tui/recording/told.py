"""What a cluster said of itself, beside its figures: layouts and events, as JSON. See `layout`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from distdiag_tui.model.topology import Event, Layout, Share
from distdiag_tui.recording.layout import Arrays
from distdiag_tui.sources.frame import Frame

if TYPE_CHECKING:
    from pydantic import TypeAdapter

AT_LEAST_EVERY: Final = 60.0
"""Seconds between two layouts that differ only in what is used: that changes with every look."""

_Layouts = list[tuple[int, Layout]]
_Events = list[tuple[int, Event]]


@cache
def _forms() -> tuple[TypeAdapter[_Layouts], TypeAdapter[_Events]]:
    """How both are written and read."""
    from pydantic import TypeAdapter  # noqa: PLC0415  not needed for a start

    return TypeAdapter(_Layouts), TypeAdapter(_Events)


def pack_told(frames: Sequence[Frame]) -> Arrays:
    """Members of the archive, those that there is something for."""
    arrays: Arrays = {}
    as_layouts, as_events = _forms()
    if layouts := _changed(frames):
        arrays["layouts"] = np.frombuffer(as_layouts.dump_json(layouts), dtype=np.uint8)
    if events := [(index, event) for index, frame in enumerate(frames) for event in frame.events]:
        arrays["events"] = np.frombuffer(as_events.dump_json(events), dtype=np.uint8)
    return arrays


def unpack_told(arrays: Arrays, count: int) -> list[tuple[Layout | None, tuple[Event, ...]]]:
    """Of each of so many frames the newest layout, and its events. ValueError if they are damaged."""
    layouts: dict[int, Layout] = {}
    events: dict[int, list[Event]] = {}
    as_layouts, as_events = _forms()
    if "layouts" in arrays:
        layouts = dict(as_layouts.validate_json(arrays["layouts"].tobytes()))
    if "events" in arrays:
        for index, event in as_events.validate_json(arrays["events"].tobytes()):
            events.setdefault(index, []).append(event)
    found, now = [], None
    for index in range(count):
        now = layouts.get(index, now)
        found.append((now, tuple(events.get(index, ()))))
    return found


def _changed(frames: Sequence[Frame]) -> _Layouts:
    """Those worth keeping, with the frame from which on they hold."""
    kept: _Layouts = []
    seen: Layout | None = None
    bare: Layout | None = None
    kept_at = 0.0
    for index, frame in enumerate(frames):
        if frame.layout is None or frame.layout is seen:
            continue
        seen, before, bare = frame.layout, bare, _without_use(frame.layout)
        if bare != before or frame.time - kept_at >= AT_LEAST_EVERY:
            kept.append((index, frame.layout))
            kept_at = frame.time
    return kept


def _without_use(layout: Layout) -> Layout:
    """What it is and may use, not what it uses."""
    members = {
        name: replace(member, shares=_limits(member.shares), clock_offset=None)
        for name, member in layout.members.items()
    }
    units = tuple(replace(unit, shares=_limits(unit.shares)) for unit in layout.units)
    return replace(layout, members=members, units=units)


def _limits(shares: Mapping[str, Share]) -> dict[str, Share]:
    return {name: replace(share, used=None) for name, share in shares.items()}
