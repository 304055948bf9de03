"""`distdiag anomaly`: what it prints, what it refuses, and that a dry run does nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import LiveLab
from sick import command, dirt, frozen, until

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.anomalies.injection import Injections
from distdiag_tui.cli import main
from distdiag_tui.config.resolve import profiles_file
from distdiag_tui.model.metrics import METRIC_IDS

STRESS = ("inject", "cpu_stress", "lab")
FOREVER = "127.0.0.1:9"  # nobody listens there


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of `distdiag anomaly …` in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["distdiag", "anomaly", *words])
        with pytest.raises(SystemExit) as left:
            main()
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def profile(text: str) -> None:
    file = profiles_file()
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_every_entry_of_the_catalogue_can_be_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "catalog")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [entry.id for entry in CATALOGUE]
    for entry in CATALOGUE:
        code, out, _ = answer(capsys, "catalog", entry.id)
        assert code == 0
        assert entry.cause in out
        assert entry.risk in out
        assert {"low", "medium", "high"} <= set(out.split())


def test_the_catalogue_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = answer(capsys, "catalog", "--json")
    document = json.loads(out)
    assert document["schema"] == "distdiag.anomalies/1"
    for entry in document["anomalies"]:
        assert {symptom["metric"] for symptom in entry["symptoms"]} <= set(METRIC_IDS)
        for means in entry["means"]:
            assert list(means["levels"]) == ["low", "medium", "high"]
            assert not any("{" in words for words in means["words"].values())


def test_a_dry_run_prints_signals_and_statements_and_does_nothing(
    lab_env: LiveLab, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("inject", "node_hang,io_bottleneck", "lab", "--target", "n1,n2", "--start", "5s", "--dry-run")
    code, out, _ = answer(capsys, *words)
    assert code == 0
    assert out.count("kill -STOP") == 2
    assert out.count("fdatasync") == 2
    assert "node_hang→n2 medium for 1m00s, 5s from now:" in out
    _, out, _ = answer(capsys, *words, "--json")
    plans = [json.loads(line) for line in out.splitlines()]
    assert [(plan["anomaly"], plan["server"]) for plan in plans] == [
        ("node_hang", "n1"), ("node_hang", "n2"), ("io_bottleneck", "n1"), ("io_bottleneck", "n2"),
    ]  # fmt: skip
    assert all(plan["plan"] for plan in plans)
    assert Injections().records() == []
    assert dirt(lab_env) == []


def test_followed_to_its_end_in_json(lab_env: LiveLab) -> None:
    with command("inject", "node_hang", "lab", "-t", "n1", "--duration", "1s", "--json") as process:
        out, err = process.communicate(timeout=30)
    records = [json.loads(line) for line in out.splitlines()]
    assert (process.returncode, err) == (0, "")
    assert {record["schema"] for record in records} == {"distdiag.injection/1"}
    assert records[-1]["phase"] == "ended"
    assert records[-1]["reverted"] > records[-1]["applied"]


def test_detached_it_is_listed_and_stopped_by_another_command(
    lab_env: LiveLab, capsys: pytest.CaptureFixture[str]
) -> None:
    with command("inject", "node_hang", "lab", "-t", "n2", "--duration", "60s", "-d") as process:
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "active" in out
    until(lambda: frozen(lab_env, "n2"))  # its threads take a while to stop
    code, out, _ = answer(capsys, "list")
    assert code == 0
    assert "node_hang" in out
    code, out, _ = answer(capsys, "stop-all", "--json")
    assert (code, json.loads(out)["phase"]) == (0, "ended")
    assert not frozen(lab_env, "n2")
    code, out, _ = answer(capsys, "list", "--json")
    assert code == 0
    assert json.loads(out)["injections"][0]["why"] == "it was stopped"
    assert answer(capsys, "stop-all")[:2] == (0, "nothing is injected\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("inject",), "what? Name an anomaly"),
        (("inject", "cpu_stres", "lab"), "there is no anomaly 'cpu_stres'; there are: cpu_stress, "),
        (STRESS, "on which server?; there are: n1, n2, n3"),
        ((*STRESS, "-t", "n9"), "there is no server 'n9' in lab; there are: n1, n2, n3"),
        ((*STRESS, "-t", "n1", "-s", "huge"), "severity is low, medium or high, not 'huge'"),
        ((*STRESS, "-t", "n1", "--duration", "601s"), "an injection lasts 1 to 600 s"),
        ((*STRESS, "-t", "n1", "--duration", "soon"), "a time is such as 45s, 2m or 1h30m"),
        ((*STRESS, "-t", "n1", "--injector", "sql"), "cpu_stress is made with signals or stress-ng"),
        (("inject", "--scenario", "/nowhere.toml"), "cannot read /nowhere.toml"),
        (("catalog", "rain"), "there is no anomaly 'rain'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_a_line(
    lab_env: LiveLab, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    code, out, err = answer(capsys, *words)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert Injections().records() == []


@pytest.mark.parametrize(
    "more",
    [
        ("lab", "lab"),
        ("-t", "n1"),
        ("-s", "low"),
        ("--duration", "1s"),
        ("--start", "0s"),
        ("--injector", "sql"),
    ],
)
def test_a_scenario_says_all_of_what_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, more: tuple[str, ...]
) -> None:
    file = tmp_path / "one.toml"
    file.write_text('[[inject]]\nanomaly = "node_hang"\ntarget = "n1"\n')
    code, out, err = answer(capsys, "inject", "--scenario", str(file), *more)
    assert (code, out) == (2, "")
    assert "with --scenario the file says all of what is made; only a cluster can be named" in err


def test_an_unknown_injection_cannot_be_stopped(lab_env: LiveLab, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, "stop", "node_hang-0000")
    assert code == 1
    assert "there is no injection 'node_hang-0000'; going on: none" in err


@pytest.mark.parametrize("allowed", ["true", "false"])
def test_production_is_refused_whatever_else_is_said(
    capsys: pytest.CaptureFixture[str], allowed: str
) -> None:
    profile(f'[profile.shop]\nservers = ["{FOREVER}"]\nproduction = true\nallow_anomalies = {allowed}\n')
    for dry in ([], ["--dry-run"]):
        code, out, err = answer(capsys, "inject", "slow_sql", "shop", *dry)
        assert (code, out) == (2, "")
        assert "shop is a production cluster: nothing is injected there" in err
    assert Injections().records() == []


@pytest.mark.parametrize("cluster", ["staging", FOREVER])
def test_a_cluster_has_to_allow_it(capsys: pytest.CaptureFixture[str], cluster: str) -> None:
    profile(f'[profile.staging]\nservers = ["{FOREVER}"]\n')
    code, out, err = answer(capsys, "inject", "slow_sql", cluster)
    assert (code, out) == (2, "")
    assert "only once its profile says allow_anomalies = true" in err


def test_a_cluster_that_allows_it_has_no_processes_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    profile(f'[profile.staging]\nservers = ["{FOREVER}"]\nallow_anomalies = true\n')
    code, _, err = answer(capsys, "inject", "io_bottleneck", "staging", "--injector", "disk")
    assert code == 2
    assert "disk is not for staging: it needs" in err


def test_the_longest_time_is_the_configuration_s(
    capsys: pytest.CaptureFixture[str], lab_env: LiveLab
) -> None:
    profile("longest_anomaly = 20\n")
    code, _, err = answer(capsys, "inject", "node_hang", "lab", "-t", "n1", "--duration", "21s")
    assert code == 2
    assert "an injection lasts 1 to 20 s (longest_anomaly), not 21" in err


def test_a_scenario_from_a_file(lab_env: LiveLab, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "both.toml"
    file.write_text(
        '[[inject]]\nanomaly = "node_hang"\ntarget = ["n1", "n2"]\nduration = "2s"\n'
        '[[inject]]\nanomaly = "io_bottleneck"\ntarget = "n3"\nseverity = "low"\nstart = 1\nduration = 1\n'
    )
    with command("inject", "--scenario", str(file), "lab") as process:
        _, err = process.communicate(timeout=40)
    assert err == ""
    records = {record.label: record for record in Injections().records()}
    assert {record.phase for record in records.values()} == {"ended"}
    assert {record.scenario for record in records.values()} == {"both"}
    first, last = records["node_hang→n1"], records["io_bottleneck→n3"]
    assert last.begins - first.begins == pytest.approx(1.0)
    assert (last.applied or 0) >= last.begins
    assert dirt(lab_env) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "inject: Field required"),
        ("inject = []", "inject: List should have at least 1 item"),
        ('[[inject]]\nanomaly = "rain"', "there is no anomaly 'rain'"),
        ('[[inject]]\nanomaly = "slow_sql"\nseverity = "huge"', "inject.0.severity: Input should be 'low'"),
        ('[[inject]]\nanomaly = "slow_sql"\nduration = "soon"', "a time is such as"),
        ('[[inject]]\nanomaly = "slow_sql"\ntagret = "n1"', "inject.0.tagret: Extra inputs"),
        ("[[inject", "cannot read"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_said_with_its_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    code, _, err = answer(capsys, "inject", "--scenario", str(file))
    assert code == 2
    assert str(file) in err
    assert complaint in err
