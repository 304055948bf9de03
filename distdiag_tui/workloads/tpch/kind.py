"""How TPC-H introduces itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from distdiag_tui.workloads.options import INTERVAL, STATEMENT_TIMEOUT, TIME, Option
from distdiag_tui.workloads.protocol import Kind

INSTALL = "pip install 'distdiag-tui[tpch]'"
_PACKAGES = ("duckdb", "duckdb_extension_tpch", "sqlglot")


def extension_file() -> Path | None:
    """DuckDB's extension that makes the data, out of its package; None if it is not that of this DuckDB."""
    package = find_spec("duckdb_extension_tpch")
    try:
        folder = f"extensions/v{version('duckdb')}"
    except PackageNotFoundError:
        return None
    for place in (package and package.submodule_search_locations) or ():
        file = Path(place) / folder / "tpch.duckdb_extension"
        if file.is_file():
            return file
    return None


def missing() -> str:
    """What is to be installed, in a few words; "" if all is here. Imports none of it."""
    absent = [name.replace("_", "-") for name in _PACKAGES if find_spec(name) is None]
    if absent:
        return f"{', '.join(absent)}; to install: {INSTALL}"
    if extension_file() is None:
        return f"duckdb and duckdb-extension-tpch of the same version; to install: {INSTALL}"
    return ""


TPCH = Kind(
    id="tpch",
    title="TPC-H",
    about="The 22 queries of a warehouse over 8 tables, their answers checked. Needs DuckDB (extra tpch).",
    database="distdiag_tpch",
    options=(
        Option("scale", 0.01, "Size of the data: 1 is about 1 GB, 8.7 million rows.", 0.001, 100, size=True),
        Option("test", "power", "power: one stream of queries, on the first server; "
               "throughput: several streams, over all servers.", choices=("power", "throughput")),
        Option("threads", 2, "Streams of the throughput test. TPC-H asks for 2 at scale 1, 3 at 10, 4 at 30, "
               "5 at 100.", 1, 1024),
        Option("rounds", 1, "How often a stream goes through all queries; 0: until stopped.", 0, 100_000),
        Option("indexes", False, "Index foreign keys, too: MySQL needs it, OceanBase does not.", size=True),
        Option("time", 0.0, "Seconds to run at most; 0: no limit.", TIME.low, TIME.high),
        Option("statement_timeout", 600.0, "Seconds a query may take.",
               STATEMENT_TIMEOUT.low, STATEMENT_TIMEOUT.high),
        INTERVAL,
    ),
    module="distdiag_tui.workloads.tpch.load",
    rates=("queries per hour",),
    missing=missing,
)  # fmt: skip
