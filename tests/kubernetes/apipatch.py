"""The kinds of patch that the API knows."""

from __future__ import annotations

import copy
from typing import Any

from apischema import Json
from apistatus import ApiError, bad_request

_MERGE_KEYS = {
    "ownerReferences": "uid",
    "containers": "name",
    "env": "name",
    "volumes": "name",
    "conditions": "type",
}


def patched(item: dict[str, Any], kind: str, patch: Json, *, builtin: bool) -> dict[str, Any]:
    """The object after a patch of that content type; 415 for one that it does not take."""
    found = copy.deepcopy(item)
    match kind:
        case "application/merge-patch+json":
            return dict(_merge(found, patch, strategic=False))
        case "application/strategic-merge-patch+json" if builtin:
            return dict(_merge(found, patch, strategic=True))
        case "application/json-patch+json":
            return _apply(found, patch)
    words = f"the body of the request was in an unknown format - {kind}"
    raise ApiError(415, "UnsupportedMediaType", words)


def _merge(old: Json, patch: Json, *, strategic: bool) -> Json:
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return patch
    for key, value in patch.items():
        if value is None:
            old.pop(key, None)
        elif strategic and key in _MERGE_KEYS and isinstance(value, list):
            old[key] = _merge_lists(old.get(key) or [], value, _MERGE_KEYS[key])
        else:
            old[key] = _merge(old.get(key, {}), value, strategic=strategic)
    return old


def _merge_lists(old: list[Any], patch: list[Any], key: str) -> list[Any]:
    found = {item[key]: item for item in old}
    for item in patch:
        found[item[key]] = _merge(found.get(item[key], {}), item, strategic=True)
    return list(found.values())


def _apply(item: dict[str, Any], operations: Json) -> dict[str, Any]:
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    for operation in operations:
        *path, last = (p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:])
        place: Any = item
        for key in path:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        match operation["op"], place:
            case "remove", dict():
                del place[last]
            case "add" | "replace", dict():
                place[last] = operation["value"]
            case "add", list() if last == "-":
                place.append(operation["value"])
            case _:
                raise bad_request(f"json patch: operation {operation['op']} is not served here")
    return item
