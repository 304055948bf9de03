"""Runs as they would be recorded: three servers with noise, and faults that move what the signs say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from recorded import INFO

from distdiag_tui.diagnosis.signs import SIGNS
from distdiag_tui.learning.runs import Run, Tick, Truth
from distdiag_tui.model.metrics import CATALOGUE, METRIC_INDEX
from distdiag_tui.model.topology import Server, Status, Subject
from distdiag_tui.recording.run import Load, Phase

NAMES = ("n1", "n2", "n3")
USUAL = {"%": 20.0, "B": 2e8, "B/s": 2e5, "s": 0.004, "s/s": 0.2, "/s": 100.0, "": 8.0}
CALM, FAULT, REST = 30, 12, 3
START = 1000.0

Faults = Mapping[str, str]
"""Cause by server."""


def run_of(
    name: str,
    faults: Faults,
    *,
    severity: str = "high",
    load: str = "oltp",
    disguise: str = "",
) -> Run:
    """`disguise`: the faults move what the signs say of this cause: only a trained model knows them."""
    dice = np.random.default_rng([*name.encode()])
    ticks = tuple(
        _tick(dice, START + number, faults if CALM <= number < CALM + FAULT else {}, disguise)
        for number in range(CALM + FAULT + REST)
    )
    begin, end = START + CALM - 0.5, START + CALM + FAULT - 0.5
    truths = tuple(Truth(server, cause, severity, begin, end, begin) for server, cause in faults.items())
    phases = (Phase("calm", START, begin), Phase("rest", begin, end + REST))
    info = replace(INFO, name=name, labels=(), phases=phases, changes=(), load=Load(load, load))
    return Run(name, info, ticks, truths)


def _tick(dice: np.random.Generator, time: float, faults: Faults, disguise: str) -> Tick:
    usual, values = np.array([USUAL[row.unit] for row in CATALOGUE]), {}
    for name in NAMES:
        row = usual * dice.lognormal(0, 0.04, len(usual))
        if name in faults:
            for metric, weight in SIGNS[disguise or faults[name]].items():
                if metric in METRIC_INDEX:
                    row[METRIC_INDEX[metric]] *= 4.0 ** np.sign(weight)
        values[Subject("z", name)] = row.astype(np.float32)
    servers = tuple(Server(name, f"{name}:1", "z", Status.UP, latency=0.01, age=0.0) for name in NAMES)
    return Tick(time, 1.0, servers, values)
