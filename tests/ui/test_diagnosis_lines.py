"""What diagnosis shows, as lines: widths that hold, words that are true, plots that mark what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len
from staged import server
from staged_incidents import BEGAN, BLOCKER, CALM, LOCK_WAIT, NO_FIGURES, NOW, SICK, TPS, incident

from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import Event
from distdiag_tui.model.findings import Evidence, LoadChange
from distdiag_tui.model.marks import INJECTED, Mark
from distdiag_tui.model.metrics import METRIC_IDS, METRIC_INDEX
from distdiag_tui.model.snapshot import Snapshot, Values
from distdiag_tui.model.topology import Subject
from distdiag_tui.service.incident_board import IncidentBoard
from distdiag_tui.ui.calm import known_lines, score_lines
from distdiag_tui.ui.canvas import Line, Run, width_of
from distdiag_tui.ui.evidence import Span, Trace, band_of, heading, plot, title_line, traces
from distdiag_tui.ui.facts import fact_lines, wrapped
from distdiag_tui.ui.folding import folded, table, typed
from distdiag_tui.ui.glyphs import SHADE
from distdiag_tui.ui.health import health_of, incident_run
from distdiag_tui.ui.heat import heat_cell, hottest, influence_cell, stair, worst_first
from distdiag_tui.ui.incident_rows import detail_lines, evidence_words, incident_line, server_cells
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.status import status_line
from distdiag_tui.ui.story_text import head_lines, section_lines, statements, what_lines

LONG = "observer-eu-west-17.prod.example.com"
CHINESE = "服务器一号"
HOSTILE = "a\x1b[2J[b]b[/b]\u202e\tc" + "w" * 200
AWKWARD = (
    incident(facts=(BLOCKER,)),
    incident("unknown", LONG, evidence=(NO_FIGURES, LOCK_WAIT), confidence=math.nan, calibrated=False),
    incident("cpu_hog_sql", CHINESE, zone=CHINESE * 9, said=f"{CHINESE} " * 30, found=False, updated=NOW - 9),
    incident("nobody knows it", HOSTILE, said=HOSTILE, acknowledged=True, evidence=()),
    incident("node_down", "n1", state="resolved", ended=NOW - 5, since=NOW - 9e5, facts=(
        Fact("f", HOSTILE, NOW, ("a", "b"), ((CHINESE * 20, "1"), ("2",)), says=HOSTILE), Fact("g", "G", 0.0),
        Fact("h", "H", NOW, missing="no right to read GV$OB_LOCKS"))),
    incident("slow_sql", timeline=(Event(BEGAN, "note", f"{CHINESE} and I", "jo"),), fetching=True, probes=(
        Probe("obdiag x", NOW - 5, "running", tuple(f"line  {number}" for number in range(99))),
        Probe("obdiag y", NOW - 5, "failed", (HOSTILE,), NOW, trouble="it ended with 1"))),
)  # fmt: skip


def text(line: Line) -> str:
    """Of all its runs."""
    return "".join(run.text for run in line)


def words(lines: list[Line]) -> str:
    """Of all lines, without the breaks."""
    return " ".join(" ".join(map(text, lines)).split())


class Past:
    """A history in which every metric is its server's number, and of n2 it is ten from BEGAN on."""

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """The last hundred ticks are there."""
        last = int(NOW) if end is None else end
        ticks = np.arange(max(last - count, int(NOW) - 100) + 1, last + 1)
        values = np.full((len(METRIC_IDS), len(ticks)), float(subject.server[-1]), dtype=np.float32)
        if subject.server == "n2":
            values[:, ticks >= BEGAN] = 10
        return values

    def traces(self, subjects: Sequence[Subject], metric: int, count: int, end: int | None = None) -> Values:
        """The same."""
        return np.array([self.window(subject, count, end)[metric] for subject in subjects])


def snapshot(**known: object) -> Snapshot:
    """Three servers at NOW."""
    servers = tuple(server(f"n{number}", f"zone{number}") for number in (1, 2, 3))
    made = Snapshot(int(NOW), NOW, 1.0, "shop", servers, {}, Past(), diagnosis=SICK)
    return replace(made, **known)  # type: ignore[arg-type]


def scene(*views: object, **known: object) -> Scene:
    """With these incidents open."""
    return Scene(snapshot(**known), incidents=IncidentBoard(NOW, open=views))  # type: ignore[arg-type]


# -- widths -------------------------------------------------------------------------------------------------


def every_line(width: int) -> Iterator[Line]:
    """All that is drawn, of all that is awkward."""
    servers = server_cells(AWKWARD, width)
    for view in AWKWARD:
        yield incident_line(view, NOW, width, "", servers)
        yield from detail_lines(view, NOW, width, tips=True)
        yield from head_lines(view, NOW, width)
        yield from what_lines(view, width)
        for asks in (True, False):
            yield from section_lines(view, NOW, width, obdiag="", asks=asks)
        yield from (title_line(each, BEGAN, width) for each in view.incident.finding.evidence)
    for diagnosis in (None, CALM, SICK, replace(CALM, warm=0.3, scores={"n1": math.nan, "n3": 1.2})):
        yield from known_lines(snapshot(diagnosis=diagnosis), width, wrong=False)
        yield from score_lines(snapshot(diagnosis=diagnosis), width, 9)
    yield heading("Evidence", Span(NOW, 60, 1), [Mark(BEGAN, INJECTED, "x")], width)
    yield from stair(["one", CHINESE * 9, HOSTILE], 20, width)


@pytest.mark.parametrize("width", [38, 65, 66, 78, 156])
def test_every_line_is_as_wide_as_its_pane(width: int) -> None:
    wrong = {text(line): width_of(line) for line in every_line(width) if width_of(line) != width}
    assert not wrong
    assert all(text(line).isprintable() for line in every_line(width))


@pytest.mark.parametrize("width", [20, 80, 160])
def test_the_status_line_names_the_worst_incident(width: int) -> None:
    for view in AWKWARD:
        shown = scene(view, incident(), incident("slow_sql", "n1"))
        line = status_line(shown, width)
        assert width_of(line) == width
        assert text(line).split()[0] == "▲" or "▲" in text(line)
        assert "+2" in text(line) or width == 20
    assert text(status_line(scene(incident(), incident()), 80)).split("│")[0].split()[-2:] == [
        "22:14:08",
        "+1",
    ]


def test_the_status_line_says_what_all_servers_do() -> None:
    line = text(status_line(scene(diagnosis=replace(CALM, gathering=BEGAN)), 120))
    assert "│ gathering statistics" in line
    line = text(status_line(scene(diagnosis=replace(CALM, load_change=LoadChange(BEGAN, 2.1))), 120))
    assert "│ load change ×2.1" in line
    assert "gathering" not in line


def test_an_incident_needs_little_room_or_none() -> None:
    for room in range(4, 60):
        run = incident_run(scene(AWKWARD[1]), room)
        assert run is not None
        assert width_of((run,)) <= room
    assert incident_run(scene(), 40) is None
    calm = incident_run(scene(incident(acknowledged=True)), 60)
    assert calm == Run("▲ n2 Lock contention since 22:14:08", "muted")


# -- words --------------------------------------------------------------------------------------------------


def test_evidence_says_from_what_to_what_and_what_the_peers_have() -> None:
    assert evidence_words(LOCK_WAIT, 60) == "lock wait 0 → 2.90 s/s (peers 0)"
    assert evidence_words(LOCK_WAIT, 30) == "lock wait 0 → 2.90 s/s"
    assert evidence_words(TPS, 60) == "TPS 412 → 21.0 /s (peers 409 /s)"
    assert evidence_words(replace(TPS, before=0.5, now=4200.0), 20) == "TPS 0.50 /s → 4.20 k/s"
    assert evidence_words(replace(LOCK_WAIT, metric="answer_rt"), 60) == "answer time 0 → 2.90 s (peers 0)"
    assert evidence_words(NO_FIGURES, 60) == "not in the catalogue – → –"
    assert text(title_line(replace(LOCK_WAIT, since=BEGAN + 3), BEGAN, 78)).split() == [
        "lock", "wait", "0", "→", "2.90", "s/s", "+50", "σ", "0", "62", "%", "+3s"]  # fmt: skip


def test_a_confidence_that_is_not_calibrated_says_so() -> None:
    (line, _) = (
        incident_line(incident(calibrated=calibrated), NOW, 78, "", 2) for calibrated in (False, True)
    )
    assert "~97 %" in text(line)
    assert "~97 % not calibrated" in words(head_lines(incident(calibrated=False), NOW, 78))
    assert "not calibrated" not in words(head_lines(incident(), NOW, 78))


def test_the_story_holds_all_that_is_known() -> None:
    view = incident(
        said="3 s behind",
        facts=(BLOCKER, Fact("x", "Waits", NOW, missing="no right to read it"), Fact("y", "Recent DDL", NOW)),
        probes=(Probe("obdiag rca", NOW - 9, "failed", ("no such scene",), NOW - 3, trouble="exit 1"),),
        timeline=(Event(BEGAN, "opened", "97 %"), Event(NOW, "note", "called Jo", "ann")),
    )
    sections = section_lines(view, NOW, 78, obdiag="/usr/bin/obdiag", asks=True)
    told = words([*what_lines(view, 78), *sections])
    for expected in (
        "3 s behind", "or: Slow SQL 31 %", BLOCKER.says, "3221487731 3221487729 38 stock",
        "no right to read it",
        "Recent DDL at 22:14:49 nothing of the kind", view.cause.check[0],
        "obdiag rca: failed", "exit 1", "no such scene", "22:14:49 note: called Jo (ann)",
    ):  # fmt: skip
        assert expected in told, expected
    assert "cannot be asked" in words(section_lines(incident(), NOW, 78, obdiag="", asks=False))
    assert "not installed" in words(section_lines(incident(), NOW, 78, obdiag="", asks=True))


def test_statements_can_be_copied_as_they_are() -> None:
    sql = statements(incident())
    comments = [line for line in sql.splitlines() if line.startswith("-- ")]
    assert len(comments) == sql.count(";\n") + 1 == len(incident().looks) > 0
    assert "{" not in sql


@pytest.mark.parametrize(
    ("diagnosis", "said"),
    [
        (None, "diagnosis has not begun"),
        (CALM, "nothing is wrong watching 3 servers · about 0.1 false alarms an hour · model shop-3"),
        (replace(CALM, warm=0.6, false_alarms=math.nan, model=""),
         "learning what is usual: 60 % watching 3 servers · no trained model"),
        (replace(CALM, load_change=LoadChange(BEGAN, 2.1)), "nothing is wrong load change ×2.1 since 22"),
        (replace(CALM, gathering=BEGAN), "nothing is wrong gathering statistics since 22"),
        (replace(CALM, scores={"n1": 1.3, "n2": 4.0}), "△ n2: not as usual, no cause yet △ n1: not"),
    ],
)  # fmt: skip
def test_a_calm_pane_says_what_is_known(diagnosis: object, said: str) -> None:
    assert words(known_lines(snapshot(diagnosis=diagnosis), 78, wrong=False)).startswith(said)


def test_text_folds_at_words_and_tables_give_way_in_their_widest_column() -> None:
    assert folded("a bb ccc\ndddddddddd", 6) == ["a bb", "ccc", "dddddd", "dddd"]
    assert folded(CHINESE, 4) == ["服务", "器一", "号"]
    assert [text(line) for line in typed("a   b\n c", 6)] == ["a   b ", " c    "]
    assert [text(line) for line in table(("id", "text"), (("1", "a very long one"),), 12)] == [
        "id  text    ",
        "1   a v… one",
    ]


# -- plots --------------------------------------------------------------------------------------------------


def test_a_plot_is_red_out_of_its_band_and_marks_the_onset() -> None:
    evidence = Evidence("qps", 2.0, 10.0, 16.0, 2.0, 1.0, BEGAN + 5)
    low, high = band_of(evidence)
    assert 1 < low < 2 < high < 3
    span = Span(NOW, 60, 1)
    (trace,) = traces(snapshot(), Subject("zone2", "n2"), [evidence], span, 60)
    assert (trace.own[0], trace.own[-1], trace.peers[5]) == (2, 10, 2)  # the median of 1 and 3
    lines = plot(trace, span, BEGAN, 60, 4)
    onset = span.column(BEGAN, 60)
    assert onset == 18
    for line in lines:
        styles = "".join(run.style[:1] * len(run.text) for run in line)
        assert {style for style in styles[:onset] if style not in "bm"} <= {"s"}
        assert "s" not in styles[onset + 1 :]
    assert [text(line)[onset + 5] for line in lines[1:3]] == ["┊", "┊"]
    assert SHADE in text(lines[-1]) + text(lines[-2])
    (single,) = plot(trace, span, BEGAN, 60, 1)
    assert [run.style for run in single] == ["spark", "bad"]
    assert len(single[0].text) == onset


@pytest.mark.parametrize(
    "evidence", [NO_FIGURES, replace(LOCK_WAIT, deviation=0.0), replace(TPS, now=math.inf)]
)
@pytest.mark.parametrize("height", [1, 3])
def test_a_plot_of_nothing_known_is_drawn_all_the_same(evidence: Evidence, height: int) -> None:
    unknown = np.full(40, math.nan)
    for own in (unknown, np.zeros(40), np.where(np.arange(40) % 3 == 0, math.nan, 5.0)):
        lines = plot(Trace(evidence, own, unknown), Span(NOW, 60, 1), math.nan, 20, height)
        assert [width_of(line) for line in lines] == [20] * height
        assert "bad" not in {run.style for line in lines for run in line} or evidence.deviation == -18.4


def test_what_the_catalogue_does_not_know_has_no_past() -> None:
    assert "not in the catalogue" not in METRIC_INDEX
    (trace,) = traces(snapshot(), Subject("zone2", "n2"), [NO_FIGURES], Span(NOW, 60, 1), 10)
    assert np.isnan(trace.own).all()


# -- health and heat ----------------------------------------------------------------------------------------


def test_a_server_is_as_sick_as_its_incidents_say() -> None:
    n1, n2, _ = snapshot().servers
    assert health_of(scene(), n1) is None
    assert health_of(Scene(snapshot()), n1) is None
    assert health_of(scene(incident(), incident("slow_sql", since=BEGAN - 9)), n2) == ("▲", "bad", BEGAN - 9)
    assert health_of(scene(incident(acknowledged=True)), n2) == ("▲", "warn", BEGAN)
    assert health_of(scene(incident()), n1) is None
    assert health_of(scene(), n2) == ("△", "warn", NOW)  # its score is beyond its alarm
    changed = replace(SICK, load_change=LoadChange(NOW, 2))
    assert health_of(scene(diagnosis=changed), n2) is None


def test_the_worst_servers_and_the_hottest_causes_come_first() -> None:
    assert worst_first(SICK, snapshot()) == ["n2", "n1", "n3"]
    nearer = replace(SICK, scores={"n1": 0.31, "n2": 8.2, "n3": 0.6})
    assert worst_first(nearer, snapshot()) == ["n2", "n3", "n1"]
    assert hottest(SICK.heat) == ["lock_contention", "slow_sql"]
    assert hottest({("a", "x"): math.nan, ("a", "y"): 0.0}) == []
    shown = [heat_cell(value).text for value in (0.97, 0.31, 0.001, math.nan)]
    assert shown == ["█ 97 ", "▒ 31 ", " ·   ", " ·   "]
    assert [influence_cell(value).text for value in (1.0, -0.61)] == ["█100 ", "▓-61 "]


@pytest.mark.parametrize("said", [CHINESE * 4, f"{CHINESE} " * 3, f"lock {CHINESE * 3} wait"])
def test_a_fact_loses_no_word_that_has_room(said: str) -> None:
    lines = fact_lines([("note", said)], 30)
    assert [width_of(line) for line in lines] == [30] * len(lines)
    assert words(lines).removeprefix("note").replace(" ", "") == said.replace(" ", "")


@pytest.mark.parametrize("said", [CHINESE * 20, f"{CHINESE} " * 20, "lock wait " * 20])
def test_a_fact_that_is_cut_says_so(said: str) -> None:
    rows = wrapped(said, 20)
    assert len(rows) == 3
    assert all(cell_len(row) <= 20 for row in rows)
    assert rows[-1].endswith("…")


@pytest.mark.parametrize("width", [1, 2, 18, 40])
def test_marks_that_take_no_cell_can_stand_anywhere(width: int) -> None:
    rows = wrapped("connection refused \ufe0f by \u0301 peer", width)
    assert rows
    assert "".join(rows).replace("\ufe0f", "").strip()
