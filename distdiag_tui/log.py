"""What happened, as JSON lines in the user's state folder: for people who look later. Never on the screen.

Schema distdiag.log/1: `time` (UTC, ISO 8601), `level`, `process`, `where`, `message`; `error` is a traceback.
"""

from __future__ import annotations

import json
import logging
import os
import re
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from distdiag_tui.ledger import state_folder
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import shorten, utc

VARIABLE: Final = "DISTDIAG_LOG"
LEVELS: Final = ("debug", "info", "warning", "error", "off")
LARGEST: Final = 1 << 20
"""Bytes of a file; there are four at most."""
OLD: Final = 3
LONGEST: Final = 2000  # characters of a message

_SECRET: Final = re.compile(
    r"(?i)((?:password|passwd|secret|token|authorization)['\"]?\s*[=:]\s*(?:bearer\s+|basic\s+)?['\"]?)"
    r"[^\s'\",;)]+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)  # fmt: skip


def log_file() -> Path:
    """The newest one."""
    return state_folder("log") / "distdiag.log"


def open_log(level: str) -> None:
    """From now on what is logged goes there; ConfigError for a level that there is not.

    Nothing is written, not even a folder made, before there is something to say; where that cannot be, the
    program goes on without.
    """
    if level not in LEVELS:
        raise ConfigError(f"the level of the log is {', '.join(LEVELS)}, not {shorten(repr(level), 40)}")
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, (_File, logging.NullHandler))]:
        root.removeHandler(old)
        old.close()
    if level == "off":
        root.addHandler(logging.NullHandler())  # otherwise warnings would land on the screen
        return
    handler = _File(log_file(), maxBytes=LARGEST, backupCount=OLD, delay=True, encoding="utf-8")
    handler.setFormatter(_Lines())
    root.addHandler(handler)
    root.setLevel(level.upper())


class _Lines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Without secrets, should one get so far."""
        document: dict[str, Any] = {
            "time": utc(record.created),
            "level": record.levelname.lower(),
            "process": record.process,
            "where": record.name,
            "message": shorten(without_secrets(record.getMessage()), LONGEST),
        }
        if record.exc_info:
            document["error"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(document)


class _File(RotatingFileHandler):
    """Shared by all processes of the user: one that another has put aside is let go. Only for its owner."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802  the library's
        """Also when it is not the one of that name any more."""
        if self.stream is not None and not self._current():
            self.stream.close()
            self.stream = self._open()
        return bool(super().shouldRollover(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's
        """A full disk ends nothing, and is not told on the screen."""

    def _open(self) -> TextIOWrapper:
        file = Path(self.baseFilename)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(handle, "a", encoding=self.encoding)

    def _current(self) -> bool:
        assert self.stream is not None
        try:
            return os.path.samestat(Path(self.baseFilename).stat(), os.fstat(self.stream.fileno()))
        except OSError:
            return False


def without_secrets(text: str) -> str:
    """With stars for whatever looks like one.

    >>> without_secrets("password='tiger' of http://a:b@host/ with Authorization: Bearer abc")
    "password='******' of http://******@host/ with Authorization: Bearer ******"
    """
    return _SECRET.sub(lambda found: f"{found[1] or ''}******", text)
