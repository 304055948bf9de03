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

COLOURS = ("primary", "secondary", "warning", "error", "success", "accent", "foreground", "background",
           "surface", "panel", "boost")  # fmt: skip
REQUIRED = ("name", "primary", "warning", "error", "success", "foreground", "background")
DEFAULT = "dark"


def theme_folders() -> list[Path]:
    """Where themes are: in the wheel, or at the top of a checkout; then the user's, which win."""
    from platformdirs import user_config_path  # noqa: PLC0415

    package = Path(__file__).parent.parent
    own = package / "themes"
    return [own if own.is_dir() else package.parent / "themes", user_config_path("distdiag") / "themes"]


def theme_files() -> dict[str, Path]:
    """Theme files by name (the file's name without .toml), in the order in which `t` walks through them."""
    return {file.stem: file for folder in theme_folders() for file in sorted(folder.glob("*.toml"))}


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
    colours |= values.get("variables", {})
    for key, colour in colours.items():
        if not isinstance(colour, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise ConfigError(f"theme {file}: {key} is {colour!r}; write a colour as #rrggbb")
    return Theme(**{**values, "name": file.stem})


def _complaint(missing: list[str], unknown: list[str]) -> str:
    parts = [f"{', '.join(missing)} missing"] if missing else []
    parts += [f"unknown {', '.join(unknown)}"] if unknown else []
    return "; ".join(parts)
