"""What a stand-in has: its size, as asked for."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.sim.definitions import VERSIONS

MOST: Final = {"zones": 9, "servers": 5000, "tenants": 50}


@dataclass(frozen=True, slots=True)
class Shape:
    """`servers` of all zones; `tenants` besides sys; `alone` the one address of all servers, if any."""

    version: str = "4.2.5"
    zones: int = 3
    servers: int = 3
    tenants: int = 1
    cluster: str = "sim"
    alone: str = ""

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ConfigError(
                f"there is no stand-in for version {self.version}; there is {', '.join(VERSIONS)}"
            )
        for name, most in MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"a stand-in has 1 to {most} {name}, not {getattr(self, name)}")
        if self.alone and not _is_loopback(self.alone):
            raise ConfigError(
                f"a stand-in is on this machine only, not on {self.alone!r}: take 127.0.0.1 or ::1"
            )
        if self.servers < self.zones:
            raise ConfigError(f"{self.zones} zones need at least as many servers, not {self.servers}")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
