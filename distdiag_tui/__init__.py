"""distdiag_tui: a terminal console for on-call engineers of OceanBase clusters."""

__version__ = "0.1.0"
