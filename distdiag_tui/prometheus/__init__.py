"""Prometheus, or what speaks like it: our figures as its series, written there and read back."""

from importlib.util import find_spec
from typing import Final

_PARTS: Final = ("prometheus_client", "prometheus_api_client", "aiohttp", "cramjam", "google.protobuf")


def missing() -> str:
    """What to install first, "" if nothing."""
    try:
        there = all(find_spec(part) for part in _PARTS)
    except ModuleNotFoundError:  # not even a part's parent
        there = False
    return "" if there else "pip install 'distdiag-tui[prometheus]'"
