"""What a script can do to a stand-in: methods of `Sim`, by name. Apart, for the command line's help."""

from __future__ import annotations

from typing import Final

ACTIONS: Final = (
    "stop_server", "start_server", "add_server", "delete_server", "slow_server", "hang_server",
    "garble_server", "heal_server",
    "skew_clock", "spoil", "symptom", "move_leaders", "migrate_unit", "stop_zone", "start_zone", "route",
    "deny",
    "expire_password",
)  # fmt: skip
