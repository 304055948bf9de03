"""One request to the stand-in API server: who asks for what, and whether that is permitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from apistatus import ApiError, forbidden, unauthorized
from apistore import Object, Resource

TRUE = ("true", "True", "1")
"""As the real server reads flags; the Python client writes True."""

ANONYMOUS = "system:anonymous"
_VERSION = (
    "major",
    "minor",
    "gitCommit",
    "gitTreeState",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
)


@dataclass(frozen=True)
class Call:
    """What a path and a method say: `resource` with a subresource in `part`, such as pods and log."""

    verb: str
    resource: Resource
    namespace: str
    name: str
    part: str

    @property
    def right(self) -> tuple[str, str]:
        """As a role names it: ("get", "pods/log"), ("create", "jobs.batch")."""
        return self.verb, f"{self.resource.id}/{self.part}" if self.part else self.resource.id


@dataclass
class Gate:
    """Tokens with their users, and what those may do (None: everything); `used` is what was asked for.

    The `masters` may do everything, and what they ask for does not count.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    rights: set[tuple[str, str]] | None = None
    used: set[tuple[str, str]] = field(default_factory=set)
    masters: frozenset[str] = frozenset()

    def permits(self, user: str, right: tuple[str, str]) -> bool:
        """Whether a user may do that."""
        if user in self.masters:
            return True
        self.used.add(right)
        return self.rights is None or right in self.rights

    def admit(self, request: web.Request, call: Call) -> None:
        """401 for a wrong token, 403 without the right."""
        user = self.user(request)
        if not self.permits(user, call.right) or user == ANONYMOUS:
            resource = f"{call.resource.plural}/{call.part}" if call.part else call.resource.plural
            raise forbidden(user, call.verb, call.resource.group, resource, call.namespace, call.name)

    def user(self, request: web.Request) -> str:
        """Whose token it brings; 401 for a wrong one."""
        header = request.headers.get("Authorization")
        if header is None:
            return ANONYMOUS
        user = self.tokens.get(header.removeprefix("Bearer "))
        if user is None:
            raise unauthorized()
        return user


def read_call(request: web.Request, resources: Iterable[Resource]) -> Call:
    """404 for a path that is not served."""
    parts = [part for part in request.path.split("/") if part]
    group = ""
    if parts[:1] == ["apis"] and len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    elif parts[:1] == ["api"] and len(parts) >= 2:
        version, rest = parts[1], parts[2:]
    else:
        raise _nothing()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest, "", "", "")[:3]
    for resource in resources:
        if (resource.group, resource.version, resource.plural) == (group, version, plural):
            return Call(_verb(request, name), resource, namespace, name, part)
    raise _nothing()


def discovery(path: str, resources: Sequence[Resource]) -> Object | None:
    """The version, or the resources of a group; None for another path, or a group that there is not."""
    if path == "/version/":
        return dict.fromkeys(_VERSION, "") | {"gitVersion": "v1.33.0-stand-in"}
    versions = {(each.group, each.version) for each in resources if each.group}
    for group, version in versions:
        if path.rstrip("/") == f"/apis/{group}/{version}":
            here = [_resource(each) for each in resources if (each.group, each.version) == (group, version)]
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{group}/{version}",
                "resources": here,
            }
    return None


def _resource(of: Resource) -> Object:
    names = {"name": of.plural, "singularName": "", "kind": of.kind}
    return {**names, "namespaced": of.namespaced, "verbs": []}


def _verb(request: web.Request, name: str) -> str:
    if request.method == "GET":
        if request.query.get("watch") in TRUE:
            return "watch"
        return "get" if name else "list"
    if request.method == "DELETE" and not name:
        return "deletecollection"
    try:
        return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[request.method]
    except KeyError:
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method") from None


def _nothing() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")
