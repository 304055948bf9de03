"""Run a program in a pseudo-terminal and measure it from outside: what a user's terminal and machine see."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil
import pyte

# What a modern terminal answers when asked for its attributes, cursor position and synchronised output.
REPLIES = (
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[?2048$p", b"\x1b[?2048;0$y"),
)
PRIVATE = re.compile(r"\x1b\[[<=>?][0-9;:]*[A-Za-z]|\x1b\[[0-9;?]*\$[a-z]")  # what pyte does not know
UNFINISHED = re.compile(r"\x1b(\[[<=>?]?[0-9;:$]*)?$")  # the rest of it has not been read yet
ENVIRONMENT = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
QUIET = 0.12  # s without output before a key is sent


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run. Times in s, `keys` in s from key press to first byte."""

    live: float | None
    cpu_percent: float
    rss_mb: float
    bytes_per_s: float
    keys: tuple[float, ...]


class Terminal:
    """A program under a pty of the given size; use as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 160,
        rows: int = 48,
        *,
        ignore_hangup: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.size = (columns, rows)
        self.chunks: list[tuple[float, bytes]] = []
        self.written = 0
        self.status: int | None = None
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._drawn, self._rest = 0, ""
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if ignore_hangup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            own = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            _resize(0, columns, rows)
            os.execvpe(command[0], list(command), {**own, **ENVIRONMENT, **(environment or {})})
        _resize(self.fd, columns, rows)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        """End the program, the hard way if it must be."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self._gone():
                break
            os.kill(self.pid, sign)
            end = time.perf_counter() + 3
            while time.perf_counter() < end and not self._gone():
                self.pump(0.05)
        os.close(self.fd)

    def _gone(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def pump(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Read what is written for some time, or until a condition holds after a read."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                return
            self.chunks.append((time.perf_counter() - self.started, data))
            self.written += len(data)
            for query, reply in REPLIES:
                if query in data:
                    os.write(self.fd, reply)
            if until():
                return

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self.fd, keys.encode())

    def text(self) -> str:
        """What is on the screen now."""
        new = b"".join(data for _, data in self.chunks[self._drawn :])
        self._drawn = len(self.chunks)
        text = self._rest + self._decoder.decode(new)
        cut = UNFINISHED.search(text)
        self._rest = cut[0] if cut else ""
        self._stream.feed(PRIVATE.sub("", text.removesuffix(self._rest)))
        return "\n".join(self._screen.display)

    def output(self) -> bytes:
        """Everything written so far."""
        return b"".join(data for _, data in self.chunks)

    def wait_for(self, pattern: str, seconds: float = 20.0) -> str:
        """The screen's text once it shows a match; AssertionError with the screen if it does not in time."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.pump(0.3)
            if re.search(pattern, text := self.text()):
                return text
        raise AssertionError(f"{pattern!r} did not appear in {seconds:g} s:\n{self.text()}")

    def wait_exit(self, seconds: float = 20.0) -> int:
        """The exit code (negative: the signal); AssertionError if it goes on."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.pump(0.05)
            if self._gone():
                assert self.status is not None
                return os.waitstatus_to_exitcode(self.status)
        raise AssertionError(f"still running after {seconds:g} s:\n{self.text()}")

    def wait_stopped(self, seconds: float = 20.0) -> None:
        """Until it is stopped, as by ^Z; AssertionError if it goes on."""
        program, end = psutil.Process(self.pid), time.perf_counter() + seconds
        while program.status() != psutil.STATUS_STOPPED:
            assert time.perf_counter() < end, f"still running after {seconds:g} s:\n{self.text()}"
            self.pump(0.05)

    def first_time(self, pattern: str) -> float | None:
        """Seconds from the start until the screen first showed a match, or None; replayed afterwards."""
        screen = pyte.Screen(*self.size)
        stream = pyte.Stream(screen)
        for moment, data in self.chunks:
            stream.feed(PRIVATE.sub("", data.decode("utf-8", "replace")))
            if re.search(pattern, "\n".join(screen.display)):
                return moment
        return None

    def key(self, key: bytes) -> float:
        """Seconds from a key press to the first byte that answers it."""
        self.pump(random.uniform(0.05, 0.45))
        before = -1
        while before != self.written:
            before = self.written
            self.pump(QUIET)
        count = self.written
        pressed = time.perf_counter()
        os.write(self.fd, key)
        self.pump(2.0, lambda: self.written > count)
        return self.started + self.chunks[-1][0] - pressed

    def measure(self, settle: float, window: float, live: str, keys: Sequence[bytes]) -> Cost:
        """Let it settle, watch it for `window` seconds, then press keys."""
        self.pump(settle)
        family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        used, written, began = _cpu(family), self.written, time.perf_counter()
        while time.perf_counter() < began + window:
            self.pump(began + window - time.perf_counter())
        seconds = time.perf_counter() - began
        return Cost(
            self.first_time(live),
            100 * (_cpu(family) - used) / seconds,
            sum(p.memory_info().rss for p in family) / 2**20,
            (self.written - written) / seconds,
            tuple(self.key(key) for key in keys),
        )

    def hang_up(self, limit: float = 15.0) -> float | None:
        """Close the terminal under the program: seconds until it is gone, None if it outlives the limit."""
        began = time.perf_counter()
        os.close(self.fd)
        self.fd = os.open(os.devnull, os.O_RDONLY)
        while time.perf_counter() < began + limit:
            if self._gone():
                break
            time.sleep(0.01)
        else:
            return None
        return time.perf_counter() - began


def percentile(values: Sequence[float], share: float) -> float:
    """The value at a share (0 to 1) of the sorted values."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def middle(values: Sequence[float | None]) -> float:
    """The median, NaN if a value is missing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if len(known) == len(values) else float("nan")


def _cpu(family: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family)


def _resize(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
