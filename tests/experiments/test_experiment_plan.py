"""From a TOML file to cells in their order, and what is said of a file that is wrong."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.config.experiment import load_experiment
from distdiag_tui.experiments.folder import Folder
from distdiag_tui.experiments.plan import Cell, Plan, Setting, in_order, name_of
from distdiag_tui.model.errors import ConfigError, RecordingError

SERVERS = ("n1", "n2", "n3")

MATRIX = """
name = "matrix"
repetitions = 2
seed = 3
calm = "20s"
fault = "1m"

[[workload]]
name = "coupled"
kind = "oltp"
options = { mode = "coupled", rate = 60 }

[[workload]]
kind = "tpcc"

[[cell]]
anomaly = ["cpu_stress", "node_hang"]
target = "each"
severity = ["low", "high"]

[[cell]]
anomaly = "none"
workload = []
calm = "5m"
repetitions = 3

[[cell]]
change = { threads = 32, rate = 120.5 }
workload = "coupled"
fault = 30

[[cell]]
name = "two at once"
compound = [
  { anomaly = "cpu_stress", target = ["n1", "n3"], severity = "low" },
  { anomaly = "node_hang", target = "n2", start = "50s", duration = "20s" },
]
workload = "tpcc"
"""


def plan_of(folder: Path, text: str) -> Plan:
    file = folder / "some.toml"
    file.write_text(text)
    return load_experiment(file, "lab", SERVERS)


def test_a_matrix_becomes_cells(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, MATRIX)
    assert (plan.name, plan.cluster, plan.interval, plan.settle) == ("matrix", "lab", 1.0, 10.0)
    assert plan.workloads == (
        Setting("coupled", "oltp", {"mode": "coupled", "rate": 60.0}),
        Setting("tpcc", "tpcc", {}),
    )
    cells = {cell.id: cell for cell in plan.cells}
    assert len(cells) == len(plan.cells) == 2 * 2 * 3 * 2 * 2 + 3 + 2 + 2
    assert cells["cpu_stress-n3-low-tpcc-r2"] == Cell(
        "cpu_stress-n3-low-tpcc-r2", "tpcc", 20, 60, 30, 2, (Dose("cpu_stress", "n3", "low", 60.0),)
    )
    quiet, change = cells["none-r3"], cells["change-threads32-rate120.5-coupled-r1"]
    assert (quiet.event, quiet.workload, quiet.calm, quiet.doses) == ("none", "", 300, ())
    assert (change.event, change.change, change.fault) == ("change", {"threads": 32, "rate": 120.5}, 30)
    two = cells["two.at.once-tpcc-r1"]
    assert two.doses == (
        Dose("cpu_stress", "n1", "low", 60.0),
        Dose("cpu_stress", "n3", "low", 60.0),
        Dose("node_hang", "n2", "medium", 20.0, 50.0),
    )
    assert (two.event, two.fault) == ("fault", 70)


def test_a_scenario_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'name = "both"\n[[inject]]\nanomaly = "node_hang"\ntarget = ["n1", "n2"]\n'
    )
    (cell,) = plan_of(tmp_path, '[[cell]]\nscenario = "s.toml"\n').cells
    assert (cell.id, cell.fault, [dose.server for dose in cell.doses]) == ("both-r1", 60, ["n1", "n2"])


def test_the_order_is_shuffled_by_the_seed_and_changes_the_workload_rarely(tmp_path: Path) -> None:
    plans = {seed: plan_of(tmp_path, MATRIX.replace("seed = 3", f"seed = {seed}")) for seed in range(4)}
    assert plan_of(tmp_path, MATRIX) == plans[3]
    orders = {tuple(cell.id for cell in plan.cells) for plan in plans.values()}
    assert len(orders) == 4
    assert len({frozenset(order) for order in orders}) == 1
    for plan in plans.values():
        assert [cell.repetition for cell in plan.cells] == sorted(cell.repetition for cell in plan.cells)
        stays = Counter(before.workload == after.workload for before, after in pairwise(plan.cells))
        assert stays[False] == 2 + 2 + (plan.cells[-2].workload != "")  # but one cell in the third
        middle = [cell.id for cell in plan.cells if cell.repetition == 1 and "-coupled" in cell.id]
        assert middle != sorted(middle)


def test_the_time_of_a_plan_counts_the_starts_of_workloads() -> None:
    def cell(name: str, workload: str) -> Cell:
        return Cell(name, workload, 10, 20, 5, 1)

    cells = (cell("a", "x"), cell("b", "x"), cell("c", ""), cell("d", "x"))
    assert Plan("p", "lab", 1.0, 7.0, (), cells).seconds == 4 * 35 + 2 * 7


def test_names_are_those_of_folders() -> None:
    assert name_of("../x y", ["10.0.0.1:2881", ""], "", 1) == "x.y-10.0.0.1.2881-r1"
    with pytest.raises(ConfigError, match="two cells are called a-r1: give one of them a name of its own"):
        in_order([Cell("a-r1", "", 1, 1, 1, 1)] * 2, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cell: Field required"),
        ("cell = []", "cell: List should have at least 1 item after validation, not 0"),
        ("x = ", "cannot read"),
        ("[[cell]]\n", "cell.0: give one of anomaly, compound, scenario and change"),
        ('[[cell]]\nanomaly = "none"\nchange = { rate = 1 }', "cell.0: give one of anomaly, compound"),
        ('[[cell]]\nanomaly = "none"\nfaults = 3', "cell.0.faults: Extra inputs are not permitted"),
        ('[[cell]]\nanomaly = "none"\ncalm = "long"', "cell.0.calm: a time is such as 45s"),
        ('calm = -1\n[[cell]]\nanomaly = "none"', "calm: a time is such as 45s, 2m or 1h30m, not '-1'"),
        ('[[cell]]\nanomaly = "gremlins"', "there is no anomaly 'gremlins'"),
        ('[[cell]]\nanomaly = "node_hang"\nseverity = "mild"', "cell.0.severity.0: Input should be 'low'"),
        ('[[cell]]\nanomaly = "none"\nworkload = "x"', "no workload 'x' here; there are: none"),
        ("[[cell]]\nchange = { threads = 4 }", "change: without a workload there is no load to change"),
        (
            "[[cell]]\nchange = { users = 4 }",
            "cell.0.change.users.[key]: Input should be",
        ),
        ('[[workload]]\nkind = "oltp"\n[[cell]]\nchange = { threads = 0 }', "--threads takes 1 to 1,024"),
        ('[[cell]]\nscenario = "gone.toml"', "gone.toml"),
        ('[[cell]]\nanomaly = "none"\n[[cell]]\nanomaly = "none"', "two cells are called none-r1"),
        ('[[workload]]\nkind = "x"\n[[cell]]\nanomaly = "none"', "'x'"),
        ('[[workload]]\nkind = "oltp"\noptions = { time = 5 }\n[[cell]]\nanomaly = "none"', "time: how long"),
        (
            '[[workload]]\nkind = "oltp"\noptions = { rows = 1 }\n[[cell]]\nanomaly = "none"',
            "--rows takes 100",
        ),
        ('[[workload]]\nkind = "oltp"\n[[workload]]\nkind = "oltp"\n[[cell]]\nanomaly = "none"', "same name"),
        ('name = "../x"\n[[cell]]\nanomaly = "none"', "name: String should match pattern"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        plan_of(tmp_path, text)
    assert words in str(wrong.value)
    assert str(tmp_path / "some.toml") in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_folder_keeps_to_its_plan(tmp_path: Path) -> None:
    folder, plan = Folder(tmp_path / "out"), plan_of(tmp_path, MATRIX)
    with pytest.raises(RecordingError, match="there is no experiment in"):
        folder.plan()
    with folder.held():
        folder.begin(plan)
        with pytest.raises(RecordingError, match="another process is at work on"), folder.held():
            pass
    folder.begin(plan_of(tmp_path, MATRIX))
    assert [cell["id"] for cell in folder.plan()["cells"]] == [cell.id for cell in plan.cells]
    text = MATRIX.replace('calm = "20s"', 'calm = "21s"').replace("rate = 60", "rate = 61")
    with pytest.raises(RecordingError, match=r"another plan \(workloads, cells differ\): give another --out"):
        folder.begin(plan_of(tmp_path, text))
    assert not folder.done("none-r1")
