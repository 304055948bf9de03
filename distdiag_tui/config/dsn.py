"""Server addresses and DSNs as people write them."""

from __future__ import annotations

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint

DEFAULT_PORT = 2881
SCHEMES = ("mysql://", "oceanbase://")


def parse_endpoint(text: str, default_port: int = DEFAULT_PORT) -> Endpoint:
    """`host`, `host:port`, `[ipv6]` or `[ipv6]:port`.

    >>> parse_endpoint("10.0.0.7"), parse_endpoint("[::1]:2882").address
    (Endpoint(host='10.0.0.7', port=2881, name='', zone=''), '[::1]:2882')
    """
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or not host.isprintable() or any(mark in host for mark in " /@"):
        raise ConfigError(f"{text!r} is not a server address; write host:port")
    return Endpoint(host, _port(port, text) if port else default_port)


def _port(port: str, text: str) -> int:
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"{text!r} has no valid port; write host:port with a port from 1 to 65535")
    return int(port)


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
    return user, tuple(parse_endpoint(host, default_port) for host in hosts.split(","))
