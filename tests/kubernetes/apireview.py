"""What one may do, as a real API server tells those who ask for themselves; nothing of it is kept."""

from __future__ import annotations

from typing import Any, Final

from apicall import ANONYMOUS, Gate
from apistatus import ApiError, forbidden

PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_FIELDS: Final = {"namespace", "verb", "group", "version", "resource", "subresource", "name"}


def reviewed(gate: Gate, user: str, body: Any) -> dict[str, Any]:  # noqa: ANN401  whatever was sent
    """The review with its answer; 403 for strangers, 400 for unknown fields, 422 without a question."""
    if user == ANONYMOUS:
        group, _, plural = PATH.split("/")[2:]
        raise forbidden(user, "create", group, plural, "", "")
    spec = body.get("spec", {})
    asked = spec.get("resourceAttributes")
    if not isinstance(asked, dict) or set(spec) != {"resourceAttributes"}:
        words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise ApiError(422, "Invalid", f"spec: Invalid value: {words}")
    if unknown := set(asked) - _FIELDS:
        raise ApiError(400, "BadRequest", f"strict decoding error: unknown field {min(unknown)!r}")
    named = f"{asked['resource']}.{asked['group']}" if asked.get("group") else asked["resource"]
    whole = f"{named}/{asked['subresource']}" if asked.get("subresource") else named
    allowed = gate.rights is None or user in gate.masters or (asked["verb"], whole) in gate.rights
    head = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    return {**head, "metadata": {}, "spec": spec, "status": {"allowed": allowed}}
