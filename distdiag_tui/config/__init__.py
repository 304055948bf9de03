"""How a person tells the console what to connect to: profiles, environment, `.env`, DSN."""

from distdiag_tui.config.resolve import longest_anomaly, resolve_target

__all__ = ["longest_anomaly", "resolve_target"]
