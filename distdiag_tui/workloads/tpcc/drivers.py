"""Who runs the load: our own terminals, or Percona's program."""

from __future__ import annotations

from collections.abc import Sequence

from distdiag_tui.workloads.options import Values
from distdiag_tui.workloads.protocol import Workload
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.kind import PERCONA
from distdiag_tui.workloads.tpcc.load import TpccLoad
from distdiag_tui.workloads.tpcc.percona.load import PerconaLoad


def create(nodes: Sequence[Node], values: Values) -> Workload:
    """For the catalogue of kinds. ConfigError for options that tpcc_start does not know."""
    return PerconaLoad(nodes, values) if values["driver"] == PERCONA else TpccLoad(nodes, values)
