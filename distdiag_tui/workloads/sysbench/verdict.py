"""What the end of a sysbench means for the run: begin again, or give up with one clear line."""

from __future__ import annotations

from typing import Final

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.report import ErrorKey
from distdiag_tui.workloads.sysbench.output import Failure
from distdiag_tui.workloads.sysbench.segment import Segment
from distdiag_tui.workloads.sysbench.tally import Tally

PATIENCE: Final = 5  # runs that ended without a single transaction, before there ever was one
_GONE: Final = (1046, 1049, 1146)  # no database selected, unknown database, no such table
_FORBIDDEN: Final = (1044, 1045, 1142, 1227)
_CURSORS: Final = 5930  # of OceanBase: more prepared statements than open_cursors, 50 by default
_CLIENT: Final = range(2000, 3000)  # codes of the client library: connections that broke or never came about
_QUEUE: Final = 131_071  # due transactions that sysbench gives up with when it falls behind its rate


class Judge:
    """Of one server's runs, one after the other."""

    def __init__(self, label: str, tally: Tally) -> None:
        self._label, self._tally = label, tally
        self._in_vain = 0
        self._worked = self._lost = False

    def begun(self, clients: int) -> None:
        """All clients of a run are connected."""
        if self._lost:
            self._tally.reconnected(clients)
        self._lost = False

    def ended(self, code: int, segment: Segment) -> bool:
        """A run ended by itself. True after an orderly end, False if the next one is to wait a moment.

        WorkloadError if the next one would fare no better.
        """
        if segment.summary is not None:
            return True
        self._worked = self._worked or segment.sums.transactions > 0
        self._in_vain += 1
        failure = segment.failure or Failure(None, f"it ended with code {code}")
        self._lost = self._lost or failure.code in _CLIENT
        if failure.code is None:
            self._tally.failed(*self._own_fault(failure.words, code))
        else:
            self._answer(failure.code, failure.words)
        return False

    def _own_fault(self, words: str, code: int) -> tuple[ErrorKey, int]:
        """How to count what no server is to blame for."""
        if "event queue is full" in words:
            return "dropped", _QUEUE
        if "failed to initialize within" in words:  # a frozen server, or more clients than it takes
            return "timeout", 1
        if code < 0 and not self._hopeless():
            return "crashed", 1
        raise WorkloadError(f"{self._label}: sysbench fails: {words}")

    def _answer(self, code: int, words: str) -> None:
        if code in _GONE:
            raise WorkloadError(f"{self._label}: {words}; prepare the workload again")
        if code == _CURSORS:
            raise WorkloadError(f"{self._label}: {words}; fewer --tables, or --db-ps-mode disable")
        if code in _FORBIDDEN or (code not in _CLIENT and self._hopeless()):
            raise WorkloadError(f"{self._label}: {words}")

    def _hopeless(self) -> bool:
        """It never worked; a server that did may answer strangely while it starts again."""
        return not self._worked and self._in_vain >= PATIENCE
