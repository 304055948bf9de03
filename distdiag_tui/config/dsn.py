"""Server addresses and DSNs as people write them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint

DEFAULT_PORT = 2881
SCHEMES = ("mysql://", "oceanbase://")

_ADDRESS: Final = re.compile(r"(?:\[(?P<ipv6>[^][]+)\]|(?P<host>[^][:]+))(?::(?P<port>.*))?", re.DOTALL)


def parse_endpoint(text: str, default_port: int = DEFAULT_PORT) -> Endpoint:
    """`host`, `host:port`, `[ipv6]` or `[ipv6]:port`.

    >>> parse_endpoint("10.0.0.7"), parse_endpoint("[::1]:2882").address
    (Endpoint(host='10.0.0.7', port=2881, name='', zone=''), '[::1]:2882')
    """
    match = _ADDRESS.fullmatch(text)
    host = match and (match["ipv6"] or match["host"])
    if not match or not host or not host.isprintable() or any(mark in host for mark in " /@"):
        raise ConfigError(f"{text!r} is not a server address; write host:port")
    if match["port"] is None:
        return Endpoint(host, default_port)
    port = parse_port(match["port"])
    if port is None:
        raise ConfigError(f"{text!r} has no valid port; write host:port with a port from 1 to 65535")
    return Endpoint(host, port)


def parse_port(text: str) -> int | None:
    """A port from 1 to 65535, or None if the text is none.

    >>> parse_port("2881"), parse_port("0"), parse_port("²")
    (2881, None, None)
    """
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536 else None


def distinct(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints, if no name and no address is there twice: it would be sampled and summed twice."""
    found = tuple(endpoints)
    names = Counter(name for each in found for name in {each.name or each.address, each.address})
    if twice := [name for name, times in names.items() if times > 1]:
        raise ConfigError(f"the server {twice[0]} is listed twice")
    return found


def parse_dsn(dsn: str, default_port: int = DEFAULT_PORT) -> tuple[str, tuple[Endpoint, ...]]:
    """User ("" if absent) and servers of `[scheme://][user@]host[:port][,host[:port]...]`.

    The user may hold a tenant and a cluster, so the last @ separates it.

    >>> parse_dsn("root@sys#c1@10.0.0.1:2881,10.0.0.2")[0]
    'root@sys#c1'
    """
    rest = dsn
    for scheme in SCHEMES:
        rest = rest.removeprefix(scheme)
    if "://" in rest:
        raise ConfigError(
            f"unknown scheme in {dsn.split('://', maxsplit=1)[0]}://...; write mysql:// or just host:port"
        )
    user, _, hosts = rest.rstrip("/").rpartition("@")
    if ":" in user:
        raise ConfigError(
            "a password on the command line shows in every process list; "
            "put it into OB_PASSWORD or a password file, or use --ask-password"
        )
    if "/" in hosts or "?" in hosts:
        raise ConfigError("a DSN ends after the servers: [user@]host:port[,host:port...]")
    return user, distinct(parse_endpoint(host, default_port) for host in hosts.split(","))
