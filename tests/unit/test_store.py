"""The ring against a plain list of columns."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Values
from distdiag_tui.model.topology import Subject
from distdiag_tui.store import Store
from distdiag_tui.store.store import PLAIN

CLUSTER, ZONE, SERVER = SUBJECTS = (Subject(), Subject("z1"), Subject("z1", "n1"))


def column(number: float) -> Values:
    return np.full(len(METRIC_IDS), number, dtype=np.float32)


def seen(store: Store, subject: Subject = CLUSTER, count: int = 99, end: int | None = None) -> list[float]:
    """The first metric of a window; -1 stands for a gap."""
    row = store.window(subject, count, end)[0]
    return [-1.0 if math.isnan(number) else float(number) for number in row]


def filled(capacity: int, ticks: range) -> Store:
    store = Store(capacity)
    for tick in ticks:
        store.append(tick, {CLUSTER: column(tick)})
    return store


@pytest.mark.parametrize("plain", [PLAIN, 0])
def test_who_is_gone_for_long_makes_room_for_others(plain: int) -> None:
    store = Store(100, plain)
    pods = [Subject("z1", f"n{number}") for number in range(40)]
    for tick in range(40 * 20):  # each lives for 20 ticks
        store.append(tick, {CLUSTER: column(tick), pods[tick // 20]: column(tick)})
        known = [seen(store, pod)[-20:] for pod in pods]
        assert known[tick // 20][-(tick % 20 + 1) :] == list(range(tick // 20 * 20, tick + 1))
    assert len(store._rows) == store._ring.subjects < 10
    assert seen(store, pods[0]) == []
    assert seen(store, pods[-2], 100) == [*[-1] * 60, *range(760, 780), *[-1] * 20]
    store.append(800, {CLUSTER: column(800), pods[0]: column(5), pods[-1]: column(6)})
    assert (seen(store, pods[0], 2), seen(store, pods[-1], 2)) == ([-1, 5], [799, 6])


@pytest.mark.parametrize("last", [3, 7, 8, 9, 16, 17, 1000])
def test_the_newest_are_kept_in_order(last: int) -> None:
    store = filled(8, range(last))
    assert seen(store) == list(range(max(0, last - 8), last))
    assert seen(store, count=2) == [last - 2, last - 1]
    assert store.length == min(8, last)


def test_a_window_is_a_read_only_view_of_the_ring() -> None:
    store = filled(8, range(20))
    window = store.window(CLUSTER, 8)
    assert window.base is not None
    assert np.shares_memory(window, store.window(CLUSTER, 3))
    assert window.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        window[0, 0] = 1


def test_asking_for_a_long_window_copies_nothing() -> None:
    store = filled(3600, range(3600))
    tracemalloc.start()
    try:
        for _ in range(100):
            store.window(CLUSTER, 3600)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def test_ticks_left_out_are_gaps() -> None:
    store = filled(8, range(2))
    store.append(4, {CLUSTER: column(4)})
    assert seen(store) == [0, 1, -1, -1, 4]


def test_a_pause_longer_than_the_ring_leaves_only_gaps() -> None:
    store = filled(8, range(20))
    store.append(10**9, {CLUSTER: column(5)})
    assert seen(store) == [-1] * 7 + [5]


@pytest.mark.parametrize("again", [19, 12])
def test_the_same_or_an_earlier_tick_overwrites_the_newest(again: int) -> None:
    store = filled(8, range(20))
    store.append(again, {CLUSTER: column(77)})
    assert seen(store) == [12, 13, 14, 15, 16, 17, 18, 77]
    store.append(20, {CLUSTER: column(20)})
    assert seen(store, count=3) == [18, 77, 20]


@pytest.mark.parametrize("before", [1, 5, 30])
def test_one_who_comes_late_has_no_past(before: int) -> None:
    store = filled(8, range(before))
    store.append(before, {CLUSTER: column(1), SERVER: column(2)})
    assert seen(store, SERVER) == [-1] * min(before, 7) + [2]


def test_one_who_leaves_has_gaps_and_may_return() -> None:
    store = filled(8, range(2))
    store.append(2, {ZONE: column(9)})
    store.append(3, {CLUSTER: column(3)})
    assert seen(store) == [0, 1, -1, 3]
    assert seen(store, ZONE) == [-1, -1, 9, -1]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (19, [17, 18, 19]),
        (16, [14, 15, 16]),
        (13, [12, 13]),
        (12, [12]),
        (11, []),
        (-5, []),
        (99, [17, 18, 19]),
    ],
)
def test_a_paused_view_ends_where_it_was_paused(end: int, expected: list[float]) -> None:
    assert seen(filled(8, range(20)), count=3, end=end) == expected


def test_nothing_known_is_an_empty_window() -> None:
    assert Store(4).window(CLUSTER, 9).shape == (len(METRIC_IDS), 0)
    assert filled(4, range(3)).window(SERVER, 9).shape == (len(METRIC_IDS), 0)
    assert filled(4, range(3)).window(CLUSTER, 0).shape == (len(METRIC_IDS), 0)


def test_what_came_in_may_change_afterwards() -> None:
    store, mine = Store(4), column(1)
    store.append(0, {CLUSTER: mine})
    mine[:] = 5
    assert seen(store) == [1]


steps = st.lists(
    st.tuples(
        st.integers(-1, 9) | st.sampled_from([40, 100, 170]), st.sets(st.sampled_from(SUBJECTS), max_size=3)
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 7) | st.just(150),
    st.sampled_from([PLAIN, 0]),
    steps,
    st.integers(0, 9) | st.just(150),
    st.integers(-2, 9) | st.integers(20, 110),
)
def test_the_past_is_a_list_with_a_limit(
    capacity: int, plain: int, history: list[tuple[int, set[Subject]]], count: int, back: int
) -> None:
    store = Store(capacity, plain)
    columns: list[dict[Subject, float]] = []
    tick = 100
    for number, (step, subjects) in enumerate(history):
        if columns and step <= 0:
            columns.pop()
        elif columns:
            columns += [{}] * (step - 1)
        store.append(tick + step, {subject: column(number) for subject in subjects})
        columns.append(dict.fromkeys(subjects, float(number)))
        tick = tick + step if number == 0 else max(tick, tick + step)
    known = set().union(*(subjects for _, subjects in history))
    kept = columns[-capacity:]
    paused = kept[: len(kept) - max(0, back)] if back < len(kept) else []
    for subject in known:
        wanted = [entry.get(subject, -1.0) for entry in paused][-count:] if count else []
        found = seen(store, subject, count, tick - back)
        gone = not any(subject in entry for entry in kept)  # its row may be another's by now
        assert found == wanted or (gone and not found)
        traced = store.traces([subject], 0, count, tick - back)[0]
        assert np.nan_to_num(traced, nan=-1).tolist() == wanted
