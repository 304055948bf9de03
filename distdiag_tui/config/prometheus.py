"""Where a cluster's history is, as people write it."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from distdiag_tui.config.environment import environment, read_password
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.target import Secret

NO: Final = ("0", "no", "off", "false")


def parse_url(text: str, what: str) -> tuple[str, str, Secret]:
    """Address, user and password of `http[s]://[user[:password]@]host[:port][/path]`.

    ConfigError otherwise, which does not repeat the text: it may hold a password.

    >>> parse_url("http://ann:tiger@10.0.0.9:9090/", "PROMETHEUS_URL")
    ('http://10.0.0.9:9090', 'ann', ******)
    """
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host = None, None
    odd = not text.isprintable() or " " in text or parts.query or parts.fragment if host else True
    if odd or parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{what} must be the address of a server, such as http://10.0.0.9:9090")
    named = f"[{host}]" if ":" in host else host
    place = named if port is None else f"{named}:{port}"
    url = f"{parts.scheme}://{place}{parts.path.rstrip('/')}"
    return url, unquote(parts.username or ""), Secret(unquote(parts.password or ""))


def environment_prometheus() -> PrometheusServer | None:
    """The server that PROMETHEUS_URL names, if it is set."""
    found = environment()
    if "PROMETHEUS_URL" not in found:
        return None
    url, user, password = parse_url(found["PROMETHEUS_URL"], "PROMETHEUS_URL")
    if "PROMETHEUS_PASSWORD" in found:
        password = Secret(found["PROMETHEUS_PASSWORD"])
    elif "PROMETHEUS_PASSWORD_FILE" in found:
        password = read_password(Path(found["PROMETHEUS_PASSWORD_FILE"]))
    return one_account(
        PrometheusServer(
            url,
            found.get("PROMETHEUS_USER", user),
            password,
            Secret(found.get("PROMETHEUS_TOKEN", "")),
            write=found.get("PROMETHEUS_WRITE", "").lower() not in NO,
        )
    )


def one_account(server: PrometheusServer) -> PrometheusServer:
    """The server, if it is clear which account is meant."""
    if server.user and server.token:
        raise ConfigError("Prometheus takes either a user with a password or a token, not both")
    if server.password and not server.user:
        raise ConfigError("Prometheus' password has no user: set PROMETHEUS_USER, or user in the profile")
    return server
