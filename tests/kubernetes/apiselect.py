"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from apistatus import bad_request

Test = Callable[[dict[str, Any]], bool]

_TERM = re.compile(r"\s*(?:!(?P<absent>\S+)|(?P<key>[^\s=!,()]+)\s*(?P<rest>.*))\s*", re.DOTALL)
_SET = re.compile(r"(?P<how>in|notin)\s*\((?P<values>[^)]*)\)")


def label_test(selector: str) -> Test:
    """`a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, with commas; 400 for what cannot be read."""
    tests = [_label_term(term) for term in re.findall(r"(?:[^,(]|\([^)]*\))+", selector)]
    return lambda item: all(test(item["metadata"].get("labels") or {}) for test in tests)


def _label_term(term: str) -> Callable[[dict[str, str]], bool]:
    match = _TERM.fullmatch(term)
    if not match:
        raise bad_request(f"unable to parse requirement: {term!r}")
    if match["absent"]:
        return lambda labels: match["absent"] not in labels
    key, rest = match["key"], match["rest"].strip()
    if not rest:
        return lambda labels: key in labels
    if found := _SET.fullmatch(rest):
        values = {value.strip() for value in found["values"].split(",")}
        return lambda labels: (labels.get(key) in values) == (found["how"] == "in")
    for sign, equal in (("!=", False), ("==", True), ("=", True)):
        if rest.startswith(sign):
            value = rest[len(sign) :].strip()
            return lambda labels: (labels.get(key) == value) is equal
    raise bad_request(f"unable to parse requirement: {term!r}")


def field_test(selector: str, known: Iterable[str]) -> Test:
    """`metadata.name=x` and whatever else the resource knows; 400 for another field."""
    tests = [
        _field_term(term, {"metadata.name", "metadata.namespace", *known})
        for term in selector.split(",")
        if term
    ]
    return lambda item: all(test(item) for test in tests)


def _field_term(term: str, known: set[str]) -> Test:
    field, sign, value = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", term).groups()  # type: ignore[union-attr]
    if field not in known:
        raise bad_request(f"field label not supported: {field}")
    return lambda item: (_at(item, field) == value) == (sign != "!=")


def _at(item: dict[str, Any], path: str) -> str:
    found: Any = item
    for key in path.split("."):
        found = (found or {}).get(key)
    return "" if found is None else str(found)
