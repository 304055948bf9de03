"""How far an object of Chaos Mesh is, by what the controllers wrote into it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """`taken`: a controller has seen it. `trouble`: what failed last in a pod, "" if nothing did.

    An object that waits for its injection is `recovered` as well: nothing is injected.
    """

    taken: bool = False
    pods: int = 0
    hit: int = 0
    injected: bool = False
    recovered: bool = False
    paused: bool = False
    stopping: bool = False
    leaving: bool = False
    trouble: str = ""

    @property
    def over(self) -> bool:
        """Its duration has passed, and everything is as before."""
        return self.stopping and self.recovered

    @property
    def words(self) -> str:
        """For people."""
        pods = f"{self.pods} pod{'s'[: self.pods != 1]}"
        if self.leaving or (self.stopping and not self.recovered):
            words = f"recovering, {self.hit} of {pods} to go"
        elif not self.taken:
            words = "waiting for Chaos Mesh"
        elif self.paused:
            words = "paused"
        elif self.over:
            words = "recovered"
        elif self.injected:
            words = f"injected into {pods}"
        else:
            words = f"selected {pods}, {self.hit} injected" if self.pods else "no pod selected"
        return f"{words}: {self.trouble}" if self.trouble else words


def read_state(item: Mapping[str, Any]) -> State:
    """Of an object as the API server gives it."""
    status = item.get("status") or {}
    experiment = status.get("experiment") or {}
    found = {each["type"]: each["status"] == "True" for each in status.get("conditions") or ()}
    records = experiment.get("containerRecords") or ()
    return State(
        taken=bool(found),
        pods=len(records),
        hit=sum(record["phase"] != "Not Injected" for record in records),
        injected=found.get("AllInjected", False),
        recovered=found.get("AllRecovered", False),
        paused=found.get("Paused", False),
        stopping=experiment.get("desiredPhase") == "Stop",
        leaving="deletionTimestamp" in item["metadata"],
        trouble=next(filter(None, map(_trouble, records)), ""),
    )


def _trouble(record: Mapping[str, Any]) -> str:
    """The last attempt's message, if it failed; the controllers try again by themselves."""
    events = record.get("events") or ()
    if not events or events[-1]["type"] != "Failed":
        return ""
    message = " ".join((events[-1].get("message") or "").split())
    return f"{events[-1]['operation']} failed in {record['id']}: {message or 'no reason is known'}"
