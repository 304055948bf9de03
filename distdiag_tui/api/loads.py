"""From what is sent to a workload that runs: the original's names of options, and when to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from distdiag_tui.api.payloads import TaskRequest, WorkloadRequest
from distdiag_tui.api.station import Station
from distdiag_tui.model.errors import RefusedError, WorkloadError
from distdiag_tui.service.workloads import Wish
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import SERVERS
from distdiag_tui.workloads.protocol import Step
from distdiag_tui.workloads.runner import LoadProcess

PREPARE_SECONDS: Final = 6 * 3600.0
START_SECONDS: Final = 15.0
"""Until a run has its first figures; after that it is answered as it is."""

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "tables": ("tables",),
    "tableSize": ("table_size", "rows"),
    "randType": ("rand_type",),
    "warehouses": ("warehouses",),
    "warmupTime": (),
    "runningTime": ("time",),
    "reportInterval": ("interval",),
}


@dataclass(frozen=True, slots=True)
class Started:
    """A run, and what a person should know of it."""

    process: LoadProcess
    note: str


async def begin(station: Station, asked: WorkloadRequest | TaskRequest, steps: tuple[Step, ...]) -> Started:
    """Start the steps. RefusedError: it is production, and not confirmed; else as the service."""
    given, left_out = _given(asked)
    insist = station.target.production and asked.confirm == station.target.cluster
    try:
        process = await station.workloads.start(Wish(asked.type, steps, given), insist=insist)
    except RefusedError:
        raise RefusedError(
            f"{station.target.cluster} is a production cluster: {asked.type} would put load and data on it; "
            'if that is meant, send its name as "confirm"'
        ) from None
    notes = [process.record.note] if process.record.note else []
    if left_out:
        notes.append(f"not for {process.record.kind}: {', '.join(left_out)}")
    return Started(process, "; ".join(notes))


def steps_of(asked: WorkloadRequest | TaskRequest) -> tuple[Step, ...]:
    """Of a start."""
    return ("prepare", "run") if asked.options.prepare_db else ("run",)


async def await_end(station: Station, process: LoadProcess) -> None:
    """Until it has ended well; WorkloadError if it did not."""
    await station.until(process, lambda: False, PREPARE_SECONDS)
    record = process.record
    if record.phase != "done":
        why = record.message or f"{record.id} was cut short; it can be repeated"
        raise WorkloadError(why)


async def await_figures(station: Station, process: LoadProcess) -> None:
    """Until it runs and has measured something; WorkloadError if it fails before."""
    await station.until(process, lambda: process.record.phase == "running", PREPARE_SECONDS)
    await station.until(process, lambda: process.record.report is not None, START_SECONDS)
    if process.record.phase == "failed":
        raise WorkloadError(process.record.message)


def _given(asked: WorkloadRequest | TaskRequest) -> tuple[dict[str, Any], list[str]]:
    """Options by the kind's own names; and those of the original's that the kind does not have."""
    known = {option.name for option in (*find_kind(asked.type).options, SERVERS)}
    given: dict[str, Any] = {} if asked.threads is None else {"threads": asked.threads}
    left_out = []
    for name, value in asked.options.model_dump(exclude={"prepare_db"}, exclude_none=True).items():
        own = [each for each in _NAMES.get(name, (name,)) if each in known]
        if own:
            given[own[0]] = value
        elif name in _NAMES:
            left_out.append(name)
        else:
            given[name] = value  # the service says what there is
    return given, left_out
