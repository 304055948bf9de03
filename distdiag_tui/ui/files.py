"""The forms that ask for the name of a file, to write or to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from textual import on
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.ui.fields import FieldScreen, buttons, labelled, typing


class FileForm(FieldScreen):
    """Gives the TOML file that is named to `use`; what that complains of stays in the form to be mended."""

    def __init__(self, heading: str, name: str, verb: str, use: Callable[[Path], None]) -> None:
        super().__init__(heading)
        self._proposed, self._verb, self._use = name, verb, use

    def fields(self) -> Iterator[Widget]:
        """The name."""
        yield labelled("file", typing(self._proposed, "file"), f"in {Path.cwd()}, unless a folder is named")
        yield buttons(("go", self._verb))
        yield Static("", id="about", markup=False, classes="hint")

    @on(Input.Submitted)
    @on(Button.Pressed)
    def action_go(self) -> None:
        """Do it."""
        self.carry_out(partial(self._go, self.query_one("#file", Input).value.strip()))

    async def _go(self, name: str) -> None:
        if not name:
            raise ConfigError("a file needs a name")
        try:
            self.use(_toml(name))
        except (OSError, RuntimeError, ValueError) as error:  # too long, of an unknown user, not a name
            raise ConfigError(str(error)) from error

    def use(self, file: Path) -> None:
        """What becomes of the file."""
        self._use(file)


class SaveForm(FileForm):
    """A file that is there already is replaced when Enter is pressed once more."""

    def __init__(self, heading: str, name: str, write: Callable[[Path], None]) -> None:
        super().__init__(heading, name, "Save", write)
        self._warned: Path | None = None

    def use(self, file: Path) -> None:
        """Write it, unless that would surprise."""
        if file.exists() and self._warned != file:
            self._warned = file
            raise ConfigError(f"{file} is there already; Enter once more replaces it")
        super().use(file)


def _toml(name: str) -> Path:
    return Path(name if name.endswith(".toml") else f"{name}.toml").expanduser()
