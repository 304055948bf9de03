"""The public runs of MySQL with injected faults (DBPA, SIGMOD 2023), through diagnosis as any metric set.

Loading is all that is done here. Six faults and normal operation; features are the change against the 30 s
before the fault, as absolute levels give away in which hours a class was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.calibrate import calibration_error
from distdiag_tui.diagnosis.calm import learn_calm
from distdiag_tui.diagnosis.effects import KINDS, effects, learned_floors
from distdiag_tui.diagnosis.learned import train
from distdiag_tui.model.arithmetic import Floats

NORMAL: Final = "normal"
LEFT_OUT: Final = frozenset({"too_many_indexes", "small_shared_buffer"})  # without a calm part
BEFORE, NOW, LOOK = 6, 12, 6
FALSE_POSITIVES: Final = 0.013

RESOURCES: Final = {
    "total_cpu_usage": "cpu", "system": "cpu", "procs": "cpu", "load_avg": "cpu", "interrupts": "cpu",
    "dsk_total": "io", "io_total": "io", "async": "io", "filesystem": "io", "unix_sockets": "io",
    "paging": "memory", "memory_usage": "memory", "swap": "memory", "virtual_memory": "memory",
    "advanced_virtual_memory": "memory", "zones_memory": "memory",
    "net_total": "network", "sockets": "network", "tcp_sockets": "network", "udp": "network",
    "raw": "network",
    "file_locks": "locks", "mysql5_locks": "locks", "sysv_ipc": "locks",
    "mysql5_conn": "sql", "mysql5_settings": "sql", "mysql5_all": "sql",
}  # fmt: skip


@dataclass(frozen=True)
class Runs:
    """`before` (N, 6, M) and `now` (N, 12, M) in steps of 5 s, NaN where a run is shorter."""

    metrics: tuple[str, ...]
    before: Floats
    now: Floats
    label: NDArray[np.str_]
    machine: NDArray[np.str_]

    def groups(self) -> list[str]:
        """The resource of each metric."""
        return [RESOURCES[name.rsplit(".", 1)[0]] for name in self.metrics]


def load(file: Path) -> Runs:
    """The runs of the file that have a calm part."""
    with np.load(file) as data:
        rows, offsets, classes = data["X"].astype(float), data["offsets"], data["classes"]
        label, machine = classes[data["label"]], data["configs"][data["config"]]
        windows, metrics = data["window"], tuple(map(str, data["columns"]))
    before, now, kept = [], [], []
    for number, (start, end) in enumerate(windows):
        run = rows[offsets[number] : offsets[number + 1]]
        if label[number] == NORMAL:
            start, end = BEFORE, BEFORE + NOW  # noqa: PLW2901
        if label[number] in LEFT_OUT or start < 3:
            continue
        before.append(_padded(run[max(0, start - BEFORE) : start], BEFORE))
        now.append(_padded(run[start : min(end, start + NOW)], NOW))
        kept.append(number)
    return Runs(metrics, np.array(before), np.array(now), label[kept], machine[kept])


def _padded(rows: Floats, length: int) -> Floats:
    found = np.full((length, rows.shape[1]), np.nan)
    found[: len(rows)] = rows
    return found


def report(file: Path, draws: int) -> Iterator[str]:
    """Lines of a table."""
    runs = load(file)
    yield f"{len(runs.label)} runs, {len(runs.metrics)} metrics, {len(set(runs.machine))} machines"
    yield from _leave_machine_out(runs)
    yield from _five_runs(runs, draws)
    yield from _detection(runs)


def _leave_machine_out(runs: Runs) -> Iterator[str]:
    scores, errors = [], []
    for machine in sorted(set(runs.machine)):
        test = runs.machine == machine
        told, sure = _told(runs, np.flatnonzero(~test), np.flatnonzero(test))
        scores.append(macro_f1(runs.label[test], told))
        errors.append(calibration_error(sure, told == runs.label[test]))
    listed = ", ".join(f"{score:.3f}" for score in scores)
    yield f"leave-machine-out macro-F1 {np.mean(scores):.3f} ({listed})"
    yield f"calibration error on a machine that was left out {np.mean(errors):.4f}"


def _five_runs(runs: Runs, draws: int) -> Iterator[str]:
    """Train on five runs of each class from one machine, test on the others."""
    random, scores = np.random.default_rng(0), []
    for _ in range(draws):
        for machine in sorted(set(runs.machine)):
            here = runs.machine == machine
            five = [
                random.permutation(np.flatnonzero(here & (runs.label == name)))[:5]
                for name in np.unique(runs.label)
            ]
            test = np.flatnonzero(~here)
            told, _ = _told(runs, np.concatenate(five), test)
            scores.append(macro_f1(runs.label[test], told))
    yield (
        f"five runs a class from one machine, macro-F1 {np.mean(scores):.3f}, standard deviation"
        f" {np.std(scores):.3f} over {len(scores)} draws"
    )


def _told(runs: Runs, training: NDArray[np.intp], test: NDArray[np.intp]) -> tuple[NDArray[np.str_], Floats]:
    """The likeliest class of each tested run, and its probability."""
    floors = learned_floors(runs.before[training])
    model = train(
        effects(runs.before[training], runs.now[training], floors),
        [{str(name)} for name in runs.label[training]],
        metrics=runs.metrics,
        kinds=KINDS,
        compound=False,
    )
    scores = model.scores(effects(runs.before[test], runs.now[test], floors))
    sure = scores.max(axis=1) / scores.sum(axis=1)  # just one class can be true here
    return np.array(model.causes)[scores.argmax(axis=1)], sure


def _detection(runs: Runs) -> Iterator[str]:
    """A machine's calm is learned from half of its normal runs; the others give the false positives."""
    random = np.random.default_rng(0)
    normal = runs.label == NORMAL
    learned_from = normal & (random.random(len(normal)) < 0.5)
    faults = [str(name) for name in np.unique(runs.label) if name != NORMAL]
    recall, alarms = {name: list[float]() for name in (*faults, "all")}, []
    for machine in sorted(set(runs.machine)):
        here = runs.machine == machine
        mine = here & learned_from
        floors = learned_floors(runs.before[mine])
        found = effects(runs.before, runs.now[:, :LOOK], floors)[:, : len(runs.metrics)]
        scores = learn_calm(found[mine], runs.groups()).scores(found)
        others = here & normal & ~learned_from
        limit = np.quantile(scores[others], 1 - FALSE_POSITIVES)
        alarms.append(float((scores[others] >= 1).mean()))
        for name in faults:
            recall[name].append(float((scores[here & (runs.label == name)] > limit).mean()))
        recall["all"].append(float((scores[here & ~normal] > limit).mean()))
    yield (
        f"detection at {100 * FALSE_POSITIVES:.1f} % false positives: recall {np.mean(recall.pop('all')):.3f}"
        f" of all runs, {np.mean(list(recall.values())):.3f} over the faults"
    )
    yield ", ".join(f"{name} {np.mean(values):.2f}" for name, values in recall.items())
    yield f"at its own threshold, meant for 1 %: {100 * np.mean(alarms):.1f} % false positives"


def macro_f1(truth: NDArray[np.str_], told: NDArray[np.str_]) -> float:
    """Mean over the classes of the harmonic mean of precision and recall."""
    scores = []
    for name in np.unique(truth):
        hits = ((truth == name) & (told == name)).sum()
        scores.append(2 * hits / max(1, (truth == name).sum() + (told == name).sum()))
    return float(np.mean(scores))
