"""From what a person typed, or did not type, to a target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from distdiag_tui.anomalies.dose import LONGEST
from distdiag_tui.config.dsn import DEFAULT_PORT, SCHEMES, parse_dsn
from distdiag_tui.config.environment import environment, environment_password, environment_port
from distdiag_tui.config.prometheus import environment_prometheus
from distdiag_tui.model.errors import ConfigError, LabError
from distdiag_tui.model.target import Target

LAB = "lab"
SIM = "sim"
NOTHING = (
    "no cluster is named: give host:port or a profile, set OB_HOST, "
    "or start a cluster here with: distdiag demo"
)


def profiles_file() -> Path:
    """`profiles.toml` in the user's configuration folder."""
    from platformdirs import user_config_path  # noqa: PLC0415  20 ms that `connect lab` does not need

    return user_config_path("distdiag") / "profiles.toml"


def longest_anomaly() -> float:
    """Seconds that an injected anomaly may last at most, as the profiles' file says."""
    if not (file := profiles_file()).is_file():
        return LONGEST
    from distdiag_tui.config.profiles import load_profiles  # noqa: PLC0415  pydantic costs 50 ms

    return load_profiles(file).longest_anomaly


def resolve_target(name: str | None) -> Target:
    """The target called `name`: "lab", "sim", a profile, or a DSN.

    Without a name: OB_HOST, else the default profile, else the lab. ConfigError says in one line what is
    wrong or what could be given instead. A profile may name a Prometheus server; else PROMETHEUS_URL does.
    """
    target = _named_target(name)
    return target if target.prometheus is not None else replace(target, prometheus=environment_prometheus())


def _named_target(name: str | None) -> Target:
    if name == LAB:
        return _lab()
    if name == SIM:
        from distdiag_tui.sim.state import sim_target  # noqa: PLC0415

        return sim_target()
    if name is None:
        return _unnamed()
    profile = _profile(name)
    if profile is not None:
        return profile
    if _looks_like_dsn(name):
        return _from_dsn(name)
    raise ConfigError(f"no profile named {name!r} in {profiles_file()}; for a server write host:port")


def _lab() -> Target:
    from distdiag_tui.lab.state import lab_target  # noqa: PLC0415

    return lab_target()


def _unnamed() -> Target:
    if "OB_HOST" in environment():
        return _from_dsn(environment()["OB_HOST"])
    default = _profile(None)
    if default is not None:
        return default
    try:
        return _lab()
    except LabError:
        raise ConfigError(NOTHING) from None


def _profile(name: str | None) -> Target | None:
    """The named profile, or with None the default one."""
    file = profiles_file()
    if not file.is_file():
        return None
    from distdiag_tui.config.profiles import load_profiles  # noqa: PLC0415  pydantic costs 50 ms

    profiles = load_profiles(file)
    if name is None:
        if not profiles.default:
            return None
        name = profiles.default
        if name not in profiles.profile:
            raise ConfigError(f"{file}: default names the profile {name!r}, which is not there")
    profile = profiles.profile.get(name)
    return None if profile is None else profile.target(name)


def _looks_like_dsn(text: str) -> bool:
    return (
        text == "localhost" or any(mark in text for mark in (":", ".", "@", ",")) or text.startswith(SCHEMES)
    )


def _from_dsn(dsn: str) -> Target:
    user, endpoints = parse_dsn(dsn, environment_port() or DEFAULT_PORT)
    account = user or environment().get("OB_USER", "root")
    # what is kept of a cluster is found again by its name, so that must be its own
    cluster = account.partition("#")[2] or ",".join(sorted(each.address for each in endpoints))
    return Target(cluster, endpoints, account, environment_password())
