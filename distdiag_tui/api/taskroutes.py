"""/api/workload/tasks: a workload with the anomalies that belong to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from fastapi import APIRouter, HTTPException

from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.api.answers import Done
from distdiag_tui.api.answers import Task as TaskAnswer
from distdiag_tui.api.injections import describe_injection, doses_of
from distdiag_tui.api.loads import await_figures, begin, steps_of
from distdiag_tui.api.payloads import TaskRequest
from distdiag_tui.api.seams import Board, Here
from distdiag_tui.api.station import Station
from distdiag_tui.api.tasks import KEPT, Task, Tasks, injections_of
from distdiag_tui.api.workloads import find_run
from distdiag_tui.model.findings import iso
from distdiag_tui.workloads.journal import RunRecord

Runs = Mapping[str, RunRecord]
"""By id."""

router = APIRouter(prefix="/api/workload", tags=["workload"])


@router.post("/create-task")
async def create_task(asked: TaskRequest, here: Here, board: Board) -> TaskAnswer:
    """Inject the anomalies beside a workload; without a workload_id it is started first. All or nothing."""
    doses = [dose for each in asked.anomalies for dose in doses_of(each.type, each.target, each)]
    if doses:
        here.anomalies.anomalies.check(doses)
    if asked.workload_id:
        run = find_run(here, asked.workload_id)
        if not run.active:
            raise HTTPException(409, f"{run.id} is {run.phase}: a task needs a workload that goes on")
    else:
        started = await begin(here, asked, steps_of(asked))
        await await_figures(here, started.process)
        run = started.process.record
    try:
        injected = await here.inject(doses, asked.task_name) if doses else []
    except BaseException:
        if not asked.workload_id:
            await here.workloads.stop(run.id)
        raise
    task = board.add(asked.task_name, run, tuple(injected))
    runs = _runs(here)
    board.forget([each.id for each in board.all() if not _goes_on(here, each, runs)], KEPT)
    return _describe(here, task, runs)


@router.get("/tasks")
async def tasks(here: Here, board: Board) -> list[TaskAnswer]:
    """Those that go on, and the last that have ended; the newest last."""
    runs = _runs(here)
    return [_describe(here, task, runs) for task in board.all()]


@router.get("/tasks/active")
async def active_tasks(here: Here, board: Board) -> list[TaskAnswer]:
    """Those whose workload runs, or of whose anomalies one goes on."""
    runs = _runs(here)
    return [_describe(here, task, runs) for task in board.all() if _goes_on(here, task, runs)]


@router.post("/tasks/cleanup")
async def clean_up(here: Here, board: Board) -> Done:
    """Forget those that have ended."""
    runs = _runs(here)
    count = board.forget([task.id for task in board.all() if not _goes_on(here, task, runs)])
    return Done(message=f"{count} forgotten")


@router.get("/tasks/{task_id}")
async def one_task(task_id: str, here: Here, board: Board) -> TaskAnswer:
    """One of them."""
    return _describe(here, _find(board, task_id), _runs(here))


@router.post("/tasks/{task_id}/stop")
async def stop_task(task_id: str, here: Here, board: Board) -> TaskAnswer:
    """Undo its anomalies, then end its workload."""
    task = _find(board, task_id)
    going = [each.id for each in injections_of(task, here.anomalies.anomalies.ledger) if each.active]
    await here.anomalies.stop(going)
    if (run := _runs(here).get(task.run)) is not None and run.active:
        await here.workloads.stop(run.id)
    return _describe(here, task, _runs(here))


def _find(board: Tasks, name: str) -> Task:
    task = board.find(name)
    if task is None:
        raise HTTPException(404, f"there is no task {name!r}")
    return task


def _runs(station: Station) -> Runs:
    return {record.id: record for record in station.workloads.runs()}


def _goes_on(station: Station, task: Task, runs: Runs) -> bool:
    return _any_active(runs.get(task.run), injections_of(task, station.anomalies.anomalies.ledger))


def _any_active(run: RunRecord | None, injected: Sequence[Injection]) -> bool:
    return (run is not None and run.active) or any(each.active for each in injected)


def _describe(station: Station, task: Task, runs: Runs) -> TaskAnswer:
    run, injected = runs.get(task.run), injections_of(task, station.anomalies.anomalies.ledger)
    failed = (run is not None and run.phase == "failed") or any(each.phase == "failed" for each in injected)
    status: Literal["running", "stopped", "error"] = "stopped"
    if _any_active(run, injected):
        status = "running"
    elif failed:
        status = "error"
    ends = [run.ended if run else None, *(each.reverted for each in injected)]
    ended = max((end for end in ends if end is not None), default=None)
    return TaskAnswer(
        id=task.id,
        name=task.name,
        type=task.kind,
        workload_id=task.run,
        status=status,
        start_time=iso(task.started) or "",
        end_time=iso(ended) if ended is not None and status != "running" else None,
        anomalies=[describe_injection(each) for each in injected],
    )
