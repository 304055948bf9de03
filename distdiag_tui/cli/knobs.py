"""Options of a workload on the command line: each kind has its own, read from its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import Option


def read_words(words: Sequence[str], options: Sequence[Option]) -> tuple[str | None, dict[str, str]]:
    """The target, if one is named, and what was given: `--rows 5`, `--rows=5`, and `--flag` for a yes.

    ConfigError for anything else.

    >>> read_words(["lab", "--rows", "5", "--key"], [Option("rows", 1, "", 0, 9), Option("key", False, "")])
    ('lab', {'rows': '5', 'key': 'yes'})
    """
    known = {option.flag: option for option in options}
    target, given = None, {}
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag in known:
            given[known[flag].name] = value if equals else _value(known[flag], rest)
        elif word.startswith("-"):
            raise ConfigError(f"there is no option {flag} here; there are: {', '.join(known)}")
        elif target is not None:
            raise ConfigError(f"one cluster at a time: {target!r} or {word!r}")
        else:
            target = word
    return target, given


def _value(option: Option, rest: Iterator[str]) -> str:
    if isinstance(option.default, bool):
        return "yes"
    value = next(rest, None)
    if value is None:
        raise ConfigError(f"{option.flag} takes {option.bounds}")
    return value
