"""How sysbench introduces itself, and what the built-in OLTP load does in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from distdiag_tui.workloads.options import THREADS, TIME, Option
from distdiag_tui.workloads.protocol import Kind, StandIn
from distdiag_tui.workloads.sysbench.config import DATABASE, MAX_RATE, MAX_TABLES, SCRIPTS
from distdiag_tui.workloads.sysbench.installed import missing

_MIXES: Final = {
    "oltp_read_write": "read_write",
    "oltp_read_only": "read_only",
    "oltp_point_select": "point_select",
    "select_random_points": "read_only",
    "select_random_ranges": "read_only",
}
_ALIKE: Final = {
    **{name: name for name in ("tables", "threads", "rate", "time", "interval")},
    "table_size": "rows",
}


def as_oltp(given: Mapping[str, object]) -> dict[str, object]:
    """What was asked of sysbench, as options of the built-in load: sizes alike, and the nearest mix.

    >>> as_oltp({"script": "oltp_point_select", "table_size": "500", "rand_type": "pareto"})
    {'rows': '500', 'mix': 'point_select'}
    """
    alike = {_ALIKE[name]: value for name, value in given.items() if name in _ALIKE}
    return {**alike, "mix": _MIXES.get(str(given.get("script") or "oltp_read_write"), "write_only")}


SYSBENCH = Kind(
    id="sysbench",
    title="sysbench",
    about="The sysbench program with the OLTP scripts it ships, one process for each server.",
    database=DATABASE,
    options=(
        Option("script", "oltp_read_write", "Which of sysbench's scripts.", choices=SCRIPTS),
        THREADS,
        Option("rate", 0, "Whole transactions a second, over all clients; 0: as many as go.", 0, MAX_RATE),
        TIME,
        Option("tables", 4, "Tables on each node.", 1, MAX_TABLES, size=True),
        Option("table_size", 10_000, "Rows in each table.", 100, 100_000_000, size=True),
        # sysbench's own default, special, takes 3 of 4 rows from 1 % of the table: transactions wait for
        # each other in circles, which OceanBase ends only after 10 s
        Option("rand_type", "uniform", "Which rows: special and pareto prefer a few.",
               choices=("uniform", "gaussian", "special", "pareto")),
        Option("db_ps_mode", "auto", "auto: prepared statements; disable: plain text, as some proxies want.",
               choices=("auto", "disable")),
        Option("skip_trx", False, "Each statement a transaction of its own."),
        Option("interval", 1, "Whole seconds between reports.", 1, 3600),
    ),
    module="distdiag_tui.workloads.sysbench.load",
    missing=missing,
    stand_in=StandIn("oltp", as_oltp),
)  # fmt: skip
