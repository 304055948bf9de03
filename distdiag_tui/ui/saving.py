"""The form that asks for the name of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from textual import on
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.ui.fields import FieldScreen, buttons, labelled, typing


class SaveForm(FieldScreen):
    """A file that is there already is replaced when Enter is pressed once more."""

    def __init__(self, heading: str, name: str, write: Callable[[Path], None]) -> None:
        super().__init__(heading)
        self._proposed, self._write = name, write
        self._warned = ""

    def fields(self) -> Iterator[Widget]:
        """The name."""
        yield labelled("file", typing(self._proposed, "file"), f"in {Path.cwd()}, unless a folder is named")
        yield buttons(("save", "Save"))
        yield Static("", id="about", markup=False, classes="hint")

    @on(Input.Submitted)
    @on(Button.Pressed)
    async def action_go(self) -> None:
        """Write it."""
        await self.carry_out(self._save)

    async def _save(self) -> None:
        self._save_as(self.query_one("#file", Input).value.strip())

    def _save_as(self, name: str) -> None:
        if not name:
            raise ConfigError("a file needs a name")
        file = Path(name if name.endswith(".toml") else f"{name}.toml").expanduser()
        if file.exists() and self._warned != name:
            self._warned = name
            raise ConfigError(f"{file} is there already; Enter once more replaces it")
        self._write(file)
