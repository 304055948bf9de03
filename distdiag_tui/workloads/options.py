"""The knobs of a workload as data: the command line, the form and the HTTP service all read this table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import shorten

Value = int | float | str | bool
Values = Mapping[str, Value]

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Option:
    """One knob. Its type is that of its default; numbers lie between `low` and `high`.

    `size` marks what decides the data that `prepare` makes: a start takes it from what is prepared.
    `lists` marks words of which several may be given, with commas.
    """

    name: str
    default: Value
    about: str
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    size: bool = False
    lists: bool = False

    @property
    def flag(self) -> str:
        """As it is written on a command line.

        >>> Option("table_size", 10000, "", 1, 100).flag
        '--table-size'
        """
        return f"--{self.name.replace('_', '-')}"

    @property
    def bounds(self) -> str:
        """What may be given, in a few words."""
        if self.choices:
            return "|".join(self.choices)
        if isinstance(self.default, bool):
            return "yes|no"
        if isinstance(self.default, str):
            return "text"
        return f"{_shown(self.low)} to {_shown(self.high)}"

    def read(self, given: object) -> Value:
        """The value of what a person or a program gave; ConfigError names the knob and what it takes.

        >>> Option("threads", 8, "", 1, 1024).read("16")
        16
        """
        try:
            return self._read(given)
        except (TypeError, ValueError, KeyError, OverflowError):
            raise ConfigError(f"{self.flag} takes {self.bounds}, not {shorten(repr(given), 60)}") from None

    def _read(self, given: object) -> Value:
        if isinstance(self.default, bool):
            return given if isinstance(given, bool) else WORDS[str(given).lower()]
        if isinstance(self.default, str):
            return self._word(str(given))
        if isinstance(given, bool):
            raise TypeError
        number = float(given) if isinstance(self.default, float) else _whole(given)  # type: ignore[arg-type]
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    def _word(self, word: str) -> str:
        parts = word.split(",") if self.lists else [word]
        if self.choices and not set(parts) <= set(self.choices):
            raise ValueError
        return word


def _whole(given: object) -> int:
    """A number of JSON may be whole and yet be a float."""
    if isinstance(given, float) and given.is_integer():
        return int(given)
    return int(str(given).replace("_", ""))


def checked(options: Sequence[Option], given: Mapping[str, object]) -> dict[str, Value]:
    """A value for every option: the given one, else the default; ConfigError for what is unknown or wrong."""
    known = {option.name: option for option in options}
    for name in given:
        if name not in known:
            raise ConfigError(f"there is no option {name!r} here; there are: {', '.join(known)}")
    return {
        name: option.read(given[name]) if given.get(name) is not None else option.default
        for name, option in known.items()
    }


def sizes(options: Sequence[Option], values: Values) -> dict[str, Value]:
    """Those values that decide the data."""
    return {option.name: values[option.name] for option in options if option.size}


def worded(values: Values) -> str:
    """Values in one line.

    >>> worded({"tables": 4, "table_size": 10000, "indexes": False})
    'tables 4, table size 10,000, indexes no'
    """
    return ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in values.items())


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) else f"{value:,g}"


THREADS = Option("threads", 8, "Clients at a time, over all servers.", 1, 1024)
RATE = Option("rate", 0.0, "Transactions a second in all; 0: as many as go.", 0, 1_000_000)
TIME = Option("time", 0.0, "Seconds to run; 0: until stopped.", 0, 7 * 86400)
SERVERS = Option("servers", "", "Only these, by name with commas; empty: all.")
INTERVAL = Option("interval", 1.0, "Seconds between reports.", 0.1, 3600)
STATEMENT_TIMEOUT = Option("statement_timeout", 5.0, "Seconds a statement may take.", 0.1, 3600)
