"""What needs no server: the specification's random numbers, its mix, its times, its inputs."""

from __future__ import annotations

import math
import re
from collections import Counter
from decimal import Decimal
from itertools import islice
from random import Random

import pytest

from distdiag_tui.workloads.tpcc.deck import CARDS, TIMES, Deck, think_time
from distdiag_tui.workloads.tpcc.draws import CUSTOMER, ITEM, LAST_NAME, LOADED_C, Constants, Draws, last_name
from distdiag_tui.workloads.tpcc.inputs import Inputs
from distdiag_tui.workloads.tpcc.scale import SPEC, Scale
from distdiag_tui.workloads.tpcc.stock import remaining


def inputs(warehouses: int = 5, seed: str = "1", scale: Scale = SPEC) -> Inputs:
    return Inputs(Draws(seed), scale, warehouses, Constants.of_run(Random(7)))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "BARBARBAR"),
        (371, "PRICALLYOUGHT"),
        (40, "BARPRESBAR"),
        (786, "CALLYATIONANTI"),
        (999, "EINGEINGEING"),
    ],
)
def test_last_names_are_three_syllables(number: int, name: str) -> None:
    assert last_name(number) == name


def test_all_last_names_differ_and_fit_their_column() -> None:
    names = {last_name(number) for number in range(1000)}
    assert len(names) == 1000
    assert max(map(len, names)) <= 16


@pytest.mark.parametrize(("a", "low", "high"), [(LAST_NAME, 0, 999), (CUSTOMER, 1, 3000), (ITEM, 1, 100_000)])
def test_nurand_has_the_distribution_of_its_formula(a: int, low: int, high: int) -> None:
    c, draws, reference = 11, Draws("n"), Random(3)
    span = high - low + 1
    drawn = [draws.nurand(a, low, high, c) for _ in range(15_000)]
    expected = [
        ((reference.randint(0, a) | reference.randint(low, high)) + c) % span + low for _ in range(15_000)
    ]
    assert min(drawn) >= low
    assert max(drawn) <= high
    for part in range(10):  # tenths of the range
        share, wanted = (
            sum(1 for value in values if (value - low) * 10 // span == part) / 15_000
            for values in (drawn, expected)
        )
        assert share == pytest.approx(wanted, abs=0.02)


def test_nurand_repeats_some_values_far_more_than_others() -> None:
    draws = Draws("hot")
    counts = Counter(draws.nurand(LAST_NAME, 0, 999, 0) for _ in range(100_000))
    assert counts.most_common(1)[0][1] > 10 * 100  # a uniform draw gives each about 100


def test_c_of_the_run_keeps_its_distance_from_c_of_the_load() -> None:
    drawn = {Constants.of_run(Random(seed)).last_name for seed in range(3000)}
    deltas = {abs(c - LOADED_C) for c in drawn}
    assert min(drawn) >= 0
    assert max(drawn) <= LAST_NAME
    assert deltas == set(range(65, 120)) - {96, 112}


def test_the_deck_deals_the_mix() -> None:
    deck = Deck(Random(1))
    dealt = Counter(deck.deal() for _ in range(23_000))
    assert {name: count / 1000 for name, count in dealt.items()} == CARDS
    assert dealt["payment"] / 23_000 >= 0.43
    for name in ("order_status", "delivery", "stock_level"):
        assert dealt[name] / 23_000 >= 0.04
    assert dealt["new_order"] / 23_000 <= 0.45


def test_the_deck_is_shuffled_each_time() -> None:
    deck = Deck(Random(1))
    first, second = ([deck.deal() for _ in range(23)] for _ in range(2))
    assert Counter(first) == Counter(second) == Counter(CARDS)
    assert first != second


@pytest.mark.parametrize("name", list(TIMES))
def test_think_times_are_exponential_and_cut_at_ten_times_the_mean(name: str) -> None:
    rng = Random(2)
    mean = TIMES[name].thinking  # type: ignore[index]
    drawn = [think_time(name, rng) for _ in range(30_000)]  # type: ignore[arg-type]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.03)
    assert sum(1 for t in drawn if t > mean) / len(drawn) == pytest.approx(math.exp(-1), abs=0.01)
    assert min(drawn) >= 0
    assert max(drawn) <= 10 * mean
    assert think_time(name, _Never()) == 10 * mean  # type: ignore[arg-type]


class _Never(Random):
    def random(self) -> float:
        return 1 - 1e-9


def test_keying_and_think_times_are_those_of_the_table() -> None:
    assert {name: tuple(times) for name, times in TIMES.items()} == {
        "new_order": (18, 12), "payment": (3, 12), "order_status": (2, 10), "delivery": (2, 5),
        "stock_level": (2, 5),
    }  # fmt: skip


def test_strings() -> None:
    draws = Draws("s")
    texts = [draws.letters(14, 24) for _ in range(5000)]
    assert {len(text) for text in texts} == set(range(14, 25))
    assert sum(map(len, texts)) / 5000 == pytest.approx(19, abs=0.2)
    assert len(set("".join(texts))) == 62
    assert len(set(texts)) > 4900
    assert all(re.fullmatch(r"\d{16}", draws.digits(16)) for _ in range(200))
    assert re.fullmatch(r"\d{4}11111", draws.zip_code())


def test_original_is_somewhere_in_the_data_if_asked_for() -> None:
    draws = Draws("d")
    places = set()
    for _ in range(3000):
        text = draws.data(original=True)
        assert 26 <= len(text) <= 50
        places.add(text.index("ORIGINAL"))
        assert "ORIGINAL" not in draws.data(original=False)
    assert min(places) == 0
    assert max(places) >= 40
    assert draws.tenth(1000) != draws.tenth(1000)
    assert len(draws.tenth(1000)) == 100


def test_the_same_seed_draws_the_same() -> None:
    one, other = Draws("x"), Draws("x")
    assert [one.letters(1, 9) for _ in range(50)] == [other.letters(1, 9) for _ in range(50)]
    assert Draws("y").permutation(100) != one.permutation(100)
    assert sorted(one.permutation(100)) == list(range(1, 101))


def test_new_orders_have_the_specified_shape() -> None:
    source = inputs()
    drawn = [source.new_order(3) for _ in range(10_000)]
    lines = [line for order in drawn for line in order.lines]
    assert {len(order.lines) for order in drawn} == set(range(5, 16))
    assert len(lines) / len(drawn) == pytest.approx(10, abs=0.1)
    assert {order.warehouse for order in drawn} == {3}
    assert {order.district for order in drawn} == set(range(1, 11))
    assert {line.quantity for line in lines} == set(range(1, 11))
    away = [line.supply for line in lines if line.supply != 3]
    assert len(away) / len(lines) == pytest.approx(0.01, abs=0.002)
    assert set(away) == {1, 2, 4, 5}
    unused = [order for order in drawn if order.lines[-1].item == SPEC.items + 1]
    assert len(unused) / len(drawn) == pytest.approx(0.01, abs=0.004)
    assert all(1 <= line.item <= SPEC.items for order in drawn for line in order.lines[:-1])


def test_payments_have_the_specified_shape() -> None:
    source = inputs()
    drawn = [source.payment(2) for _ in range(20_000)]
    away = [wish for wish in drawn if wish.customer_warehouse != 2]
    assert len(away) / len(drawn) == pytest.approx(0.15, abs=0.01)
    assert {wish.customer_warehouse for wish in away} == {1, 3, 4, 5}
    assert {wish.customer_district for wish in away} == set(range(1, 11))
    assert all(wish.customer_district == wish.district for wish in drawn if wish.customer_warehouse == 2)
    named = sum(isinstance(wish.customer, str) for wish in drawn) / len(drawn)
    assert named == pytest.approx(0.6, abs=0.015)
    amounts = [wish.amount for wish in drawn]
    assert min(amounts) >= Decimal("1.00")
    assert max(amounts) <= Decimal("5000.00")
    assert {amount.as_tuple().exponent for amount in amounts} == {-2}
    assert sum(amounts) / len(amounts) == pytest.approx(Decimal("2500.5"), rel=Decimal("0.02"))


def test_where_there_is_one_warehouse_nobody_comes_from_another() -> None:
    source = inputs(1)
    assert {source.payment(1).customer_warehouse for _ in range(500)} == {1}
    assert {line.supply for _ in range(500) for line in source.new_order(1).lines} == {1}


def test_the_other_transactions_have_their_ranges() -> None:
    source = inputs()
    assert {source.delivery(4).carrier for _ in range(500)} == set(range(1, 11))
    assert {source.stock_level(4).threshold for _ in range(500)} == set(range(10, 21))
    assert {source.stock_level(4).district for _ in range(500)} == set(range(1, 11))
    assert {source.stock_level(4, 7).district for _ in range(50)} == {7}
    named = sum(isinstance(source.order_status(1).customer, str) for _ in range(10_000)) / 10_000
    assert named == pytest.approx(0.6, abs=0.02)
    assert {source.warehouse() for _ in range(200)} == {1, 2, 3, 4, 5}


def test_a_smaller_scale_asks_only_for_what_it_has() -> None:
    source = inputs(1, "1", Scale(items=50, customers=20))
    names = {last_name(number) for number in range(20)}
    for wish in islice((source.payment(1) for _ in iter(int, 1)), 500):
        assert wish.customer in names or 1 <= int(wish.customer) <= 20
    assert {line.item for _ in range(300) for line in source.new_order(1).lines} == set(range(1, 52))


@pytest.mark.parametrize(
    ("stock", "ordered", "left"),
    [(20, [10], 10), (19, [10], 100), (10, [1], 100), (100, [10, 5], 85), (15, [5, 1], 100)],
)
def test_stock_is_filled_up_when_it_runs_low(stock: int, ordered: list[int], left: int) -> None:
    assert remaining(stock, ordered) == left
