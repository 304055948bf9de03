"""The reference folder beside the repository: facts about the systems that the program talks to."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

FOLDER: Final = Path(__file__).parents[2] / "shared" / "reference"


def facts(name: str) -> Any:  # noqa: ANN401  a JSON or YAML document
    """One file of the folder; the test is skipped where the folder is not at hand."""
    if not FOLDER.is_dir():
        pytest.skip("needs the reference data in ../shared/reference, which is not here")
    return copy.deepcopy(_read(name))


@cache
def _read(name: str) -> Any:  # noqa: ANN401
    text = (FOLDER / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
