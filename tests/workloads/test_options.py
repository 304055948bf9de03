"""The knobs: what they take, what they say when it is wrong, and how a command line gives them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distdiag_tui.cli.knobs import read_words
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.kinds import KINDS, find_kind
from distdiag_tui.workloads.options import RATE, Option, Value, Values, checked, sizes, worded
from distdiag_tui.workloads.protocol import Kind

ROWS = Option("table_size", 10_000, "", 100, 100_000_000, size=True)
PACE = Option("pace", 1.5, "", 0.1, 1_000_000)
WAIT = Option("keying", False, "")
MIX = Option("mix", "both", "", choices=("both", "reads"))
PARTS = Option("parts", "q1", "", choices=("q1", "q2", "q3"), lists=True)
NAME = Option("name", "x", "")
ALL = (ROWS, PACE, WAIT, MIX, PARTS, NAME)


@pytest.mark.parametrize(
    ("option", "given", "value"),
    [
        (ROWS, "5000", 5000),
        (ROWS, "100_000_000", 100_000_000),
        (ROWS, 100, 100),
        (ROWS, 200.0, 200),  # as JSON may have it
        (PACE, "2", 2.0),
        (PACE, 3, 3.0),
        (PACE, "1e3", 1000.0),
        (WAIT, "YES", True),
        (WAIT, "off", False),
        (WAIT, True, True),
        (MIX, "reads", "reads"),
        (PARTS, "q1,q3", "q1,q3"),
        (NAME, "", ""),
    ],
)
def test_values(option: Option, given: object, value: Value) -> None:
    assert option.read(given) == value
    assert type(option.read(given)) is type(option.default)


@pytest.mark.parametrize(
    ("option", "given", "takes"),
    [
        (ROWS, "99", "100 to 100,000,000"),
        (ROWS, "1.5", "100 to 100,000,000"),
        (ROWS, 100.5, "100 to 100,000,000"),
        (ROWS, float("inf"), "100 to 100,000,000"),
        (ROWS, float("nan"), "100 to 100,000,000"),
        (ROWS, 10**400, "100 to 100,000,000"),
        (ROWS, "", "100 to 100,000,000"),
        (ROWS, True, "100 to 100,000,000"),
        (ROWS, None, "100 to 100,000,000"),
        (ROWS, [], "100 to 100,000,000"),
        (ROWS, "9" * 5000, "100 to 100,000,000"),
        (PACE, "nan", "0.1 to 1,000,000"),
        (PACE, "inf", "0.1 to 1,000,000"),
        (PACE, "fast", "0.1 to 1,000,000"),
        (PACE, 10**400, "0.1 to 1,000,000"),
        (PACE, False, "0.1 to 1,000,000"),
        (PACE, {}, "0.1 to 1,000,000"),
        (WAIT, "perhaps", "yes|no"),
        (WAIT, 7, "yes|no"),
        (MIX, "writes", "both|reads"),
        (MIX, "both,reads", "both|reads"),
        (PARTS, "q1,q9", "q1|q2|q3"),
        (PARTS, "q1,", "q1|q2|q3"),
    ],
)
def test_wrong_values_say_what_is_taken(option: Option, given: object, takes: str) -> None:
    with pytest.raises(ConfigError) as caught:
        option.read(given)
    assert str(caught.value).startswith(f"{option.flag} takes {takes}, not ")


@settings(deadline=None)
@given(st.text())
def test_whatever_is_typed_is_a_value_or_one_clear_line(text: str) -> None:
    for option in ALL:
        found = tried(option, text)
        if isinstance(found, ConfigError):
            assert str(found).isprintable()
            assert len(str(found)) < 200
        else:
            assert type(found) is type(option.default)


def tried(option: Option, text: str) -> Value | ConfigError:
    try:
        return option.read(text)
    except ConfigError as error:
        return error


def test_defaults_fill_in_and_unknown_names_are_told() -> None:
    assert checked((ROWS, WAIT), {"table_size": "200"}) == {"table_size": 200, "keying": False}
    assert checked((ROWS,), {"table_size": None}) == {"table_size": 10_000}
    with pytest.raises(ConfigError, match="no option 'rows' here; there are: table_size, pace"):
        checked(ALL, {"rows": 1})


def test_sizes_are_what_decides_the_data() -> None:
    assert sizes(ALL, checked(ALL, {})) == {"table_size": 10_000}


def test_values_in_words() -> None:
    values: Values = {
        "table_size": 100_000_000,
        "keying": True,
        "rate": 1_500_000.0,
        "pace": 0.5,
        "mix": "both",
    }
    assert worded(values) == "table size 100,000,000, keying yes, rate 1,500,000, pace 0.5, mix both"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_every_kind_has_sound_options(kind: Kind) -> None:
    assert find_kind(kind.id) is kind
    names = [option.name for option in kind.options]
    assert len(set(names)) == len(names)
    assert sizes(kind.options, checked(kind.options, {}))
    for option in kind.options:
        assert option.read(option.default) == option.default
        assert option.about.endswith(".")


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no workload 'nope'; there are: .*oltp"):
        find_kind("nope")


@pytest.mark.parametrize(
    ("words", "target", "knobs"),
    [
        ("", None, {}),
        ("lab", "lab", {}),
        ("lab --table-size 5", "lab", {"table_size": "5"}),
        ("--table-size 5 lab", "lab", {"table_size": "5"}),
        ("--table-size=5", None, {"table_size": "5"}),
        ("--keying lab --pace -1", "lab", {"keying": "yes", "pace": "-1"}),
        ("--keying=no", None, {"keying": "no"}),
        ("--pace 1 --pace 2", None, {"pace": "2"}),
        ("--name= lab", "lab", {"name": ""}),
    ],
)
def test_words_of_a_command(words: str, target: str | None, knobs: dict[str, str]) -> None:
    assert read_words(words.split(), ALL) == (target, knobs)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("lab --rows 5", "there is no option --rows here; there are: --table-size, --pace"),
        ("lab -x", "there is no option -x here"),
        ("lab --table-size", "--table-size takes 100 to 100,000,000"),
        ("lab prod", "one cluster at a time: 'lab' or 'prod'"),
    ],
)
def test_wrong_words_are_told(words: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_words(words.split(), ALL)
    assert str(caught.value).startswith(line)


def test_bounds_can_be_read() -> None:
    assert RATE.bounds == "0 to 1,000,000"
