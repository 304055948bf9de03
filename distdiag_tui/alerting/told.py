"""Who was told what: kept on disk, so that a restart tells nobody anything twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from distdiag_tui.ledger import file_stem, replace_file, state_folder

SCHEMA: Final = "distdiag.told/1"


class Told:
    """Labels of the incidents that were told as going on, by id, for one cluster and receiver."""

    def __init__(self, cluster: str, receiver: str) -> None:
        name = file_stem(f"{cluster}\0{receiver}")
        self.file: Path = state_folder("alerts") / f"{name}.json"

    def read(self) -> dict[str, dict[str, str]]:
        """Nothing if there is none, or it is damaged: an alert that comes twice is better than none."""
        try:
            document = json.loads(self.file.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                return {}
            return {str(name): {str(k): str(v) for k, v in labels.items()}
                    for name, labels in document["firing"].items()}  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def write(self, firing: Mapping[str, Mapping[str, str]]) -> None:
        """Whole, or as it was; OSError if it cannot."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = {"schema": SCHEMA, "firing": {name: dict(each) for name, each in firing.items()}}
        replace_file(self.file, self.file.with_suffix(".new"), document)
