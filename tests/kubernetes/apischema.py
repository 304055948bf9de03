"""Strict reading of objects, by the types that the client's own models declare for each kind."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from apistatus import Cause, bad_request
from kubernetes_asyncio.client import Configuration, models

Json = Any
"""Whatever JSON can hold."""

_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "datetime": (str,),
}


def read(kind: str, model: str, value: Json) -> tuple[Json, list[str], list[Cause]]:
    """The object without unknown fields, those fields, and what is required and missing.

    400 for a value of the wrong type, as the real server, which cannot decode it.
    """
    unknown: list[str] = []
    missing: list[Cause] = []
    return _read(kind, model, value, "", unknown, missing), unknown, missing


def _read(kind: str, model: str, value: Json, path: str, unknown: list[str], missing: list[Cause]) -> Json:
    if value is None or model == "object":
        return value
    if model in _PLAIN:
        if not isinstance(value, _PLAIN[model]) or (isinstance(value, bool) and model != "bool"):
            raise _undecodable(kind, path, value, model)
        return value
    if match := re.fullmatch(r"list\[(.*)\]", model):
        if not isinstance(value, list):
            raise _undecodable(kind, path, value, model)
        return [_read(kind, match[1], v, f"{path}[{i}]", unknown, missing) for i, v in enumerate(value)]
    if not isinstance(value, dict):
        raise _undecodable(kind, path, value, model)
    if match := re.fullmatch(r"dict\(str, (.*)\)", model):
        return {k: _read(kind, match[1], v, f"{path}.{k}", unknown, missing) for k, v in value.items()}
    return _read_model(kind, model, value, path, unknown, missing)


def _read_model(
    kind: str, model: str, value: dict[str, Any], path: str, unknown: list[str], missing: list[Cause]
) -> dict[str, Any]:
    fields, found = _fields(model), {}
    for key, item in value.items():
        where = f"{path}.{key}".lstrip(".")
        if key in fields:
            found[key] = _read(kind, fields[key], item, where, unknown, missing)
        else:
            unknown.append(where)
    for key in _required(model):
        if found.get(key) in (None, [], ""):
            missing.append(Cause(f"{path}.{key}".lstrip("."), "Required value", "FieldValueRequired"))
    return found


@cache
def _fields(model: str) -> dict[str, str]:
    declared = getattr(models, model)
    return {declared.attribute_map[name]: kind for name, kind in declared.openapi_types.items()}


@cache
def _required(model: str) -> tuple[str, ...]:
    """Fields whose setter refuses None."""
    declared = getattr(models, model)
    blank = object.__new__(declared)
    blank.local_vars_configuration = Configuration()
    found = []
    for name in declared.openapi_types:
        try:
            setattr(blank, name, None)
        except ValueError:
            found.append(declared.attribute_map[name])
    return tuple(found)


def _undecodable(kind: str, path: str, value: object, model: str) -> Exception:
    given = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")
    return bad_request(
        f'{kind} in version "v1" cannot be handled as a {kind}: json: cannot unmarshal {given} '
        f"into Go struct field {path} of type {model}"
    )
