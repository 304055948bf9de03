"""Settings from the environment and from a `.env` file in the current folder; the environment wins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from distdiag_tui.config.dsn import parse_port
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Secret

VARIABLES = {
    "OB_HOST": "server address, or several with commas",
    "OB_PORT": "SQL port (2881)",
    "OB_USER": "account, such as root@sys or monitor@sys#cluster",
    "OB_PASSWORD": "its password",
    "OB_PASSWORD_FILE": "a file that holds the password on its first line",
    "PROMETHEUS_URL": "a Prometheus server with the cluster's history",
    "PROMETHEUS_USER": "account on it, if it wants one",
    "PROMETHEUS_PASSWORD": "its password",
    "PROMETHEUS_PASSWORD_FILE": "a file that holds the password on its first line",
    "PROMETHEUS_TOKEN": "a bearer token instead",
    "PROMETHEUS_WRITE": "no: what is sampled is not written there",
}


@cache
def environment() -> Mapping[str, str]:
    """The variables above that are set; `.env` is read once. ConfigError if it cannot be."""
    found = _of_file() | os.environ
    return {name: value for name in VARIABLES if (value := found.get(name))}


def _of_file() -> dict[str, str | None]:
    try:
        if not Path(".env").is_file():
            return {}
    except OSError:  # a folder that we may not look into
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415  only paid for where there is such a file

    try:
        with Path(".env").open(encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.getuid() or about.st_mode & 0o022:
                raise ConfigError(".env in this folder can be written by others: it is not read")
            # nothing in it is put together from the environment, which holds secrets
            return dict(dotenv_values(stream=file, interpolate=False))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read .env in this folder: {error}") from None


def environment_port() -> int | None:
    """OB_PORT, if set."""
    text = environment().get("OB_PORT")
    if text is None:
        return None
    port = parse_port(text)
    if port is None:
        raise ConfigError(f"OB_PORT is {text!r}; it must be a port from 1 to 65535")
    return port


def environment_password() -> Secret:
    """OB_PASSWORD, or the first line of OB_PASSWORD_FILE, or empty."""
    found = environment()
    if "OB_PASSWORD" in found:
        return Secret(found["OB_PASSWORD"])
    if "OB_PASSWORD_FILE" in found:
        return read_password(Path(found["OB_PASSWORD_FILE"]))
    return Secret()


def read_password(file: Path) -> Secret:
    """The first line of a password file; ConfigError if it cannot be read."""
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:  # RuntimeError: ~ of a user there is not
        raise ConfigError(f"cannot read the password file {file}: {error}") from None
    return Secret(text.partition("\n")[0].rstrip("\r"))
