"""Profiles: named clusters in a TOML file in the user's configuration folder.

default = "shop"

[profile.shop]
servers = ["10.0.0.1:2881", { address = "10.0.0.2:2881", name = "ob2", zone = "zone2" }]
user = "monitor@sys"
password_file = "~/.config/distdiag/shop.password"
production = true
"ssh", "monitor", "cluster", "direct",

[profile.staging]
servers = ["10.1.0.1:2881"]
allow_anomalies = true
kubernetes = { context = "staging", namespace = "oceanbase", cluster = "obcluster" }
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from distdiag_tui.anomalies.dose import LONGEST
from distdiag_tui.config.document import read_document
from distdiag_tui.config.dsn import distinct, parse_endpoint
from distdiag_tui.config.environment import environment_password, read_password
from distdiag_tui.config.hosts import HostTable
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Sampling, Secret, Target


class ServerEntry(BaseModel):
    """A server with a name and zone of the user's choice."""

    model_config = ConfigDict(extra="forbid")

    address: str
    name: str = ""
    zone: str = ""

    def endpoint(self) -> Endpoint:
        """The checked address; ConfigError if it is none."""
        plain = parse_endpoint(self.address)
        return Endpoint(plain.host, plain.port, self.name, self.zone)


class Kubernetes(BaseModel):
    """Where ob-operator runs the cluster: context of the kubeconfig, namespace, and OBCluster."""

    model_config = ConfigDict(extra="forbid")

    context: str = ""
    namespace: str = ""
    cluster: str = ""


class Profile(BaseModel):
    """One `[profile.NAME]` table."""

    model_config = ConfigDict(extra="forbid")

    servers: list[str | ServerEntry] = Field(min_length=1)
    user: str = "root"
    password_env: str = ""
    password_file: str = ""
    production: bool = False
    allow_anomalies: bool = False
    sampling: Sampling = Sampling.AUTO
    kubernetes: Kubernetes | None = None
    host: HostTable | None = None

    def target(self, name: str) -> Target:
        """What to connect to; the profile's name is the cluster's."""
        endpoints = (parse_endpoint(s) if isinstance(s, str) else s.endpoint() for s in self.servers)
        return Target(
            name,
            distinct(endpoints),
            self.user,
            self._password(),
            self.production,
            allow_anomalies=self.allow_anomalies,
            sampling=self.sampling,
            kube=None if self.kubernetes is None else self.kubernetes.model_dump(exclude_defaults=True),
            hosts=None if self.host is None else self.host.access(),
        )

    def _password(self) -> Secret:
        if self.password_file:
            return read_password(Path(self.password_file))
        if self.password_env:
            if self.password_env not in os.environ:
                raise ConfigError(
                    f"the profile takes its password from {self.password_env}, which is not set"
                )
            return Secret(os.environ[self.password_env])
        return environment_password()


class Profiles(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    default: str = ""
    longest_anomaly: float = Field(default=LONGEST, ge=1, le=86400)  # s
    profile: dict[str, Profile] = Field(default_factory=dict)


def load_profiles(file: Path) -> Profiles:
    """Read and check the file; ConfigError names the file and the first thing that is wrong."""
    return read_document(file, Profiles)
