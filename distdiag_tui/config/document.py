"""TOML files that people write: read whole, or refused with the file, the place and the reason."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from distdiag_tui.model.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def read_document(file: Path, model: type[M]) -> M:
    """The file as `model`; ConfigError names the file and the first thing that is wrong."""
    try:
        return model.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = "; a password belongs into password_file" if where.endswith(".password") else ""
        raise ConfigError(f"{file}: {where}: {first['msg'].removeprefix('Value error, ')}{hint}") from None
