"""The workload under which cells are recorded: started when it is wanted, kept while it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from distdiag_tui.experiments.plan import Plan
from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.recording.run import Load
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess


class Loads:
    """At most one workload at a time, on all servers."""

    def __init__(self, workloads: Workloads, plan: Plan) -> None:
        self.reports: list[IntervalReport] = []
        self._workloads = workloads
        self._settings = {setting.name: setting for setting in plan.workloads}
        self._name = ""
        self._process: LoadProcess | None = None
        self._reading: asyncio.Task[None] | None = None

    async def ensure(self, name: str) -> bool:
        """See that this workload runs, "" for none; whether it was started just now.

        Data that is missing is prepared. WorkloadError, ConnectError or ConfigError if it does not start.
        """
        if name == self._name and not self.trouble():
            return False
        await self.stop()
        if not name:
            return False
        setting = self._settings[name]
        wish = Wish(setting.kind, ("prepare", "run"), setting.options)
        self._process, self._name = await self._workloads.start(wish), name
        self._reading = asyncio.create_task(self._read(self._process))
        while self._process.record.active and self._process.record.report is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.news(), 0.5)
        if why := self.trouble():
            raise WorkloadError(why)
        return True

    def trouble(self) -> str:
        """Why the workload does not run, "" if it does, or if none is wanted."""
        if self._process is None or self._process.record.active:
            return ""
        record = self._process.record
        return f"the workload {record.id} has ended: {record.message or record.phase}"

    def describe(self) -> Load:
        """For the record of a run."""
        if self._process is None:
            return Load()
        record = self._process.record
        return Load(record.kind, self._name, record.options, record.id, record.note)

    def change(self, given: Mapping[str, Value]) -> None:
        """Threads and rate, from now on. ConfigError out of bounds."""
        assert self._process is not None
        if "threads" in given:
            self._process.set_threads(int(given["threads"]))
        if "rate" in given:
            self._process.set_rate(float(given["rate"]))

    def before(self, names: Mapping[str, Value]) -> dict[str, Value]:
        """What these options are before a change. WorkloadError if this kind does not have them."""
        options = self.describe().options
        for name in names:
            if name not in options:
                raise WorkloadError(f"{self.describe().kind} has no {name} to change")
        return {name: options[name] for name in names}

    def refusal(self) -> str:
        """Why the latest change was not made, if it was not."""
        return self._process.refusal if self._process else ""

    def others(self, began: float) -> list[str]:
        """Runs on these servers that are not ours and ran at some time since `began`, by their ids."""
        ours = self._process.record.id if self._process else ""
        found = [record for record in self._workloads.runs() if record.id != ours and record.running_since]
        return [each.id for each in found if each.active or (each.ended or 0.0) > began]  # killed: no end

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await self._process.stop()
            await self._process.ended()
        if self._reading is not None:
            self._reading.cancel()
        self._process, self._reading, self._name = None, None, ""

    async def _read(self, process: LoadProcess) -> None:
        async for report in process.reports():
            self.reports.append(report)
