"""The lab: its nodes are processes on this machine, which all of them share."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from distdiag_tui.hosts import answers, local, procfs
from distdiag_tui.hosts.process import LocalProcess
from distdiag_tui.hosts.procfs import Figures
from distdiag_tui.hosts.protocol import sample_of
from distdiag_tui.lab.state import NodeRecord, load, node_folder
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.errors import LabError
from distdiag_tui.model.topology import Host, Server
from distdiag_tui.sources.frame import Sample

log = logging.getLogger(__name__)

_SAME_START: Final = 1.0  # s by which two readings of one process's start may differ
_HANDLES: Final = 400  # files kept open for all nodes; a process may often have no more than 1,024
_LOOKS: Final = (0.06, 0.14)  # s between two looks at a process's state: uneven, for faults may be even


class LabHosts:
    """The machine, read once for all nodes, and each node's process."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._name = os.uname().nodename
        self._machines: Mapping[str, Host] = {}
        self._booted = procfs.boot_time(local.read_text("/proc/stat"))
        self._processes: dict[str, LocalProcess] = {}
        self._epochs: dict[str, int] = {}
        self._looking: asyncio.Task[None] | None = None
        self._lock = threading.Lock()  # of the processes: files are read in a thread

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """Of all nodes that are servers here, those too that do not answer."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="states of processes")
        names = {server.name for server in servers}
        self._machines = dict.fromkeys(names, Host(self._name, "/proc"))
        return await asyncio.to_thread(self._read, names)

    @property
    def machines(self) -> Mapping[str, Host]:
        """All of them are this one."""
        return self._machines

    async def close(self) -> None:
        """Let go of the processes."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
            self._looking = None
        await asyncio.to_thread(self._let_go)

    def _let_go(self) -> None:
        with self._lock:
            for name in list(self._processes):
                self._drop(name)

    def _read(self, names: set[str]) -> dict[str, Sample]:
        with self._lock:
            return self._read_all(names)

    def _read_all(self, names: set[str]) -> dict[str, Sample]:
        try:
            state = load(self._home)
        except LabError as error:
            log.info("no figures of the lab's nodes: %s", error)
            return {}
        nodes = state.nodes if state else ()
        at = elapsed()
        micros = round(at * 1e6)
        texts = local.machine_texts()
        machine = answers.of_machine(texts, micros)
        samples = {}
        for node in nodes:
            if node.name not in names:
                continue
            disk = local.device_of(str(node_folder(self._home, node.name)))
            figures = machine | answers.of_disk(texts, disk, micros) | self._own(node, len(nodes))
            samples[node.name] = sample_of(figures, at, self._epochs.get(node.name, 0))
        return samples

    def _own(self, node: NodeRecord, nodes: int) -> Figures:
        process = self._process(node, nodes)
        if process is None:
            return {}
        try:
            return process.figures()
        except OSError:
            self._drop(node.name)
            return {}

    def _process(self, node: NodeRecord, nodes: int) -> LocalProcess | None:
        """That of the node's record, if it is the very same one; a node that was started anew has another."""
        known = self._processes.get(node.name)
        if known is not None and known.pid == node.pid:
            return known
        self._drop(node.name)
        if node.pid is None or node.started is None:
            return None
        with suppress(OSError):
            process = LocalProcess(node.pid, _HANDLES // nodes)
            if abs(self._booted + process.started / 100 - node.started) < _SAME_START:
                self._processes[node.name] = process
                return process
            process.close()
        return None

    def _drop(self, name: str) -> None:
        """What is read of its next process does not compare with this one's."""
        process = self._processes.pop(name, None)
        if process is not None:
            process.close()
            self._epochs[name] = self._epochs.get(name, 0) + 1

    async def _look(self) -> None:
        """See how often processes are stopped: their totals do not tell."""
        while True:
            await asyncio.sleep(random.uniform(*_LOOKS))  # noqa: S311
            if not self._lock.acquire(blocking=False):
                continue
            try:
                for process in self._processes.values():
                    with suppress(OSError):
                        process.look()
            finally:
                self._lock.release()
