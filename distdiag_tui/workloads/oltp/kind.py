"""How the built-in OLTP load introduces itself."""

from __future__ import annotations

from distdiag_tui.workloads.oltp.config import MIXES, MODES
from distdiag_tui.workloads.options import INTERVAL, RATE, STATEMENT_TIMEOUT, THREADS, TIME, Option
from distdiag_tui.workloads.protocol import Kind

OLTP = Kind(
    id="oltp",
    title="built-in OLTP",
    about="Short transactions over a few tables: selects, updates, deletes, inserts. Nothing to install.",
    database="distdiag_load",
    options=(
        THREADS,
        RATE,
        TIME,
        Option("tables", 4, "Tables on each node.", 1, 256, size=True),
        Option("rows", 10_000, "Rows in each table.", 100, 100_000_000, size=True),
        Option("mix", "read_write", "Statements of a transaction.", choices=tuple(MIXES)),
        Option("mode", "independent", "A client stays on one node, or visits all (coupled).",
               choices=MODES),
        STATEMENT_TIMEOUT,
        INTERVAL,
    ),
    module="distdiag_tui.workloads.oltp.load",
)  # fmt: skip
