"""How good diagnosis is, and what it costs: prints Markdown.

python tests/bench/diagnosis.py lab [FOLDER...]   recorded runs, default tests/data/lab/runs
python tests/bench/diagnosis.py dbpa [FILE]       public runs, default ../shared/data/dbpa_mysql.npz
python tests/bench/diagnosis.py speed

Runs are always held out whole: what is told of a run comes from what has not seen it.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes

import dbpa
import numpy as np

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.diagnosis.rules import KINDS
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.diagnosis.usual import Usual
from distdiag_tui.engine.hours_before import usual_of
from distdiag_tui.learning.dataset import Examples, examples_of
from distdiag_tui.learning.evaluation import Evaluation, evaluate_judge, evaluate_training
from distdiag_tui.learning.fitting import fit_examples
from distdiag_tui.learning.judges import live_judge
from distdiag_tui.learning.runs import Run, load_runs
from distdiag_tui.learning.splits import SPLITS
from distdiag_tui.learning.verdict import Verdict, judge_run
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import CATALOGUE, LEVELS, STAT_IDS
from distdiag_tui.model.snapshot import Values
from distdiag_tui.model.topology import Server, Status, Subject
from distdiag_tui.sources.repository import Spans

HERE = Path(__file__).resolve().parent
LAB = HERE.parent / "data" / "lab" / "runs"
DBPA = HERE.parents[2] / "shared" / "data" / "dbpa_mysql.npz"

FIGURES = {
    "ac1_single": "AC@1 single",
    "ac3_single": "AC@3 single",
    "ac1_compound": "AC@1 compound",
    "ac3_compound": "AC@3 compound",
    "exact_compound": "exact set compound",
    "recall": "recall",
    "delay_median": "delay median, s",
    "delay_p90": "delay p90, s",
    "calm_node_hours": "calm node-hours",
    "false_alarms": "false alarms",
    "ece": "ECE",
}

LATE = "rules, come late"
"""Nobody looked before the fault was there, but Prometheus did, every few ticks."""
SCRAPED = 10
BLIND = "rules, no past"
"""Nobody looked, and nobody kept anything."""
NO_RUNS = (0, math.nan)
REMEMBERED = "rules, remembered"
"""Nobody looked, but somebody did before: at another run with the same load."""
TOLD = "rules, repository"
"""Nobody looked, but the servers' workload repository has the totals of one span before."""
ALONE = "rules, alone"
"""Each server that was sick, or in a calm run each, as if there were no other; they do share a disk."""
WORTH = 20
YOUNG = 120.0
"""s: the lab's servers do not live for long."""


def main() -> None:
    """Whatever is asked for, or all that there is data for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("lab", "dbpa", "speed", "all"))
    parser.add_argument("where", nargs="*", type=Path, help="not with all")
    parser.add_argument("--draws", type=int, default=10, help="of five runs a class, from each machine")
    arguments = parser.parse_args()
    if arguments.what == "lab" or (arguments.what == "all" and LAB.is_dir()):
        lab(arguments.where or [LAB])
    if arguments.what == "dbpa" or (arguments.what == "all" and DBPA.is_file()):
        public(arguments.where[0] if arguments.where else DBPA, arguments.draws)
    if arguments.what in ("speed", "all"):
        speed()


def lab(folders: Sequence[Path]) -> None:
    """One column each for the rules and for every way to hold out, then what went wrong."""
    runs = load_runs(folders)
    _AT_HAND.append((runs, examples_of(runs)))
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as pool:
        found = list(pool.map(_evaluate, ("", ALONE, LATE, REMEMBERED, TOLD, BLIND, *SPLITS)))
    print(f"## Lab: {len(runs)} runs\n")
    names = ["rules", ALONE, LATE, REMEMBERED, TOLD, BLIND, *(f"leave-{kind}-out" for kind in SPLITS)]
    print(f"| | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
    figures = [each.figures() for each in found]
    for key, words in FIGURES.items():
        print(f"| {words} | {' | '.join(_number(each[key]) for each in figures)} |")
    keys: dict[str, Callable[[Verdict], str]] = {"load": lambda v: v.load, "cause": _causes}
    for title, of in keys.items():
        print(f"\n| AC@1 by {title} | runs | {' | '.join(names)} |\n|---|---{'|---' * len(names)}|")
        groups = [each.by(of) for each in found]
        for name, (count, _) in sorted(groups[0].items()):
            print(
                f"| {name} | {count} | {' | '.join(_number(each.get(name, NO_RUNS)[1]) for each in groups)} |"
            )
    for name, each in zip(names, found, strict=True):
        _print_failures(name, each)


_AT_HAND: list[tuple[Sequence[Run], Examples]] = []
"""Forked processes have it without its being sent to them."""


def _evaluate(kind: str) -> Evaluation:
    """By the rules if nothing is held out."""
    runs, examples = _AT_HAND[-1]
    if kind == ALONE:
        return evaluate_judge("rules", None, [each for run in runs for each in _alone(run)])
    if kind == LATE:
        return Evaluation("rules", LATE, tuple(map(_judged_late, runs)))
    if kind == REMEMBERED:
        known = {run.name: _usual(run) for run in runs}
        judged = (_judged_supposing(run, known[_another(run, runs).name]) for run in runs)
        return Evaluation("rules", REMEMBERED, tuple(judged))
    if kind == TOLD:
        return Evaluation("rules", TOLD, tuple(_judged_supposing(run, _span_before(run)) for run in runs))
    if kind == BLIND:
        return Evaluation("rules", BLIND, tuple(map(_judged_supposing, runs)))
    return evaluate_training(runs, examples, kind) if kind else evaluate_judge("rules", None, runs)


def _alone(run: Run) -> Iterator[Run]:
    """Each server of interest with nobody beside it."""
    sick = {truth.server for truth in run.truths}
    for name in sorted(sick or {server.name for server in run.ticks[0].servers}):
        ticks = tuple(
            replace(
                tick,
                servers=tuple(each for each in tick.servers if each.name == name),
                values={subject: row for subject, row in tick.values.items() if subject.server == name},
            )
            for tick in run.ticks
        )
        truths = tuple(truth for truth in run.truths if truth.server == name)
        yield replace(run, name=f"{run.name}@{name}", ticks=ticks, truths=truths)


def _judged_late(run: Run) -> Verdict:
    """From its first fault on, with what Prometheus would have kept of the time before."""
    late = _late(run)
    past: dict[str, Values] = {}
    for name, seen in _calm_before(run, late).items():
        for start in range(0, len(seen), SCRAPED):
            seen[start : start + SCRAPED] = seen[start : start + SCRAPED].mean(axis=0)
        past[name] = seen.T
    first, *others = late.ticks
    diagnoser = Diagnoser()
    first.told(diagnoser)
    diagnoser.begin_with(past)
    return judge_run(replace(run, ticks=tuple(others)), diagnoser)


def _judged_supposing(run: Run, usual: Usual | None = None) -> Verdict:
    """From its first fault on, by what was usual another time, or else by the servers' own totals."""
    diagnoser = Diagnoser(settings=Settings(young=YOUNG))
    if usual is not None:
        diagnoser.remember(usual)
    return judge_run(_late(run), diagnoser)


def _usual(run: Run) -> Usual:
    """What was known before anything went wrong."""
    diagnoser, begin = Diagnoser(settings=Settings(worth=WORTH)), _late(run).ticks[0].time
    for tick in run.ticks:
        if tick.time < begin:
            tick.told(diagnoser)
    return diagnoser.usual()


WRITTEN_DOWN = np.array(
    [
        all(column in STAT_IDS or str(column).startswith("wait.") for column in (*row.over, *row.under))
        and not LEVELS.intersection((*row.over, *row.under))
        for row in CATALOGUE
    ]
)
"""Metrics that the workload repository tells of."""


def _span_before(run: Run) -> Usual:
    """The means of all that went well before its first fault."""
    late, told = _late(run), {}
    for name, seen in _calm_before(run, late).items():
        there = np.isfinite(seen).sum(axis=0)
        mean = np.nansum(seen, axis=0, dtype=float) / np.where(there & WRITTEN_DOWN, there, np.nan)
        told[name] = Spans(np.array([late.ticks[0].time]), mean[None])
    return usual_of(told)


def _calm_before(run: Run, late: Run) -> dict[str, Values]:
    """By server what it did in its calm ticks before, (ticks, metrics)."""
    begin = late.ticks[0].time
    before = [tick for tick in run.ticks if run.calm(tick.time) and tick.time < begin]
    subjects = {server.name: Subject(server.zone, server.name) for server in run.ticks[0].servers}
    return {
        name: np.array([tick.values[subject] for tick in before if subject in tick.values])
        for name, subject in subjects.items()
    }


def _another(run: Run, runs: Sequence[Run]) -> Run:
    """The last one before it with the same load; the first after it if there is none."""
    same = [each for each in runs if each.load == run.load and each.name != run.name]
    before = [each for each in same if each.ticks[0].time < run.ticks[0].time]
    if before:
        return max(before, key=lambda each: each.ticks[0].time)
    return min(same, key=lambda each: each.ticks[0].time)


def _late(run: Run) -> Run:
    """Only what came from its first fault on; of a calm run its second half."""
    calm = [tick for tick in run.ticks if run.calm(tick.time)]
    begin = run.span[0] if run.span else calm[len(calm) // 2].time
    return replace(run, ticks=tuple(tick for tick in run.ticks if tick.time >= begin))


def _print_failures(name: str, found: Evaluation) -> None:
    print(f"\n### Not told as it was: {name}\n")
    for verdict, words in found.failures():
        print(f"- {verdict.run}: {words}")


def _causes(verdict: Verdict) -> str:
    return " + ".join(sorted({cause for _, cause in verdict.truth}))


def public(file: Path, draws: int) -> None:
    """DBPA."""
    print("\n## DBPA\n")
    for line in dbpa.report(file, draws):
        print(f"- {line}", flush=True)


def speed() -> None:
    """A tick of many servers, some of which are sick, by the rules and by a trained model."""
    print(f"\n## Speed: one core, {len(CATALOGUE)} metrics\n")
    print("| servers | sick | judge | median, ms | p95, ms |\n|---|---|---|---|---|")
    for servers in (300, 1000):
        for sick in (0, servers // 20):
            for name, judge in (("rules", None), ("trained", _trained())):
                times = _ticks(servers, sick, judge)
                middle, tail = np.percentile(times, [50, 95])
                print(f"| {servers} | {sick} | {name} | {middle:.1f} | {tail:.1f} |", flush=True)
    costs = [_import_cost() for _ in range(5)]
    print(f"\nImporting diagnosis takes {min(costs):.0f} ms beyond NumPy, the best of five.")


USUAL = {"%": 20.0, "B": 2e8, "B/s": 2e5, "s": 0.004, "s/s": 0.2, "/s": 100.0, "": 8.0}
WARM, MEASURED = 40, 60


def _ticks(count: int, sick: int, judge: Judge | None) -> Floats:
    """Milliseconds of CPU time, each tick: others on the machine do not count."""
    dice, diagnoser, times = np.random.default_rng(0), Diagnoser(judge), []
    usual = np.array([USUAL[row.unit] for row in CATALOGUE])
    servers = tuple(
        Server(f"n{number}", f"n{number}:2881", f"zone{number % 3}", Status.UP, latency=0.01, age=0.0)
        for number in range(count)
    )
    slower = np.array([6.0 if row.unit == "s" else 1.0 for row in CATALOGUE])
    for tick in range(WARM + MEASURED):
        rows = usual * dice.lognormal(0, 0.05, (count, len(usual)))
        if tick >= WARM:
            rows[:sick] *= slower
        values: dict[Subject, Values] = {
            Subject(server.zone, server.name): row
            for server, row in zip(servers, rows.astype(np.float32), strict=True)
        }
        begun = time.process_time()
        diagnoser.feed(1e9 + tick, 1.0, servers, values)
        times.append(1e3 * (time.process_time() - begun))
    return np.array(times[WARM:])


def _trained() -> Judge:
    """Of made-up examples: what it says is of no matter here."""
    dice, found = np.random.default_rng(0), examples_of([])
    effects = dice.normal(size=(200, len(KINDS) * len(found.metrics)))
    causes = tuple(frozenset({f"cause{number % 13}"}) for number in range(200))
    names = tuple(map(str, range(200)))
    return live_judge(fit_examples(type(found)(found.metrics, effects, causes, names, names)))


def _import_cost() -> float:
    """Of all that the console needs to diagnose, with a model or without; compiled, as after any start."""
    code = "import time, numpy; t = time.process_time(); import distdiag_tui.learning.use; "
    code += "print(1e3 * (time.process_time() - t))"
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=usual)
    return float(ended.stdout)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "never" if value > 0 else "–"
    return f"{value:.0f}" if value == int(value) and value > 1 else f"{value:.3f}"


if __name__ == "__main__":
    main()
