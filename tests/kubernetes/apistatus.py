"""The errors of the stand-in API server: Status objects, worded as the real one words them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cause:
    """One thing wrong with an object: where, and what."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class ApiError(Exception):
    """An answer other than 2xx, with the Status object of its body."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }


def success(name: str, group: str, plural: str, uid: str) -> dict[str, Any]:
    """What a deletion answers."""
    details = {"name": name, **({"group": group} if group else {}), "kind": plural, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def qualified(group: str, plural: str) -> str:
    """jobs.batch, pods."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> ApiError:
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return ApiError(404, "NotFound", f'{qualified(group, plural)} "{name}" not found', details)


def already_exists(group: str, plural: str, name: str) -> ApiError:
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return ApiError(409, "AlreadyExists", f'{qualified(group, plural)} "{name}" already exists', details)


def conflict(group: str, plural: str, name: str, why: str) -> ApiError:
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    words = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", words, details)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    words = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    details = {
        "name": name,
        **({"group": group} if group else {}),
        "kind": kind,
        "causes": [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes],
    }
    return ApiError(422, "Invalid", f'{qualified(group, kind)} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, group: str, resource: str, namespace: str, name: str = "") -> ApiError:
    """`resource` may have a subresource, as pods/log."""
    plural = resource.partition("/")[0]
    what = f'{qualified(group, plural)} "{name}"' if name else qualified(group, plural)
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    who = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    details = {**({"name": name} if name else {}), **({"group": group} if group else {}), "kind": plural}
    return ApiError(403, "Forbidden", f"{what} is forbidden: {who}", details)


def gone(asked: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")
