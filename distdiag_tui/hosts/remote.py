"""A machine over there, asked through a shell, with the servers' processes that run on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from distdiag_tui.hosts import answers, procfs, shell
from distdiag_tui.hosts.procfs import Figures
from distdiag_tui.hosts.protocol import sample_of
from distdiag_tui.hosts.shell import Shell
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.sources.frame import Sample

_BACK_OFF: Final = (2.0, 60.0)  # s, first and longest pause between attempts
_SEARCH: Final = 10.0  # s between two searches for a process that is not there
_SLEPT: Final = 5.0  # s by which two clocks differ only if one of the machines slept

AWAY: Final = (OSError, TimeoutError, DistdiagError)


@dataclass(slots=True)
class _Process:
    """A server's; `epoch` grows when another one takes its place. `stopped` of its `looks` found it so.

    `seen`: the one with this `pid` was looked at, and began when `started` says.
    """

    pid: int | None = None
    seen: bool = False
    started: int = 0
    disk: int | None = None
    epoch: int = 0
    looks: int = 0
    stopped: int = 0
    search_at: float = 0.0

    def looked_at(self, stat: str) -> Figures:
        """What its state adds to what was seen before; nothing if another program has its id by now."""
        if (started := procfs.started(stat)) != self.started:
            if self.seen:
                return {}
            self.epoch, self.started = self.epoch + 1, started
        self.seen = True
        self.looks += 1
        self.stopped += procfs.stopped(stat)
        return {"proc_looks": self.looks, "proc_stopped": self.stopped}

    def forget(self) -> None:
        """Search for it anew."""
        self.pid, self.seen, self.search_at = None, False, 0.0


class RemoteMachine:
    """One machine. `program` is the name of the servers' processes; `data` a path on the disk that counts."""

    def __init__(self, opening: Callable[[], Awaitable[Shell]], program: str, data: str = "") -> None:
        self.name = self.trouble = ""
        self._opening, self._program, self._data = opening, program, data
        self._shell: Shell | None = None
        self._page = 4096
        self._processes: dict[str, _Process] = {}
        self._boot = 0
        self._offset = 0.0  # of our clock to the machine's time since its start, s
        self._reboots = 0
        self._retry_at = 0.0
        self._failures = 0

    async def read(self, ports: Mapping[str, int]) -> Mapping[str, Sample]:
        """Figures of the servers here, given by name with their SQL ports; none while it does not answer."""
        if elapsed() < self._retry_at:
            return {}
        try:
            samples = await self._read(ports)
        except AWAY as error:
            return await self._fail(str(error) or "no answer in time")
        except ValueError:
            return await self._fail("what it answers makes no sense")
        self._failures = 0
        return samples

    async def _fail(self, why: str) -> Mapping[str, Sample]:
        """Say why there is nothing, and leave it alone for a while."""
        await self.close()
        first, longest = _BACK_OFF
        self._retry_at = elapsed() + min(longest, first * 2**self._failures)
        self._failures = min(self._failures + 1, 8)
        self.trouble = why
        return {}

    async def close(self) -> None:
        """End the shell over there."""
        gone, self._shell = self._shell, None
        if gone is not None:
            await gone.close()

    async def _read(self, ports: Mapping[str, int]) -> Mapping[str, Sample]:
        if self._shell is None:
            self._shell = await self._opening()
            for process in self._processes.values():  # the machine may have begun anew, or be another one
                process.forget()
                process.disk = None
            # what a login's own files print comes before
            self.name, page = (await self._shell.ask("hello")).split()[-2:]
            self._page = int(page)
        for name, port in ports.items():
            process = self._processes.setdefault(name, _Process())
            await self._find(self._shell, process, port, alone=len(ports) == 1)
        known = {self._processes[name].pid for name in ports} - {None}
        texts = shell.by_file(await self._shell.ask(f"read {' '.join(map(str, known))}"))
        self._set_clock(texts)
        self.trouble = self._complaint(ports)
        return {name: self._sample(texts, self._processes[name]) for name in ports}

    async def _find(self, there: Shell, process: _Process, port: int, *, alone: bool) -> None:
        """Which process is the server's, and on which device its data is."""
        now = elapsed()
        if process.pid is not None or now < process.search_at:
            return
        process.search_at = now + _SEARCH
        found = shell.candidates(await there.ask(f"find {self._program}"))
        process.pid = shell.choose(found, port, alone=alone)
        paths = [self._data] if self._data else []
        if process.pid is not None and not paths:
            paths = [f"/proc/{process.pid}/cwd/store/sstable", f"/proc/{process.pid}/cwd"]
        for path in paths:
            number = (await there.ask(f"disk {path}")).strip()
            if number.isdecimal():
                process.disk = int(number)
                return

    def _set_clock(self, texts: answers.Texts) -> None:
        """The machine's own clock says how much time passed between two readings, not how fast they came."""
        try:
            up, boot = answers.uptime(texts), procfs.boot_time(texts.get("/proc/stat", ""))
        except ValueError:
            raise OSError("its /proc cannot be read") from None
        now = elapsed()
        if abs(boot - self._boot) > 1 or abs(up + self._offset - now) > _SLEPT:
            self._reboots += 1
            self._boot, self._offset = boot, now - up

    def _complaint(self, ports: Mapping[str, int]) -> str:
        lost = [name for name in ports if self._processes[name].pid is None]
        return f"no process {self._program} of {', '.join(lost)} found there" if lost else ""

    def _sample(self, texts: answers.Texts, process: _Process) -> Sample:
        up = answers.uptime(texts)
        figures = answers.of_machine(texts, up * 1e6) | answers.of_disk(texts, process.disk, up * 1e6)
        if process.pid is not None:
            own = answers.of_process(texts, process.pid, self._page)
            looks = process.looked_at(texts[f"/proc/{process.pid}/stat"]) if own else {}
            if looks:
                figures |= own | looks
            else:
                process.forget()
        return sample_of(figures, up + self._offset, process.epoch + 1000 * self._reboots)
