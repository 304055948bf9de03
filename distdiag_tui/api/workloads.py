"""/api/workload: prepare, start, stop, and see what goes on."""

from __future__ import annotations

import json
from typing import Literal

from fastapi import APIRouter, HTTPException

from distdiag_tui.api.answers import Done, Prepared, WorkloadAnswer, WorkloadInfo
from distdiag_tui.api.loads import await_end, await_figures, begin, steps_of
from distdiag_tui.api.payloads import WorkloadRequest
from distdiag_tui.api.seams import Board, Here
from distdiag_tui.api.station import Station
from distdiag_tui.model.findings import iso
from distdiag_tui.workloads.journal import RunRecord

router = APIRouter(prefix="/api/workload", tags=["workload"])


@router.post("/prepare")
async def prepare(asked: WorkloadRequest, here: Here, *, wait: bool = True) -> Prepared:
    """Make a workload's data; what is there is kept. Answers when it is done, or with wait=false at once."""
    started = await begin(here, asked, ("prepare",))
    process = started.process
    if not wait:
        return Prepared(status="accepted", message=started.note, workload_id=process.record.id)
    await await_end(here, process)
    words = "; ".join(filter(None, (f"{process.record.kind} {process.record.words}", started.note)))
    return Prepared(message=words, workload_id=process.record.id)


@router.post("/start")
async def start(asked: WorkloadRequest, here: Here, board: Board) -> WorkloadAnswer:
    """Run a workload until its runningTime is over, or until it is stopped. Answers as soon as it runs."""
    started = await begin(here, asked, steps_of(asked))
    await await_figures(here, started.process)
    answer = describe(started.process.record, started.note)
    if asked.task_name:
        answer.task_id = board.add(asked.task_name, started.process.record).id
    return answer


@router.post("/stop-all")
async def stop_all(here: Here) -> Done:
    """End every run against this cluster's servers, whoever started it on this machine."""
    runs = [record.id for record in here.workloads.runs() if record.active]
    for run in runs:
        await here.workloads.stop(run)
    return Done(message=f"stopped {', '.join(runs)}" if runs else "nothing is running")


@router.get("/active")
async def active(here: Here) -> list[WorkloadInfo]:
    """The runs that go on against this cluster's servers, whoever started them on this machine."""
    return [_info(record) for record in here.workloads.runs() if record.active]


@router.post("/{workload_id}/stop")
async def stop(workload_id: str, here: Here) -> WorkloadAnswer:
    """End a run, whoever started it."""
    find_run(here, workload_id)
    await here.workloads.stop(workload_id)
    return describe(find_run(here, workload_id))


@router.get("/{workload_id}/status")
async def status(workload_id: str, here: Here) -> WorkloadAnswer:
    """What became of a run."""
    return describe(find_run(here, workload_id))


def find_run(station: Station, name: str) -> RunRecord:
    """Of this cluster; a 404 names those that go on."""
    records = station.workloads.runs()
    for record in records:
        if record.id == name:
            return record
    going = ", ".join(record.id for record in records if record.active) or "none"
    raise HTTPException(404, f"there is no workload {name!r}; running: {going}")


def describe(record: RunRecord, note: str = "") -> WorkloadAnswer:
    """One run, as the original tells it."""
    what: Literal["running", "stopped", "error"]
    what = "running" if record.active else "error" if record.phase == "failed" else "stopped"
    words = record.message or f"{record.kind} is {record.phase} {record.words}".strip()
    report = json.loads(record.report.without_histogram().to_json()) if record.report else None
    return WorkloadAnswer(
        workload_id=record.id,
        status=what,
        message="; ".join(filter(None, (words, note or record.note))),
        output=report,
    )


def _info(record: RunRecord) -> WorkloadInfo:
    return WorkloadInfo(
        id=record.id,
        type=record.kind,
        threads=int(record.options.get("threads", 0)),
        pid=record.pid,
        start_time=iso(record.started) or "",
        phase=record.phase,
        message=record.words,
        tps=record.report.tps if record.report else None,
    )
