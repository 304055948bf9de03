"""Hours and days of a metric, for its own screen: asked for when a person wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.metrics import CATALOGUE
from distdiag_tui.model.topology import Subject

if TYPE_CHECKING:
    from distdiag_tui.prometheus.windows import Window
    from distdiag_tui.ui.app import ConsoleApp

WINDOWS: Final = (("6 hours", 21600.0), ("1 day", 86400.0), ("7 days", 604800.0))


async def read_window(app: ConsoleApp, metric: int, seconds: float, points: int) -> Window | None:
    """Of every server, from Prometheus; None, and the reason told, where there is nothing."""
    if app.prometheus is None:
        app.tell("hours and days come from Prometheus: set PROMETHEUS_URL", bad=True)
        return None
    try:
        window = await app.prometheus.window(CATALOGUE[metric], Subject(), seconds, points)
    except PrometheusError as error:
        app.tell(str(error), bad=True)
        return None
    if not window.values:
        app.tell(f"Prometheus has no {CATALOGUE[metric].title} of these servers", bad=True)
        return None
    return window
