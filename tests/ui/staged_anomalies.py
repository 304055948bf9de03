"""Anomalies on a stage: a board that is as the test says, and what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.service.anomaly_desk import AnomalyDesk

SERVERS = tuple(Endpoint(name, 2881, name) for name in ("n1", "n2", "n3"))


def injection(anomaly: str = "cpu_stress", server: str = "n2", /, **known: object) -> Injection:
    """One that is there since ten seconds before `NOW`, for a minute."""
    facts: dict[str, object] = {
        "id": f"{anomaly}-3f9c",
        "injector": "signals",
        "severity": "high",
        "values": {"stop_ms": 85, "run_ms": 15},
        "seconds": 60.0,
        "started": NOW - 11,
        "begins": NOW - 11,
        "phase": "active",
        "applied": NOW - 10,
        **known,
    }
    return Injection(
        anomaly=anomaly, cluster="shop", server=server, address=f"{server}:2881", **facts  # type: ignore[arg-type]
    )  # fmt: skip


NOW = 1_700_000_080.0  # 22:14:40 UTC


class StagedAnomalyDesk(AnomalyDesk):
    """What is asked for is kept in `asked`, or raises `wrong`. Rules and catalogue are the real ones."""

    def __init__(self, *, production: bool = False, lab: bool = True, allowed: bool = False) -> None:
        home = Path("/nowhere") if lab else None
        target = Target("shop", SERVERS, production=production, allow_anomalies=allowed, home=home)
        self.now = NOW
        with patch("distdiag_tui.anomalies.nodes.stress.missing", return_value=""):  # as if it were installed
            super().__init__(Anomalies(target, Injections(Path("/nowhere"))), clock=lambda: self.now)
        self.asked: list[tuple[str, object]] = []
        self.wrong: DistdiagError | None = None
        self.mine: list[Injection] = []
        self._records: tuple[Injection, ...] = ()
        self.look()

    def begin(self) -> None:
        """There are no supervisors."""

    def put(self, *active: Injection, ended: Sequence[Injection] = (), ours: bool = False) -> None:
        """From now on these are all that there are."""
        self.mine = list(active) if ours else []
        self._records = (*reversed(ended), *active)
        self.anomalies.records = lambda: list(self._records)  # type: ignore[method-assign]

    async def inject(self, doses: Sequence[Dose], scenario: str = "") -> None:
        """Keep what was asked for; refused as it would be."""
        self.anomalies.check(doses, scenario)
        self._keep("inject" if not scenario else f"run {scenario}", list(doses))

    async def plan(self, doses: Sequence[Dose]) -> list[str]:
        """Lines that would hurt if they were taken for markup."""
        self._keep("plan", list(doses))
        return [f"{dose.label}: kill -STOP [1]" for dose in doses] + [f"line {n} [/]" for n in range(60)]

    async def stop(self, names: Sequence[str]) -> None:
        """Keep the names."""
        self._keep("stop", list(names))

    def to_ask_about(self) -> list[Injection]:
        """Those of the test."""
        return self.mine

    def let_go(self) -> None:
        """Keep that it happened."""
        self._keep("let go", "")

    def _keep(self, what: str, of: object) -> None:
        if self.wrong is not None:
            raise self.wrong
        self.asked.append((what, of))
