"""What the store packs away: close to what came in, whatever came in, and readable wherever it is kept."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Table, Values
from distdiag_tui.model.topology import Subject
from distdiag_tui.store import Store, past
from distdiag_tui.store.past import Past
from distdiag_tui.store.ring import BLOCK, SUBJECTS
from distdiag_tui.store.segment import PRECISION, Segment
from distdiag_tui.store.store import RECENT

WIDTH = len(METRIC_IDS)
MANY = SUBJECTS + 9  # two segments

single = st.floats(-(2.0**100), 2.0**100, width=32)
level = st.floats(0.125, 2.0**20, width=32)
series = st.one_of(
    st.lists(st.just(math.nan) | single, min_size=6, max_size=6),
    st.lists(st.sampled_from([0.0, math.nan, 3.0, 5.5, 11.9]), min_size=6, max_size=6),
    single.map(lambda value: [value] * 6),
    st.tuples(level, st.lists(st.floats(1, 3.875, width=32), min_size=6, max_size=6)).map(
        lambda drawn: [drawn[0] * factor for factor in drawn[1]]
    ),
)


def close(found: Values, wanted: Values) -> bool:
    """Within the precision that is promised; gaps and zeros are the same."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    there = ~np.isnan(wanted)
    error = np.abs(found[there].astype(float) - wanted[there])
    return bool((error <= PRECISION * np.abs(wanted[there].astype(float)) + 1e-38).all())


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(series, min_size=3, max_size=3), min_size=1, max_size=4), st.booleans(), st.booleans()
)
def test_a_segment_gives_back_what_went_in(table: list[list[list[float]]], exact: bool, moved: bool) -> None:
    values = np.array(table, dtype=np.float32)  # S, M, T
    segment = Segment(values.transpose(2, 0, 1), exact=exact)
    if moved:
        assert segment.data is not None
        data = segment.data.tobytes()
        segment.move(lambda offset, count: data[offset : offset + count])
    for row, wanted in enumerate(values):
        found = segment.window(row)
        assert close(found, wanted)
        assert not exact or np.array_equal(found, wanted, equal_nan=True)
    for metric in range(values.shape[1]):
        found = segment.metric(metric)
        np.testing.assert_array_equal(found, [segment.window(row)[metric] for row in range(len(values))])


def test_what_does_not_move_is_exact_and_takes_no_room() -> None:
    steady = np.broadcast_to(np.float32(1234567), (BLOCK, 50, WIDTH))
    gaps = np.full_like(steady, np.nan)
    for values, most in ((steady, 5), (gaps, 1)):
        segment = Segment(values, exact=False)
        np.testing.assert_array_equal(segment.window(7), values[:, 7].T)
        assert segment.size <= most * 50 * WIDTH


def test_what_moves_as_on_a_busy_server_takes_a_byte_a_tick() -> None:
    values = np.random.default_rng(0).lognormal(3, 0.1, (BLOCK, 50, WIDTH)).astype(np.float32)
    segment = Segment(values, exact=False)
    assert segment.size < 1.2 * values.size
    assert Segment(values, exact=True).size > 4 * values.size


# -- in a store -------------------------------------------------------------------------------------


def subjects(count: int) -> list[Subject]:
    return [Subject("z", f"n{number}") for number in range(count)]


def noise(count: int, ticks: int) -> Values:
    """(ticks, count, M), about as busy servers have it."""
    usual = np.random.default_rng(1).lognormal(3, 2, (1, count, WIDTH))
    moves = np.random.default_rng(2).lognormal(0, 0.2, (ticks, count, WIDTH))
    moves[:, :, ::3] = 1.0
    return np.asarray(usual * moves, dtype=np.float32)


def filled(store: Store, values: Values, present: NDArray[np.bool_] | None = None) -> Values:
    """All that was put in (n, S, M)."""
    index = {subject: row for row, subject in enumerate(subjects(values.shape[1]))}
    there = np.ones(values.shape[:2], dtype=np.bool_) if present is None else present
    for tick, rows in enumerate(values):
        store.append(tick, Table(index, np.where(there[tick, :, None], rows, np.nan), there[tick].copy()))
    return np.where(there[:, :, None], values, np.nan)


@pytest.mark.parametrize(("exact", "disk"), [(True, False), (False, False), (False, True)])
def test_an_hour_of_many_comes_back(monkeypatch: pytest.MonkeyPatch, exact: bool, disk: bool) -> None:
    monkeypatch.setattr(past, "EXACT", 10**9 if exact else 0)
    monkeypatch.setattr(past, "HELD", 0 if disk else 10**9)
    capacity, ticks = 200, 330
    present = np.random.default_rng(3).random((ticks, MANY)) < 0.97
    store = Store(capacity, plain=0)
    kept = filled(store, noise(MANY, ticks), present)[-capacity:]
    for number, subject in list(enumerate(subjects(MANY)))[::20]:
        found, wanted = store.window(subject, capacity), kept[:, number].T
        assert close(found, wanted)
        np.testing.assert_array_equal(found[:, -RECENT:], wanted[:, -RECENT:])
        assert np.array_equal(found, wanted, equal_nan=True) == exact
        paused = store.window(subject, 70, ticks - 50)
        np.testing.assert_array_equal(paused, found[:, -119:-49])
    several = [subjects(MANY)[number] for number in (3, 0, SUBJECTS + 5)]
    for count, end in ((capacity, None), (70, ticks - 50), (20, None), (999, ticks - 300)):
        wanted = np.stack([store.window(subject, count, end)[4] for subject in several])
        np.testing.assert_array_equal(store.traces([*several, Subject("unknown")], 4, count, end)[:3], wanted)
    assert np.isnan(store.traces([Subject("unknown")], 4, 30)).all()


def test_small_and_large_stores_give_the_same_traces() -> None:
    small, large = Store(100), Store(100, plain=0)
    for store in (small, large):
        filled(store, noise(5, 150))
    assert not close(small.window(subjects(5)[0], 90) + 1, large.window(subjects(5)[0], 90))
    assert close(large.traces(subjects(5), 7, 90), small.traces(subjects(5), 7, 90))


def test_a_cluster_that_grows_keeps_its_past() -> None:
    values = noise(6, 250)
    plain = 2 * 300 * 5 * WIDTH * 4  # five fit, six do not
    store = Store(300, plain)
    present = np.ones((250, 6), dtype=np.bool_)
    present[:150, 5] = present[:40, 4] = False
    wanted = filled(store, values, present)
    for number, subject in enumerate(subjects(6)):
        assert close(store.window(subject, 300), wanted[:, number].T)


@pytest.mark.parametrize("more", [40, 5])  # than there is room for, and within it
def test_new_subjects_while_a_block_is_packed_have_no_past(more: int) -> None:
    values, store = noise(SUBJECTS + more, 120), Store(300, plain=0)
    present = np.ones(values.shape[:2], dtype=np.bool_)
    present[:40, SUBJECTS - 5 :] = False  # the first block is packed by halves until tick 46
    wanted = filled(store, values, present)
    for number in (0, SUBJECTS - 6, SUBJECTS - 5, SUBJECTS, SUBJECTS + more - 1):
        assert close(store.window(subjects(number + 1)[number], 300), wanted[:, number].T)


@pytest.mark.parametrize("pause", [2, RECENT, RECENT + 1, 150, 10**6])
def test_a_pause_of_any_length_is_a_gap(pause: int) -> None:
    values, store = noise(4, 120), Store(400, plain=0)
    wanted = filled(store, values)
    index = {subject: row for row, subject in enumerate(subjects(4))}
    store.append(119 + pause, Table(index, values[0].copy(), np.ones(4, np.bool_)))
    gap = np.full((min(pause - 1, 400), 4, WIDTH), np.nan, dtype=np.float32)
    wanted = np.concatenate([wanted, gap, values[:1]])[-400:]
    for number, subject in enumerate(subjects(4)):
        assert close(store.window(subject, 400), wanted[:, number].T)


def test_little_is_done_in_any_one_tick() -> None:
    packed: list[int] = []

    class Counting(Past):
        def add(self, block: int, values: Values) -> None:
            packed[-1] += 1
            super().add(block, values)

    store = Store(200, plain=0)
    store._past = Counting(99)
    index = {subject: row for row, subject in enumerate(subjects(8 * SUBJECTS))}
    rows, there = np.zeros((8 * SUBJECTS, WIDTH), np.float32), np.ones(8 * SUBJECTS, np.bool_)
    for tick in range(3 * BLOCK):
        packed.append(0)
        store.append(tick, Table(index, rows.copy(), there.copy()))
    assert sum(packed) == 16
    assert max(packed) == 1


# -- the disk ---------------------------------------------------------------------------------------


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "EXACT", 0)
    monkeypatch.setattr(past, "HELD", 0)


def files() -> set[str]:
    """Names of open files that have been unlinked."""
    found = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return {name for name in found if "(deleted)" in name}


@pytest.mark.usefixtures("on_disk")
def test_what_is_on_disk_has_no_name_and_goes_with_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    before = files()
    monkeypatch.setattr("distdiag_tui.store.spool.FILE", 4000)
    store = Store(128, plain=0)
    filled(store, noise(3, 600))
    assert 1 < len(files() - before) < 12  # older ones have gone
    del store
    assert files() == before


@pytest.mark.usefixtures("on_disk")
def test_a_full_disk_costs_the_past_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(past, "ALONE", 3 * BLOCK * 4 * WIDTH)
    store = Store(600, plain=0)
    wanted = filled(store, noise(4, 500))
    found = store.window(subjects(4)[2], 600)
    known = ~np.isnan(found)
    assert close(np.where(known, found, np.nan), np.where(known, wanted[:, 2].T, np.nan))
    assert RECENT + BLOCK < known[0].sum() < 400
    assert known[0, -RECENT:].all()
    assert "No space left" in caplog.text
