"""Arguments that several commands share."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from distdiag_tui.model.target import Secret, Target

TargetName = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET",
        help="A profile, 'lab', 'sim', or [user@]host:port[,host:port...]."
        " Without it: OB_HOST, else the default profile, else the lab.",
        show_default=False,
    ),
]
Interval = Annotated[
    float, typer.Option("--interval", "-i", min=0.2, max=60, help="Seconds between samples.")
]
AskPassword = Annotated[bool, typer.Option("--ask-password", "-p", help="Prompt for the password.")]


def chosen_target(name: str | None, *, ask_password: bool) -> Target:
    """The target a command works on; ConfigError or LabError in one line otherwise."""
    from distdiag_tui.config import resolve_target  # noqa: PLC0415

    target = resolve_target(name)
    if not ask_password:
        return target
    from getpass import getpass  # noqa: PLC0415

    return dataclasses.replace(target, password=Secret(getpass(f"Password of {target.user}: ")))
