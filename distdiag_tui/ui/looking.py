"""What the topology pane asks for beyond the main screen: another order, and screens of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distdiag_tui.ui.order import WORST, ZONES, Order

if TYPE_CHECKING:
    from distdiag_tui.ui.app import ConsoleApp


def look(app: ConsoleApp, order: str) -> None:
    """Do what the message `TopologyOrdered` says, once there is something to see."""
    if app.scene.snapshot is None:
        return
    match order:
        case "heat":
            from distdiag_tui.ui.cells_screen import CellsScreen  # noqa: PLC0415  not needed for a start

            app.push_screen(CellsScreen(app.scene, app.main.topology.order.metric))
        case "events":
            from distdiag_tui.ui.events import EventsScreen  # noqa: PLC0415  not needed for a start

            app.push_screen(EventsScreen(app.scene))
        case "inside":
            from distdiag_tui.ui.inside import InsideScreen  # noqa: PLC0415  not needed for a start

            app.push_screen(InsideScreen(app.scene))


async def pick_order(app: ConsoleApp) -> None:
    """Let the person pick one; returns when the next key goes there."""
    from distdiag_tui.ui.picker import MetricPicker  # noqa: PLC0415  not needed for a start

    def picked(name: str | None) -> None:
        if name:
            app.main.topology.put_in_order(Order(name))

    others = ((ZONES, "by zone", "as the cluster is built"), (WORST, "worst first", "by need of attention"))
    await app.push_screen(MetricPicker("Order of servers", app.main.topology.order.by, others), picked)
