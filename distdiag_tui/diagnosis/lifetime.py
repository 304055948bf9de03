"""What a server was like on average since it started: the past of one that nobody has looked at before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import IS_LEVEL, Floats, add_rows, evaluate
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.model.snapshot import Totals

_OF_PROCESS: Final = np.array([str(column).startswith("host.proc_") for column in COLUMNS])
"""Totals that began with the server; all else that a host tells is as old as the host."""


def since_start(
    seconds: Sequence[float], servers: Sequence[Totals], hosts: Sequence[Totals | None]
) -> Floats:
    """Metrics (N, M) of N servers over the `seconds` that each has served, from running totals.

    Levels, such as memory in use, have no past: they are NaN.
    """
    columns = [add_rows(_with_process(*each)) for each in zip(servers, hosts, strict=True)]
    return evaluate(np.where(IS_LEVEL, np.nan, np.array(columns) / np.array(seconds)[:, None]))


def _with_process(server: Totals, host: Totals | None) -> Floats:
    if host is None:
        return server.columns
    return np.concatenate([server.columns, np.where(_OF_PROCESS, host.columns, np.nan)])
