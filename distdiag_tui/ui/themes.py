"""Themes are TOML files: our own in `themes/`, the user's in `themes/` of the configuration folder.

name = "dark"
dark = true
primary = "#7aa2f7"
...
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from textual.theme import Theme

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import plain

COLOURS = ("primary", "secondary", "warning", "error", "success", "accent", "foreground", "background",
           "surface", "panel", "boost")  # fmt: skip
REQUIRED = ("name", "primary", "warning", "error", "success", "foreground", "background")
DEFAULT = "dark"
FOR_FEW_COLOURS = "high-contrast"  # its colours stay apart when a terminal has only 16


def own_themes() -> Path:
    """The folder of our own themes: in the wheel beside the code, in a checkout at the top."""
    package = Path(__file__).parent.parent
    shipped = package / "themes"
    return shipped if shipped.is_dir() else package.parent / "themes"


def user_themes() -> Path:
    """The folder for themes of the user's own."""
    from platformdirs import user_config_path  # noqa: PLC0415  20 ms that a start does not need

    return user_config_path("distdiag") / "themes"


def theme_files() -> dict[str, Path]:
    """Theme files by name (the file's without .toml), in the order in which `t` walks through them."""
    files = (*sorted(user_themes().glob("*.toml")), *sorted(own_themes().glob("*.toml")))
    return {file.stem: file for file in files}


def find_theme(name: str) -> Path:
    """The file of a theme, ours before the user's; ConfigError names those there are."""
    own = {file.stem: file for file in own_themes().glob("*.toml")}
    if name in own:
        return own[name]
    files = theme_files()
    if name not in files:
        raise ConfigError(f"no theme {name!r}; there are: {', '.join(files)}")
    return files[name]


def load_theme(file: Path) -> Theme:
    """Read a theme; ConfigError names the file and what is wrong with it."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the theme {file}: {error}") from None
    values.setdefault("name", file.stem)
    missing = [key for key in REQUIRED if key not in values]
    unknown = sorted(set(values) - {*COLOURS, "name", "dark", "variables"})
    if missing or unknown:
        raise ConfigError(f"theme {file}: " + _complaint(missing, unknown))
    colours = {key: values[key] for key in COLOURS if key in values}
    for key, kind, words in (("variables", dict, "a table"), ("dark", bool, "true or false")):
        if not isinstance(values.get(key, kind()), kind):
            raise ConfigError(f"theme {file}: {key} is {values[key]!r}; write {words}")
    colours |= values.get("variables", {})
    for key, colour in colours.items():
        if not isinstance(colour, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise ConfigError(f"theme {file}: {key} is {colour!r}; write a colour as #rrggbb")
    return Theme(**{**values, "name": file.stem})


def _complaint(missing: list[str], unknown: list[str]) -> str:
    parts = [f"{', '.join(missing)} missing"] if missing else []
    parts += [f"unknown {plain(', '.join(unknown))}"] if unknown else []
    return "; ".join(parts)
