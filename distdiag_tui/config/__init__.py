"""How a person tells the console what to connect to: profiles, environment, `.env`, DSN."""

from distdiag_tui.config.resolve import resolve_target

__all__ = ["resolve_target"]
