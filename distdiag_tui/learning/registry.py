"""The models that were trained here: a file each, and which of them is in use."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.diagnosis.modelfile import LARGEST, model_bytes, model_of
from distdiag_tui.ledger import new_name, replace_bytes
from distdiag_tui.model.errors import ModelError
from distdiag_tui.model.text import plain

RULES: Final = "rules"
"""Stands for no model: the rules of the first day alone."""
HISTORY: Final = "history"
"""The file that says what was in use, one name a line, the newest last."""
MOST_HISTORY: Final = 50
SUFFIX: Final = ".json"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
BADLY: Final = 0.05
"""Of its weight on metrics that are not there: more of it, and a model fits badly."""


def models_folder() -> Path:
    """In the user's data folder."""
    from platformdirs import user_data_path  # noqa: PLC0415  costs 20 ms

    return user_data_path("distdiag", appauthor=False) / "models"


class Registry:
    """The models of a folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """All of them, by name."""
        return sorted(file.stem for file in self.folder.glob(f"*{SUFFIX}") if NAME.fullmatch(file.stem))

    def load(self, name: str) -> Model:
        """ModelError if there is none, or if it is damaged."""
        file = self._file(name)
        try:
            with file.open("rb") as stream:
                data = stream.read(LARGEST + 1)
        except FileNotFoundError:
            raise ModelError(f"there is no model {plain(name)}; distdiag model list names them") from None
        except OSError as error:
            raise ModelError(f"cannot read {file}: {error.strerror}") from error
        try:
            return model_of(data)
        except ModelError as error:
            raise ModelError(f"{file}: {error}") from None

    def check_new(self, name: str) -> Path:
        """The file for a new model. One is never overwritten: ModelError if there is one of that name."""
        file = self._file(name)
        if file.exists():
            raise ModelError(f"there is a model {name} already")
        return file

    def save(self, name: str, model: Model) -> Path:
        """As a new model; errors as above."""
        file = self.check_new(name)
        self._write(file, model_bytes(model))
        return file

    def active(self) -> str:
        """The name of the one that is in use, `RULES` for none."""
        return (self._history() or [RULES])[-1]

    def activate(self, name: str) -> None:
        """Use another one from now on, `RULES` for none; ModelError if it cannot be read."""
        if name != RULES:
            self.load(name)
        if name != self.active():
            self._remember([*self._history(), name])

    def roll_back(self) -> str:
        """Use what was in use before, which is returned; ModelError if nothing was."""
        history = self._history()
        if not history:
            raise ModelError("no model was ever activated")
        self._remember(history[:-1])
        return self.active()

    def _file(self, name: str) -> Path:
        if not NAME.fullmatch(name) or name == RULES:
            raise ModelError(f"{plain(name)!r} is no name of a model: small letters, digits, - and _")
        return self.folder / f"{name}{SUFFIX}"

    def _history(self) -> list[str]:
        """Lines that are no names are left out."""
        try:
            text = (self.folder / HISTORY).read_text("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ModelError(f"cannot read {self.folder / HISTORY}: {error.strerror}") from error
        return [line for line in text.splitlines() if NAME.fullmatch(line)]

    def _remember(self, history: Sequence[str]) -> None:
        lines = "".join(f"{name}\n" for name in history[-MOST_HISTORY:])
        self._write(self.folder / HISTORY, lines.encode())

    def _write(self, file: Path, data: bytes) -> None:
        """Whole or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_bytes(file, self.folder / f".{new_name('new')}-{os.getpid()}", data)
        except OSError as error:
            raise ModelError(f"cannot write {file}: {error.strerror}") from error


def misfit(model: Model, metrics: Sequence[str], catalogue: str) -> str:
    """Why a model fits the metrics of this version badly, in a line; "" if it does not."""
    lost = model.lost(metrics)
    if lost > BADLY:
        return (
            f"{100 * lost:.0f} % of what it knows is about metrics that are not there any more: train it anew"
        )
    if model.about.catalogue and model.about.catalogue != catalogue:
        new = len(set(metrics) - set(model.metrics))
        return f"made with another metric catalogue: {new} metrics are new to it"
    return ""
