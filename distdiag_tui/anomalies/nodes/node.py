"""The lab node that a fault is made on: its process, and how it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.lab import processes, state
from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.report import NodeState
from distdiag_tui.lab.state import NodeRecord
from distdiag_tui.model.errors import AnomalyError

if TYPE_CHECKING:
    import psutil


class Node:
    """A node by its name. Everything is looked up anew each time: others start and stop nodes as well."""

    def __init__(self, site: Site) -> None:
        if site.home is None:
            raise AnomalyError(f"{site.label} is no lab node")
        self.home, self.name, self.label = site.home, site.endpoint.name, site.label

    @property
    def folder(self) -> Path:
        """Where it keeps its data."""
        return state.node_folder(self.home, self.name)

    def record(self) -> NodeRecord | None:
        """What the lab remembers of it; None if it is no part of the lab any more."""
        lab = state.load(self.home)
        return next((node for node in lab.nodes if node.name == self.name), None) if lab else None

    def process(self) -> psutil.Process | None:
        """Its live process."""
        record = self.record()
        return processes.find(self.home, (record,)).get(self.name) if record else None

    def require(self) -> psutil.Process:
        """Its live process; AnomalyError if there is none."""
        process = self.process()
        if process is None:
            raise AnomalyError(f"{self.name} is not running")
        return process

    def stopped(self) -> bool:
        """Whether it was stopped on purpose, or removed."""
        record = self.record()
        return record is None or record.pid is None

    def thaw(self) -> None:
        """Let it run if it was stopped by a signal."""
        if process := self.process():
            processes.thaw(process)

    def frozen(self) -> str:
        """A line if it is stopped by a signal, else ""."""
        process = self.process()
        return f"{self.name} is frozen" if process and processes.is_frozen(process) else ""

    async def start(self) -> None:
        """Start its process if it has none; LabError if it does not come up."""
        await Lab(self.home).revive(self.name)

    def silent(self) -> str:
        """A line if it does not serve though it should, else ""."""
        if self.stopped():
            return ""
        now = next(node.state for node in Lab(self.home).status() if node.name == self.name)
        return "" if now is NodeState.RUNNING else f"{self.name} is {now}"
