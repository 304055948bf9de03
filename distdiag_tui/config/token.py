"""Tokens: from a file that only its owner can read, or from the environment; never from the command line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Secret


def read_secret(file: Path | None, variable: str) -> Secret:
    """The file's first line, else the variable; empty for neither.

    ConfigError if the file cannot be read, is empty, or others can read it, or for what no header can carry.
    """
    token = _of_file(file) if file else os.environ.get(variable, "")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("a token consists of printable characters, without blanks")
    return Secret(token)


def _of_file(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            text = stream.read(4096)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {file}: {error}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others can read the token file {file}: chmod 600 {file}")
    token = text.partition("\n")[0].strip()
    if not token:
        raise ConfigError(f"the token file {file} is empty")
    return token
