"""Server text made inert, figures that keep their width; and every example in the docs is true."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import distdiag_tui
from distdiag_tui.model.metrics import CATALOGUE
from distdiag_tui.model.text import DASH, duration, figure, plain, shorten, three_digits

UNITS = sorted({metric.unit for metric in CATALOGUE})
CORE = ("model", "sources", "config", "cli", "store", "engine", "feed", "lab", "workloads", "ui")
quick = settings(max_examples=200, deadline=None)

modules = [
    found.name
    for found in pkgutil.walk_packages(distdiag_tui.__path__, "distdiag_tui.")
    if found.name.split(".")[1] in CORE
]


@pytest.mark.parametrize("module", modules)
def test_the_examples_in_the_docs_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_there_are_examples() -> None:
    counted = [doctest.testmod(importlib.import_module(name)).attempted for name in modules]
    assert sum(counted) >= 15


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07",  # ESC and BEL
        "\x1b[2J\x1b[31m",
        "\x9b31m",  # CSI as one C1 character
        "\x00\x7f\x85",
        "a\u202eb\u2066c\u200fd",  # directions
        "zero\u200bwidth\ufeff",
        "private\ue000",
        "half\ud800",  # a lone surrogate cannot even be written
    ],
)
def test_characters_that_act_are_neutralised(text: str) -> None:
    out = plain(text)
    assert len(out) == len(text)
    assert not any(unicodedata.category(character).startswith("C") for character in out)
    assert "\N{REPLACEMENT CHARACTER}" in out
    out.encode()


@quick
@given(st.text(), st.integers(0, 50))
def test_whatever_comes_in_is_one_inert_line(text: str, limit: int) -> None:
    out = plain(text, limit)
    assert len(out) <= limit
    assert not any(unicodedata.category(character).startswith("C") for character in out)


@pytest.mark.parametrize("text", ["shop", "节点-1", "größe [red]x[/red]", "a b"])
def test_words_stay_as_they_are(text: str) -> None:
    assert plain(text) == text


def test_what_is_no_text_is_shown_too() -> None:
    assert (plain(None), plain(b"\x1b"), plain("a\r\nb\tc")) == ("None", "b'\\x1b'", "a  b c")


@quick
@given(st.text(min_size=1), st.integers(0, 40))
def test_shortened_text_keeps_both_ends(text: str, width: int) -> None:
    out = shorten(text, width)
    assert len(out) == min(len(text), width)
    if 3 <= width < len(text):
        assert (out[0], out[-1]) == (text[0], text[-1])
        assert "…" in out


sane = st.floats(0, 1e15) | st.floats(0, 1) | st.integers(0, 10**15).map(float)


@quick
@given(sane, st.sampled_from(UNITS))
def test_a_number_is_at_most_six_characters(value: float, unit: str) -> None:
    if unit in ("s", "s/s", "%"):
        value %= 1e5  # a day of waiting, a thousand times the whole
    number, _ = figure(value, unit)
    assert len(number) <= 6
    assert "e" not in number


FACTORS = {"µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@quick
@given(st.floats(1e-5, 1e4), st.sampled_from(UNITS))
def test_a_figure_means_the_value(value: float, unit: str) -> None:
    number, shown = figure(value, unit)
    if unit in ("s", "s/s"):
        factor = FACTORS[shown.removesuffix("/s") if unit == "s/s" else shown]
    else:
        factor = FACTORS.get(shown.removesuffix(unit), 1)
    assert float(number) * factor == pytest.approx(value, rel=0.006, abs=0.0051 * factor)


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_missing_is_a_dash_and_zero_is_zero(unit: str) -> None:
    assert figure(math.nan, unit) == (DASH, "")
    assert figure(0.0, unit)[0] == "0"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.9999, "s", "1.00 s"),
        (0.00099999, "s", "1.00 ms"),
        (999.9, "/s", "1.00 k/s"),
        (999.4, "/s", "999 /s"),
        (1e6, "B", "1.00 MB"),
        (599.0, "s", "599 s"),
        (600.0, "s", "10.0 min"),
        (100.0, "%", "100 %"),
        (99.96, "%", "100 %"),
        (7.0, "", "7 "),
        (12345.0, "", "12.3 k"),
    ],
)
def test_figures_at_the_edges(value: float, unit: str, shown: str) -> None:
    assert " ".join(figure(value, unit)) == shown


@quick
@given(st.floats(0, 1e6))
def test_three_digits_never_jump_back(value: float) -> None:
    assert float(three_digits(value * 1.02 + 0.01)) >= float(three_digits(value))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59.9, "59s"), (60, "1m00s"), (3599, "59m59s"), (86400, "1d00h")]
)
def test_spans(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
