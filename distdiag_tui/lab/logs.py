"""Read what the servers wrote: the end of a file, what is new in it, and the reason of a failed start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from distdiag_tui.lab.state import node_folder

_BLOCK = 64 * 1024
_STEP = re.compile(rb"\[server_start (\d+)/(\d+)\]")
_PREFIX = re.compile(r"^\[.*?\[lt=\d+\](?:\[errcode=-?\d+\])?\s*")
# control characters, line and paragraph separators, and those that reverse the direction of writing
_OBEYED = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]")
_OUTCOME = "observer start fail"  # says that, not why


def server_log(home: Path, name: str) -> Path:
    """The server's own log."""
    return node_folder(home, name) / "log" / "seekdb.log"


def output_file(home: Path, name: str) -> Path:
    """What the server wrote to its standard output and error."""
    return node_folder(home, name) / "output.log"


def clean(text: str) -> str:
    """One line of a server's text with nothing in it that a terminal obeys.

    >>> clean("a\\x1b[2Jb\\tc")
    'a�[2Jb    c'
    """
    return _OBEYED.sub("\ufffd", text.replace("\t", "    "))


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines, cleaned; none if the file is absent."""
    if lines <= 0 or not path.is_file():
        return []
    data = b""
    with path.open("rb") as file:
        position = file.seek(0, 2)
        while position and data.count(b"\n") <= lines:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            data = file.read(step) + data
    return _lines(data)[-lines:]


def _lines(data: bytes) -> list[str]:
    if not data:
        return []
    return [clean(line) for line in data.removesuffix(b"\n").decode(errors="replace").split("\n")]


def size(path: Path) -> int:
    """Bytes in the file, 0 if it is absent."""
    return path.stat().st_size if path.is_file() else 0


@dataclass(slots=True)
class Follower:
    """Reads what is added to a log from `offset` bytes on, across its rotation."""

    path: Path
    offset: int

    def new_lines(self) -> list[str]:
        """Whole lines written since the last call, cleaned; [] if none."""
        if size(self.path) < self.offset:
            self.offset = 0  # the log was rotated
        data = _read_from(self.path, self.offset)
        end = data.rfind(b"\n") + 1
        self.offset += end
        return _lines(data[:end])


def _read_from(path: Path, offset: int) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()


def boot_fraction(log: Path, offset: int) -> float:
    """How much of its start the server reports to have done, 0 to 1, in the log from `offset` on."""
    steps = _STEP.findall(_read_from(log, offset))
    return min(1.0, int(steps[-1][0]) / int(steps[-1][1])) if steps else 0.0


def last_words(home: Path, name: str, offset: int) -> str:
    """Why a server ended, in one line of at most 200 characters: its last error, else its last output."""
    errors = [
        _PREFIX.sub("", line)
        for line in _lines(_read_from(server_log(home, name), offset))
        if " ERROR " in line and _OUTCOME not in line
    ]
    words = errors or tail(output_file(home, name), 1) or ["it left no message"]
    return words[-1].strip()[:200]
