"""Profiles: named clusters in a TOML file in the user's configuration folder.

default = "shop"

[profile.shop]
servers = ["10.0.0.1:2881", { address = "10.0.0.2:2881", name = "ob2", zone = "zone2" }]
user = "monitor@sys"
password_file = "~/.config/distdiag/shop.password"
production = true
sampling = "cluster"

[profile.staging]
servers = ["10.1.0.1:2881"]
allow_anomalies = true
kubernetes = { context = "staging", namespace = "oceanbase", cluster = "obcluster" }

[profile.staging.prometheus]
url = "https://mimir.example/prometheus"
write_url = "https://mimir.example/api/v1/push"    # where it is not below url
token_file = "~/.config/distdiag/mimir.token"      # or user with password_file
headers = { X-Scope-OrgID = "oncall" }
labels = { env = "staging" }
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from distdiag_tui.anomalies.dose import LONGEST
from distdiag_tui.config.document import read_document
from distdiag_tui.config.dsn import distinct, parse_endpoint
from distdiag_tui.config.environment import environment_password, read_password
from distdiag_tui.config.hosts import HostTable
from distdiag_tui.config.prometheus import one_account, parse_url
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.prometheus import PrometheusServer
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


LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
HeaderText = Annotated[str, StringConstraints(pattern=r"^[ -~]*$")]


class Prometheus(BaseModel):
    """A server with the cluster's history; what each field means is in `PrometheusServer`."""

    model_config = ConfigDict(extra="forbid")

    url: str
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    token_env: str = ""
    token_file: str = ""
    write: bool = True
    write_url: str = ""
    labels: dict[LabelName, str] = Field(default_factory=dict)
    obagent: dict[LabelName, str] = Field(default_factory=dict)
    headers: dict[HeaderName, HeaderText] = Field(default_factory=dict)

    def server(self) -> PrometheusServer:
        """ConfigError for what is no address, or where an account is not clear."""
        url, user, password = parse_url(self.url, "prometheus.url")
        write_url = ""
        if self.write_url:
            write_url, *account = parse_url(self.write_url, "prometheus.write_url")
            if any(account):
                raise ConfigError("prometheus.write_url holds no account: that of prometheus.url is used")
        return one_account(
            PrometheusServer(
                url,
                self.user or user,
                secret_of(self.password_file, self.password_env) or password,
                secret_of(self.token_file, self.token_env),
                self.write,
                write_url,
                self.labels,
                self.obagent,
                {name: Secret(text) for name, text in self.headers.items()},
            )
        )


def secret_of(file: str, variable: str) -> Secret:
    """What a file holds on its first line, or else a variable; ConfigError where either is named in vain."""
    if file:
        return read_password(Path(file))
    if variable and variable not in os.environ:
        raise ConfigError(f"the profile takes its password from {variable}, which is not set")
    return Secret(os.environ[variable] if variable else "")


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
    prometheus: Prometheus | None = None

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
            prometheus=None if self.prometheus is None else self.prometheus.server(),
            hosts=None if self.host is None else self.host.access(),
        )

    def _password(self) -> Secret:
        if self.password_file or self.password_env:
            return secret_of(self.password_file, self.password_env)
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
