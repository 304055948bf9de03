"""How a request gets at what it works on."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from distdiag_tui.api.station import Station
from distdiag_tui.api.tasks import Tasks


def _station(request: Request) -> Station:
    return cast("Station", request.app.state.station)


def _tasks(request: Request) -> Tasks:
    return cast("Tasks", request.app.state.tasks)


Here = Annotated[Station, Depends(_station)]
Board = Annotated[Tasks, Depends(_tasks)]
