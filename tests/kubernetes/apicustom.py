"""Custom resources of the stand-in API server, read by the schemas of their definitions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from apistatus import Cause
from apistore import Object, Resource
from jsonschema import Draft202012Validator

Schema = dict[str, Any]
_FREE = "x-kubernetes-preserve-unknown-fields"


def custom(definition: Object, rules: Callable[[Object], Iterable[Cause]] | None = None) -> Resource:
    """The resource that a CustomResourceDefinition with one version declares."""
    spec = definition["spec"]
    [version] = spec["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    return Resource(
        spec["group"],
        version["name"],
        spec["names"]["plural"],
        spec["names"]["kind"],
        rules=rules,
        read=partial(_read, schema, Draft202012Validator(_ordinary(schema))),
        own_status="status" in version.get("subresources", {}),
    )


def read(schema: Schema, item: Object) -> tuple[Object, list[str], list[Cause]]:
    """The object without unknown fields and with defaults, those fields, and what is wrong with it."""
    return _read(schema, Draft202012Validator(_ordinary(schema)), item)


def _read(
    schema: Schema, validator: Draft202012Validator, item: Object
) -> tuple[Object, list[str], list[Cause]]:
    unknown: list[str] = []
    body = _pruned(schema, copy.deepcopy(item), "", unknown)
    causes = [
        Cause(".".join(map(str, error.absolute_path)), f"Invalid value: {error.message}")
        for error in validator.iter_errors(body)
    ]
    return body, unknown, causes


def _pruned(schema: Schema, value: Any, path: str, unknown: list[str]) -> Any:  # noqa: ANN401  any JSON
    if isinstance(value, list) and "items" in schema:
        return [_pruned(schema["items"], each, f"{path}[{i}]", unknown) for i, each in enumerate(value)]
    if not isinstance(value, dict) or schema.get(_FREE):
        return value
    known, rest, found = schema.get("properties", {}), schema.get("additionalProperties"), {}
    for key, item in value.items():
        where = f"{path}.{key}".lstrip(".")
        if where == "metadata":  # checked elsewhere
            found[key] = item
        elif key in known:
            found[key] = _pruned(known[key], item, where, unknown)
        elif rest:
            found[key] = item if rest is True else _pruned(rest, item, where, unknown)
        else:
            unknown.append(where)
    for key, declared in known.items():
        if "default" in declared:
            found.setdefault(key, copy.deepcopy(declared["default"]))
    return found


def _ordinary(schema: Any) -> Any:  # noqa: ANN401  any part of a schema
    """The schema without what only Kubernetes knows."""
    if isinstance(schema, list):
        return [_ordinary(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _ordinary(value) for key, value in schema.items()}
    if plain.pop("x-kubernetes-int-or-string", False):
        plain.pop("type", None)
        plain["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return plain
