"""Where things go: cards in the grid, parts of the lines at the edges, rows of the tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from staged_anomalies import NOW, injection

from distdiag_tui.model.metrics import CATALOGUE
from distdiag_tui.model.snapshot import Health, Snapshot, Values
from distdiag_tui.model.topology import Server, Status, Subject, Tenant
from distdiag_tui.service.anomaly_desk import Board
from distdiag_tui.service.desk import KindView
from distdiag_tui.ui.actions import KEY_BAR
from distdiag_tui.ui.canvas import width_of
from distdiag_tui.ui.metrics import CARD_WIDTH, GAP, Cell, lay_out
from distdiag_tui.ui.scene import Scene, worst_of
from distdiag_tui.ui.status import key_line, status_line
from distdiag_tui.ui.tree import Chosen, Node, tree
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.kinds import KINDS

# -- the grid of cards --------------------------------------------------------------------------------

SUBSETS = st.sets(st.integers(0, len(CATALOGUE) - 1)).map(sorted)
ALL = list(range(len(CATALOGUE)))


def rows_of(cell: Cell, card_height: int) -> list[tuple[int, int]]:
    """The (column, row) places that a cell takes."""
    return [(cell.column, cell.row + y) for y in range(1 if cell.metric is None else card_height)]


@given(SUBSETS, st.integers(40, 300), st.integers(10, 100))
@example(ALL, 40, 10)
@example(ALL, 160, 48)
@example(ALL, 300, 100)
@example([], 80, 24)
def test_every_metric_has_one_card_of_its_own(metrics: list[int], width: int, height: int) -> None:
    grid = lay_out(metrics, width, height)
    assert [card.metric for card in grid.cards] == metrics
    places = [place for cell in grid.cells for place in rows_of(cell, grid.card_height)]
    assert len(places) == len(set(places)), "cells overlap"
    assert all(0 <= column < grid.columns for column, _ in places)
    assert min((row for _, row in places), default=0) == 0
    assert grid.rows == max((row + 1 for _, row in places), default=0)


@given(SUBSETS, st.integers(40, 300), st.integers(10, 100))
@example(ALL, 80, 24)
def test_a_heading_stands_right_above_its_first_card(metrics: list[int], width: int, height: int) -> None:
    cells = lay_out(metrics, width, height).cells
    for heading, card in pairwise((*cells, Cell(None, "", 0, 0))):
        if heading.metric is None and heading.group:
            assert card.metric is not None
            assert CATALOGUE[card.metric].group == heading.group
            assert (card.column, card.row) == (heading.column, heading.row + 1)


@given(SUBSETS, st.integers(40, 300), st.integers(10, 100))
def test_every_group_has_one_heading_and_its_cards_below(metrics: list[int], width: int, height: int) -> None:
    cells = lay_out(metrics, width, height).cells
    headings = [cell.group for cell in cells if cell.metric is None]
    assert headings == list(dict.fromkeys(CATALOGUE[metric].group for metric in metrics))
    under = ""
    for cell in cells:
        under = cell.group if cell.metric is None else under
        assert cell.group == under
        assert cell.metric is None or CATALOGUE[cell.metric].group == under


@given(SUBSETS, st.integers(40, 300), st.integers(10, 100))
@example(ALL, 300, 100)
def test_cards_have_room(metrics: list[int], width: int, height: int) -> None:
    grid = lay_out(metrics, width, height)
    assert (width - GAP * (grid.columns - 1)) // grid.columns >= CARD_WIDTH
    assert grid.card_height == 1 or grid.rows <= height, "only single rows are scrolled through"
    assert 1 <= grid.card_height <= 3


@given(SUBSETS, st.integers(40, 300), st.integers(10, 100))
def test_more_height_never_makes_cards_lower(metrics: list[int], width: int, height: int) -> None:
    assert lay_out(metrics, width, height + 1).card_height >= lay_out(metrics, width, height).card_height


# -- the lines at the top and at the bottom -----------------------------------------------------------


class NoPast:
    """A history of which nothing is known."""

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """No tick at all."""
        return np.empty((len(CATALOGUE), 0), dtype=np.float32)

    def traces(self, subjects: Sequence[Subject], metric: int, count: int, end: int | None = None) -> Values:
        """The same."""
        return np.empty((len(subjects), 0), dtype=np.float32)


NAMES = st.text(st.sampled_from("ab-1你é\x1b\n"), min_size=1, max_size=40)
AGES = st.one_of(st.none(), st.floats(0, 1e7))
SERVERS = st.builds(
    Server,
    name=NAMES,
    address=NAMES,
    zone=st.sampled_from(["zone1", "zone2", "区"]),
    status=st.sampled_from(Status),
    product=st.one_of(st.just(""), NAMES),
    age=AGES,
    tenants=st.lists(st.builds(Tenant, st.integers(1, 9), NAMES), max_size=2).map(tuple),
)
SNAPSHOTS = st.builds(
    Snapshot,
    tick=st.just(1000),
    time=st.just(1e9),
    interval=st.sampled_from([0.5, 1.0, 5.0]),
    cluster=NAMES,
    servers=st.lists(SERVERS, min_size=1, max_size=5).map(tuple),
    values=st.just({}),
    history=st.just(NoPast()),
    health=st.builds(Health, st.floats(0, 100), st.integers(0, 10**9), st.integers(0, 10**9)),
    production=st.booleans(),
)
SCENES = st.builds(Scene, st.one_of(st.none(), SNAPSHOTS), paused=st.booleans())


def small_cluster(**changes: object) -> Snapshot:
    """Two zones of two servers; the keywords change the server n3."""
    servers = [
        Server(f"n{i}", f"10.0.0.{i}:2881", f"zone{(i + 1) // 2}", Status.UP, tenants=(Tenant(1, "sys"),))
        for i in range(1, 5)
    ]
    servers[2] = replace(servers[2], **changes)  # type: ignore[arg-type]
    return Snapshot(1000, 1e9, 1.0, "demo", tuple(servers), {}, NoPast())


def words(scene: Scene, width: int) -> str:
    """The text of the status line."""
    return "".join(run.text for run in status_line(scene, width))


def a_load(text: str) -> KindView:
    """A workload that has failed with these words."""
    run = RunRecord("oltp-1", "oltp", "demo", (), ("run",), {}, 1.0, phase="failed", message=text)
    return KindView(KINDS[0], run=run)


@given(SCENES, st.one_of(st.just(""), NAMES), st.integers(20, 300))
def test_the_status_line_is_exactly_as_wide_as_the_terminal(scene: Scene, load: str, width: int) -> None:
    scene = replace(scene, workloads=(a_load(load),) if load else ())
    assert width_of(status_line(scene, width)) == width


@given(SNAPSHOTS, st.integers(20, 300))
def test_the_worst_server_is_the_last_thing_to_go(snapshot: Snapshot, width: int) -> None:
    shown = [run for run in status_line(Scene(snapshot), width) if run.text.strip()]
    worst = worst_of(snapshot)
    if worst.status.severity:
        assert any(run.text[0] in "◐◒○⊘✖" for run in shown)
    else:
        assert any(run.text.endswith(f"{len(snapshot.servers)} up") for run in shown)


@given(SNAPSHOTS, st.sampled_from(["", "a notice " * 9]), st.booleans(), st.integers(80, 300))
def test_what_is_injected_survives_at_80_columns(
    snapshot: Snapshot, notice: str, paused: bool, width: int
) -> None:
    record = injection("network_bottleneck", "a-server-with-a-long-name", phase="stuck", message="x" * 99)
    board = Board(NOW, active=(record, injection()))
    scene = Scene(snapshot, paused=paused, notice=notice, workloads=(a_load("no disk"),), board=board)
    line = status_line(scene, width)
    assert width_of(line) == width
    assert any("↯ 2" in run.text and "STUCK" in run.text and run.style == "bad" for run in line)


def test_a_wide_status_line_tells_everything() -> None:
    snapshot = replace(
        small_cluster(status=Status.UNREACHABLE, age=75.0, product="OceanBase 4.3"),
        production=True,
        health=Health(0.0123, 10, 7),
    )
    scene = Scene(snapshot, paused=True, workloads=(a_load("no disk"),))
    text = words(scene, 200)
    for part in ("distdiag", "demo", "PRODUCTION", "✖ n3 unreachable 1m15s", "OceanBase 4.3",
                 "oltp failed: no disk", "PAUSED", "stale 1m15s", "tick 12.3 ms", "dropped 7"):  # fmt: skip
        assert part in text


def test_a_narrow_status_line_keeps_what_matters() -> None:
    snapshot = replace(small_cluster(status=Status.SLOW), production=True)
    text = words(Scene(snapshot, paused=True), 34)
    assert "n3 slow" in text
    assert "PRODUCTION" in text
    assert "distdiag" not in text
    assert "dropped" not in text


@given(st.lists(st.tuples(NAMES, NAMES), max_size=12), st.integers(20, 300))
@example(list(KEY_BAR), 20)
@example(list(KEY_BAR), 80)
def test_the_key_line_never_exceeds_the_terminal(keys: list[tuple[str, str]], width: int) -> None:
    line = key_line(keys, width)
    assert width_of(line) <= width
    shown = len(line) // 2
    assert [run.text.strip(" ") for run in line] == [t.strip(" ") for pair in keys[:shown] for t in pair]
    if shown < len(keys):
        assert width_of(line) + sum(cell_len(text) for text in keys[shown]) + 3 > width


# -- the tree -----------------------------------------------------------------------------------------


def toggled_by(subjects: Iterable[Subject]) -> Chosen:
    """Of a small cluster: servers start closed, all else open."""
    return {(subject, ""): bool(subject.server) for subject in subjects}


def outline(nodes: list[Node]) -> list[str]:
    """Names of the rows, indented as shown."""
    return [" " * node.depth + node.name for node in nodes]


ZONE1, ZONE2 = Subject("zone1"), Subject("zone2")
N3 = Subject("zone2", "n3")
CLOSED = ["demo", " zone1", "  n1", "  n2", " zone2", "  n3", "  n4"]


@pytest.mark.parametrize(
    ("toggled", "text", "expected"),
    [
        ((), "", CLOSED),
        ((Subject(),), "", ["demo"]),
        ((Subject(),), "n3", ["demo"]),
        ((ZONE1,), "", ["demo", " zone1", " zone2", "  n3", "  n4"]),
        ((N3,), "", [*CLOSED[:6], "   sys", "  n4"]),
        ((N3, ZONE2), "", CLOSED[:5]),
        ((), "N3", ["demo", " zone2", "  n3"]),
        ((N3,), "n3", ["demo", " zone2", "  n3", "   sys"]),
        ((), "zone1", CLOSED[:4]),
        ((), "10.0.0.4", ["demo", " zone2", "  n4"]),
        ((), "slow", ["demo", " zone2", "  n3"]),
        ((ZONE2,), "slow", ["demo", " zone2"]),
        ((), "nothing like it", ["demo"]),
    ],
)
def test_the_tree_shows_what_is_open_and_matches(
    toggled: tuple[Subject, ...], text: str, expected: list[str]
) -> None:
    snapshot = small_cluster(status=Status.SLOW)
    assert outline(tree(snapshot, toggled_by(toggled), text)) == expected


def test_marks_of_the_tree_say_what_can_be_opened() -> None:
    snapshot = small_cluster(tenants=())
    opened = {node.name: node.open for node in tree(snapshot, toggled_by({ZONE1, Subject("zone2", "n4")}))}
    assert opened == {"demo": True, "zone1": False, "zone2": True, "n3": None, "n4": True, "sys": None}


@given(SNAPSHOTS, st.data())
def test_every_row_of_the_tree_has_its_parents_above_it(snapshot: Snapshot, data: st.DataObject) -> None:
    subjects = [Subject(), *(Subject(s.zone, s.name) for s in snapshot.servers)]
    subjects += [Subject(zone) for zone in snapshot.zones]
    toggled = frozenset(data.draw(st.sets(st.sampled_from(subjects))))
    nodes = tree(snapshot, toggled_by(toggled), data.draw(st.sampled_from(["", "a", "up", "区", "zzz"])))
    assert (nodes[0].subject, nodes[0].depth) == (Subject(), 0)
    path: list[Node] = []
    for node in nodes:
        assert node.depth <= len(path), "a row is at most one deeper than the row above"
        path[node.depth :] = [node]
        assert all(parent.open for parent in path[:-1])
        fields = (node.subject.zone, node.subject.server, node.subject.tenant)
        assert [bool(name) for name in fields] == [depth < node.depth for depth in range(3)]
    opened = {node.subject for node in nodes if node.open and node.depth != 2}
    assert not opened & toggled
