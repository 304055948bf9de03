"""How tests are spread over processes: what stays together, in which order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
LABS = ("a lab for loads", "a lab for all else")
"""The two labs of a whole run. Six servers with nothing to do take a quarter of a core, and their tests wait
for most of the time: a lab for each process would cost more than it gained."""


class Spread(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    """The tests of a lab belong to one process, and so do those of a file."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


@cache
def uses_lab(file: str) -> bool:
    """Whether tests of a file may use the session's lab: whoever does says so in its signature."""
    return "LiveLab" in (ROOT / file).read_text(encoding="utf-8")


def together(nodeid: str) -> str:
    """The name of what a test belongs to."""
    file = nodeid.partition("::")[0]
    if not uses_lab(file):
        return file
    shared = "DISTDIAG_TEST_LAB" in os.environ  # it cannot serve two processes
    return LABS[not shared and "/workloads/" not in file]


def rank(nodeid: str) -> int:
    """The longest first: other files fill what time is left beside those of the labs."""
    name = together(nodeid)
    return LABS.index(name) if name in LABS else len(LABS)


def processes(config: pytest.Config) -> int:
    """For a whole run one more than there are cores, for many tests wait; none for a few files."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return (os.cpu_count() or 1) + 1


def encodable(value: object) -> object:
    """The same with each lone surrogate spelt out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {encodable(key): encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(encodable, value))
    return value


def check(fixtures: Mapping[str, tuple[str, ...]]) -> None:
    """Fail if a test uses the lab in a file that seems not to: each process would start one of its own."""
    for nodeid, names in fixtures.items():
        if "lab" in names and not uses_lab(nodeid.partition("::")[0]):
            raise pytest.UsageError(f"{nodeid} uses the lab; annotate it as LiveLab")
