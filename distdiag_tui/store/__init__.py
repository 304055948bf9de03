"""The recent past of every subject and metric."""

from distdiag_tui.store.store import HOUR, Store

__all__ = ["HOUR", "Store"]
