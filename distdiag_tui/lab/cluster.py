"""The lab as a whole: start what is missing, stop everything, say how each node is."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from distdiag_tui.lab import access, logs, node, preflight, processes
from distdiag_tui.lab import state as memory
from distdiag_tui.lab.binary import Server, check_psutil, find_server
from distdiag_tui.lab.report import NodeProgress, NodeState, NodeStatus, Stage
from distdiag_tui.lab.state import LabState, NodeRecord
from distdiag_tui.model.errors import LabError
from distdiag_tui.model.target import Secret

if TYPE_CHECKING:
    import psutil

DEFAULT_NODES = 3
READY_TIMEOUT = 120.0  # seconds
PORT_PATIENCE = 2.0

Report = Callable[[NodeProgress], None]


class Lab:
    """The lab that lives in `home` (default: the user's own).

    `measure` tells the room for new nodes, `notice` receives one line when another command is waited for.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        measure: Callable[[Path], preflight.Room] = preflight.measure,
        notice: Callable[[str], None] = lambda _line: None,
        ready_timeout: float = READY_TIMEOUT,
    ) -> None:
        self.home = (home or memory.lab_home()).absolute()
        self._measure = measure
        self._notice = notice
        self._ready_timeout = ready_timeout

    async def up(
        self, nodes: int | None = None, port: int | None = None, progress: Report = lambda _event: None
    ) -> LabState:
        """Bring the lab to `nodes` running nodes (default: as many as it has, else 3); heal what is not well.

        Running nodes are left alone, crashed ones started, frozen ones thawed. New nodes get ports from
        `port` on. LabError if it cannot be done; nodes that did start keep running then.
        """
        server = find_server()
        preflight.prepare_home(self.home)
        async with self._locked():
            for _ in range(2):
                state, password, running = await self._prepare(nodes, port)
                starts = list(self._starts(server, state, state.nodes, running, progress))
                waits = (start.wait_ready(password, self._ready_timeout) for start in starts)
                results = await asyncio.gather(*waits, return_exceptions=True)
                if all(processes.is_alive(process) for process in running.values()):
                    break  # else one was dying when we came: it is started like any that is down
            _raise_first(results)
            return self._require_state()

    async def revive(self, name: str) -> None:
        """Start a crashed node; nothing if it runs, or was stopped on purpose. LabError if it stays away."""
        server = find_server()
        async with self._locked():
            state = self._require_state()
            nodes = tuple(each for each in state.nodes if each.name == name and each.pid is not None)
            password = memory.load_password(self.home)
            if password is None:
                raise LabError(memory.missing_password(self.home))
            running = processes.find(self.home, nodes)
            await self._check(nodes, running)
            for start in self._starts(server, state, nodes, running, lambda _event: None):
                await start.wait_ready(password, self._ready_timeout)

    async def down(self, purge: bool = False) -> list[str]:
        """Stop all nodes and return the names of those that ran; with `purge`, remove their data too."""
        check_psutil()
        if not self.home.is_dir():
            return []
        async with self._locked():
            nodes = self._known_nodes(purge)
            running = processes.find(self.home, nodes)
            await asyncio.gather(*(node.stop(process) for process in running.values()))
            if left := processes.find(self.home, nodes):
                raise LabError(f"cannot stop {_listed(left)}")
            if purge:
                self._purge(nodes)
            elif nodes:
                memory.save(self.home, LabState(tuple(_stopped(each) for each in nodes)))
            return list(running)

    def status(self) -> list[NodeStatus]:
        """How each node is right now; empty if there is no lab. May take a second a node that is not well."""
        state = memory.load(self.home)
        if state is None:
            return []
        running = processes.find(self.home, state.nodes)
        return [_status(each, running.get(each.name)) for each in state.nodes]

    def terminate(self) -> None:
        """Ask all nodes to stop and return at once, for a caller that must be gone itself."""
        state = memory.load(self.home)
        for process in processes.find(self.home, state.nodes).values() if state else ():
            processes.terminate(process)

    async def _prepare(
        self, count: int | None, port: int | None
    ) -> tuple[LabState, Secret, dict[str, psutil.Process]]:
        """Check everything that can be checked, then write down what is about to be started."""
        old = memory.load(self.home)
        state = _grown(old, count, port)
        running = processes.find(self.home, state.nodes)
        await self._check(state.nodes, running)
        password = memory.load_password(self.home)
        if password is None and old is not None:
            raise LabError(memory.missing_password(self.home))
        password = password or memory.create_password(self.home)
        memory.save(self.home, state)
        return state, password, running

    async def _check(self, nodes: tuple[NodeRecord, ...], running: dict[str, psutil.Process]) -> None:
        idle = [each for each in nodes if each.name not in running]
        for each in idle:
            await _freed(each)
        new = sum(not (memory.node_folder(self.home, each.name) / "store").exists() for each in idle)
        preflight.check_room(self._measure(self.home), starting=len(idle), new=new, home=self.home)

    def _starts(
        self,
        server: Server,
        state: LabState,
        nodes: tuple[NodeRecord, ...],
        running: dict[str, psutil.Process],
        report: Report,
    ) -> Iterator[node.Start]:
        for each in nodes:
            report(NodeProgress(each.name, Stage.WAITING, 0.0))
            log_offset = logs.size(logs.server_log(self.home, each.name))
            process = running.get(each.name)
            if process is None:
                record, process = node.spawn(server, self.home, each)
            else:
                processes.thaw(process)
                record = replace(each, pid=process.pid, started=process.create_time())
            # at once: were this command killed now, the next one would still know the process
            state = state.with_node(record)
            memory.save(self.home, state)
            yield node.Start(self.home, record, process, log_offset, report)

    def _require_state(self) -> LabState:
        state = memory.load(self.home)
        if state is None:
            raise LabError(f"the lab state in {self.home} was removed meanwhile")
        return state

    def _known_nodes(self, purge: bool) -> tuple[NodeRecord, ...]:
        try:
            state = memory.load(self.home)
        except LabError:
            if not purge:
                raise
            # a corrupt file must not stand in the way of its own removal
            names = (path.name for path in self.home.glob("n*") if path.name[1:].isdecimal())
            return tuple(NodeRecord(name, "", 0) for name in names)
        return state.nodes if state else ()

    def _purge(self, nodes: tuple[NodeRecord, ...]) -> None:
        try:
            for each in nodes:
                _remove(memory.node_folder(self.home, each.name))
            memory.forget(self.home)
        except OSError as error:
            raise LabError(f"cannot remove {error.filename}: {error.strerror}") from error

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        lock = memory.LabLock(self.home)
        if not lock.try_acquire():
            self._notice("waiting for another lab command to finish")
            while not lock.try_acquire():  # noqa: ASYNC110  another process holds it
                await asyncio.sleep(0.1)
        try:
            yield
        finally:
            lock.release()


def _grown(old: LabState | None, count: int | None, port: int | None) -> LabState:
    """The lab with as many nodes as asked for; those it has stay as they are."""
    nodes = old.nodes if old else ()
    count = count if count is not None else len(nodes) or DEFAULT_NODES
    if not 1 <= count <= preflight.MAX_NODES:
        raise LabError(f"a lab has 1 to {preflight.MAX_NODES} nodes, not {count}")
    if count < len(nodes):
        raise LabError(
            f"the lab has {len(nodes)} nodes; for fewer, remove it first with: distdiag lab down --purge"
        )
    if port is not None and count == len(nodes) and nodes[0].port != port:
        raise LabError(f"the lab keeps its ports ({nodes[0].port}, …); --port is for new nodes")
    return LabState((*nodes, *_new_nodes(nodes, count, port)))


def _new_nodes(nodes: tuple[NodeRecord, ...], count: int, port: int | None) -> Iterator[NodeRecord]:
    if count == len(nodes):
        return
    ports = preflight.choose_ports(count - len(nodes), port, {each.port for each in nodes})
    for number, free in enumerate(ports, len(nodes) + 1):
        yield NodeRecord(f"n{number}", f"zone{number}", free)


async def _freed(record: NodeRecord) -> None:
    """Wait until the port of a node without process is free; a server killed just now holds it a moment."""
    deadline = time.monotonic() + PORT_PATIENCE
    while not preflight.is_free(record.port) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    preflight.require_free(record.port, f" of node {record.name}")


def _stopped(record: NodeRecord) -> NodeRecord:
    return replace(record, pid=None, started=None)


def _status(record: NodeRecord, process: psutil.Process | None) -> NodeStatus:
    import psutil  # noqa: PLC0415

    status = NodeStatus(record.name, record.zone, memory.HOST, record.port, NodeState.STOPPED)
    try:
        if process is not None:
            return _living(status, process)
    except psutil.NoSuchProcess:
        pass  # it ended while we looked
    return replace(status, state=NodeState.STOPPED if record.pid is None else NodeState.CRASHED)


def _living(status: NodeStatus, process: psutil.Process) -> NodeStatus:
    uptime = max(0.0, time.time() - process.create_time())
    if processes.is_frozen(process):
        state = NodeState.FROZEN
    elif processes.listens(process, status.port) and access.greets(status.port):
        state = NodeState.RUNNING
    else:
        state = NodeState.STARTING if uptime < READY_TIMEOUT else NodeState.SILENT
    return replace(status, state=state, pid=process.pid, uptime=uptime, memory=int(process.memory_info().rss))


def _raise_first(results: list[BaseException | None]) -> None:
    for result in results:
        if result is not None:
            raise result


def _listed(running: dict[str, psutil.Process]) -> str:
    return ", ".join(f"{name} (pid {process.pid})" for name, process in running.items())


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()  # not ours: what it points to stays
    elif folder.exists():
        shutil.rmtree(folder)
