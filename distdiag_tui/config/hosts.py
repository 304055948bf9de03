"""The way to the machines of a profile's servers: its `host` table. One way for a profile.

host = { way = "ssh", user = "monitor" }        # and what ~/.ssh/config, the agent and known_hosts say
host = { way = "prometheus", url = "https://prometheus.example", token_file = "~/.config/distdiag/token" }
host = { way = "pods" }                         # of itself where there is `kubernetes`
host = { way = "none" }                         # not even that
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from distdiag_tui.config.environment import read_password
from distdiag_tui.model.hostaccess import HostAccess, NodeExporter, Pods, Ssh
from distdiag_tui.model.target import Secret


class _Any(BaseModel):
    """What every way has. `names`: the machine of a server, by its name or address without the port."""

    model_config = ConfigDict(extra="forbid")

    names: dict[str, str] = Field(default_factory=dict)
    program: str = Field(default="observer", pattern=r"^[\w.-]{1,15}$")  # as the kernel cuts names
    data: str = Field(default="", pattern=r"^(/[^\n\r]*)?$")

    def _access(self, way: Ssh | Pods | NodeExporter | None) -> HostAccess:
        return HostAccess(way, self.names, self.program, self.data)


class SshHost(_Any):
    """Reading /proc over SSH."""

    way: Literal["ssh"]
    user: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    key: str = ""
    known_hosts: str = ""

    def access(self) -> HostAccess:
        """How to."""
        return self._access(Ssh(self.user, self.port, self.key, self.known_hosts))


class PrometheusHost(_Any):
    """Series of node_exporter."""

    way: Literal["prometheus"]
    url: str = Field(pattern=r"^https?://[^@\s]+$")  # a password in it would be shown
    labels: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_]\w*$")], str] = Field(default_factory=dict)
    instance: str = Field(default="instance", pattern=r"^[a-zA-Z_]\w*$")
    user: str = ""
    password_file: str = ""
    token_file: str = ""
    ca: str = ""

    def access(self) -> HostAccess:
        """How to; ConfigError if a file cannot be read."""
        way = NodeExporter(
            self.url,
            self.labels,
            self.instance,
            self.user,
            _secret(self.password_file),
            _secret(self.token_file),
            str(Path(self.ca).expanduser()) if self.ca else "",
        )
        return self._access(way)


class PodHost(_Any):
    """Reading /proc in the pods of ob-operator."""

    way: Literal["pods"]

    def access(self) -> HostAccess:
        """How to."""
        return self._access(Pods())


class NoHost(_Any):
    """Not at all."""

    way: Literal["none"]

    def access(self) -> HostAccess:
        """How not to."""
        return self._access(None)


HostTable = Annotated[SshHost | PrometheusHost | PodHost | NoHost, Field(discriminator="way")]


def _secret(file: str) -> Secret:
    return read_password(Path(file)) if file else Secret()
