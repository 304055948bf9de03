"""What was usual, kept on disk: who logs in when something is wrong already has something to compare with."""

from __future__ import annotations

import io
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.usual import Usual
from distdiag_tui.ledger import file_stem, replace_bytes, state_folder

log = logging.getLogger(__name__)

SCHEMA: Final = "distdiag.usual/1"
RECENT: Final = 86400.0
"""s in which what is known of many servers goes before what is known of a few of them."""
FORGOTTEN: Final = 30 * 86400.0
"""s after which what was usual is no measure any more."""


class Memory:
    """Of one cluster, in a folder, by default `usual` in the platform's folder for user state.

    The newest of several processes counts. Nothing here fails: what cannot be read or written is logged.
    """

    def __init__(self, cluster: str, folder: Path | None = None) -> None:
        self._cluster = cluster
        self.file = (folder or state_folder("usual")) / f"{file_stem(cluster)}.npz"

    def recall(self, now: float) -> Usual | None:
        """What there is, if it is of the last weeks before `now` (epoch s)."""
        try:
            with np.load(self.file, allow_pickle=False) as file:
                if file["schema"] != SCHEMA or file["cluster"] != self._cluster:
                    return None
                usual = Usual(
                    float(file["time"]),
                    tuple(file["servers"].tolist()),
                    tuple(file["metrics"].tolist()),
                    file["centre"].astype(float),
                    file["spread"].astype(float),
                )
        except FileNotFoundError:
            return None
        except Exception as error:  # of a damaged archive NumPy raises whatever comes up while it is read
            log.warning("what was usual cannot be read: %s", error)
            return None
        return usual if now - usual.time <= FORGOTTEN else None

    def keep(self, usual: Usual) -> None:
        """Put it in the place of what there is, at once; unless that knows far more of the servers."""
        if not usual.servers:
            return
        older = self.recall(usual.time)
        if older is not None and _is_part(usual, older):
            return
        columns = asdict(usual) | {"centre": np.float32(usual.centre), "spread": np.float32(usual.spread)}
        packed = io.BytesIO()
        np.savez_compressed(packed, schema=SCHEMA, cluster=self._cluster, **columns)
        draft = self.file.with_suffix(f".{os.getpid()}.new")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_bytes(self.file, draft, packed.getvalue())
        except OSError as error:
            log.warning("what was usual cannot be kept: %s", error)


def _is_part(usual: Usual, older: Usual) -> bool:
    """Whether it is of less than half of the servers only, and the others were there just now."""
    few = 2 * len(usual.servers) < len(older.servers) and {*usual.servers} < {*older.servers}
    return few and usual.time - older.time < RECENT
