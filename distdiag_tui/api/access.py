"""Where the service listens, and who may ask: loopback, or a token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import stat
from pathlib import Path
from typing import Final

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Secret

VARIABLE: Final = "DISTDIAG_TOKEN"
SHORTEST: Final = 16
"""Characters of a token."""


def is_loopback(host: str) -> bool:
    """Whether only this machine gets there.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "shop.example", "::")]
    [True, True, True, False, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_token(file: Path | None) -> Secret:
    """Of a file that only its owner can read, else of the environment; empty for none.

    ConfigError if it cannot be read, is too short, or others can read it.
    """
    token = _of_file(file) if file else os.environ.get(VARIABLE, "")
    if token and (len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token):
        raise ConfigError(
            f"a token has at least {SHORTEST} characters, without blanks; try: openssl rand -hex 24"
        )
    return Secret(token)


def require_token(host: str, token: Secret) -> None:
    """ConfigError where everybody could ask."""
    if not is_loopback(host) and not token:
        raise ConfigError(
            f"{host} can be reached from other machines: give a token with --token-file, or in {VARIABLE}"
        )


def matches(token: Secret, authorization: str) -> bool:
    """Whether a header `Bearer ...` has the token; takes as long whatever it has."""
    scheme, _, given = authorization.partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.reveal().encode())
    return scheme.lower() == "bearer" and same


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
