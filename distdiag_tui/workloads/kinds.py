"""The kinds of workload there are."""

from __future__ import annotations

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.oltp.kind import OLTP
from distdiag_tui.workloads.protocol import Kind
from distdiag_tui.workloads.sysbench.kind import SYSBENCH
from distdiag_tui.workloads.tpcc.kind import TPCC
from distdiag_tui.workloads.tpch.kind import TPCH

KINDS: tuple[Kind, ...] = (OLTP, SYSBENCH, TPCC, TPCH)


def find_kind(name: str) -> Kind:
    """The kind of that name; ConfigError names those there are."""
    for kind in KINDS:
        if kind.id == name:
            return kind
    raise ConfigError(f"there is no workload {name!r}; there are: {', '.join(kind.id for kind in KINDS)}")
