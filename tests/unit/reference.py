"""Facts of real OceanBase versions, from the reference folder beside the repository."""

from __future__ import annotations

from typing import Final

from facts import facts

from distdiag_tui.sources.capability import VIEWS, Capability

VERSIONS: Final = ("ob-4.2.1.9", "ob-4.2.5.0", "ob-4.3.3.1", "ob-4.3.5.3", "seekdb-1.3.0")

Columns = dict[str, frozenset[str]]


def views_of(version: str) -> Columns:
    """Column names of every view that the version has."""
    document = facts(f"views/{version}.json")
    views = {
        name: frozenset(column.split()[0] for column in columns)
        for name, columns in document["views"].items()
    }
    for name in document["meta"].get("v_same_as_gv", ()):
        views[name] = views[f"G{name}"]
    return views


def capability_of(version: str, *absent: str) -> Capability:
    """The record that probing a server of that version gives, without the views in `absent`."""
    views = {name: columns for name, columns in views_of(version).items() if name in VIEWS}
    missing = {name: "Table doesn't exist" for name in VIEWS if name not in views or name in absent}
    return Capability(version, version, {n: c for n, c in views.items() if n not in missing}, missing)
