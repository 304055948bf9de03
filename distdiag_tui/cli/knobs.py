"""Options of a workload on the command line: each kind has its own, read from its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import Option


def read_knobs(arguments: Sequence[str], options: Sequence[Option]) -> dict[str, str]:
    """`--table-size 100`, `--table-size=100`, and `--flag` for a yes; ConfigError for anything else.

    >>> read_knobs(["--rows", "5", "--keying"], [Option("rows", 1, "", 0, 9), Option("keying", False, "")])
    {'rows': '5', 'keying': 'yes'}
    """
    known = {option.flag: option for option in options}
    given = {}
    rest = iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        if flag not in known:
            what = f"option {flag}" if flag.startswith("-") else f"argument {argument!r}"
            raise ConfigError(f"there is no {what} here; there are: {', '.join(known)}")
        given[known[flag].name] = value if equals else _value(known[flag], rest)
    return given


def _value(option: Option, rest: Iterator[str]) -> str:
    if isinstance(option.default, bool):
        return "yes"
    value = next(rest, None)
    if value is None:
        raise ConfigError(f"{option.flag} takes {option.bounds}")
    return value
