"""How the TPC-C load introduces itself."""

from __future__ import annotations

from distdiag_tui.workloads.options import INTERVAL, RATE, STATEMENT_TIMEOUT, THREADS, TIME, Option
from distdiag_tui.workloads.protocol import Kind

BUILT_IN, PERCONA = "built-in", "percona"

TPCC = Kind(
    id="tpcc",
    title="TPC-C",
    about="Orders of a wholesaler after TPC-C 5.11: five transactions over nine tables; measures tpmC.",
    database="distdiag_tpcc",
    options=(
        THREADS,
        RATE,
        TIME,
        Option("warehouses", 1, "Warehouses on each store, 0.1 GB of rows each.", 1, 10_000, size=True),
        Option("keying", False, "People at terminals: keying and think times; 10 threads a warehouse."),
        Option("driver", BUILT_IN, "percona: the program tpcc_start runs the load.",
               choices=(BUILT_IN, PERCONA)),
        STATEMENT_TIMEOUT,
        INTERVAL,
    ),
    module="distdiag_tui.workloads.tpcc.drivers",
    rates=("tpmC",),
)  # fmt: skip
