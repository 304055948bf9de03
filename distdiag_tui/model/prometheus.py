"""A server with a cluster's history: Prometheus, Mimir, Thanos or VictoriaMetrics."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from distdiag_tui.model.target import Secret

WRITE_PATH = "/api/v1/write"


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """Where it is, and the account used there: `user` with `password`, or `token` alone.

    `url` holds no account; below it lie /api/v1/query and, unless `write_url` says otherwise, /api/v1/write.
    `write`: whether what is sampled is sent there. `labels` are put on every series written, and demanded of
    every series of ours that is read; `obagent` are those that series of OceanBase's own exporter must have.
    `headers` go with every request, such as X-Scope-OrgID of Mimir.
    """

    url: str
    user: str = ""
    password: Secret = field(default_factory=Secret)
    token: Secret = field(default_factory=Secret)
    write: bool = True
    write_url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    obagent: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def receiver(self) -> str:
        """The address that takes remote writes."""
        return self.write_url or self.url + WRITE_PATH

    def request_headers(self) -> dict[str, str]:
        """Headers with the account, if there is one: only for the call that sends them."""
        found = {name: value.reveal() for name, value in self.headers.items()}
        if self.user:
            account = f"{self.user}:{self.password.reveal()}".encode()
            found["Authorization"] = f"Basic {base64.b64encode(account).decode()}"
        if self.token:
            found["Authorization"] = f"Bearer {self.token.reveal()}"
        return found
