"""Where the service listens, and who may ask: loopback, or a token."""

from __future__ import annotations

import hmac
import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from distdiag_tui.config.token import read_secret
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


def host_name(host: str) -> str:
    """Of a Host header, without the port; "" for nonsense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_foreign(origin: str | None, host: str | None) -> bool:
    """Whether a request comes from the page of another site than it asks; nonsense is foreign.

    >>> [is_foreign(origin, "ob1:8000") for origin in (None, "http://ob1:8000", "http://ob2:8000", "http://[")]
    [False, False, True, True]
    """
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


def read_token(file: Path | None) -> Secret:
    """Of a file that only its owner can read, else of the environment; empty for none.

    ConfigError as `read_secret`, or if it is too short.
    """
    token = read_secret(file, VARIABLE)
    if token and len(token.reveal()) < SHORTEST:
        raise ConfigError(f"a token has at least {SHORTEST} characters; try: openssl rand -hex 24")
    return token


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
