"""Checks that the types alone do not make: names, labels, and what a Job, a Pod or a Secret must have."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from apistatus import Cause

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
_ENV = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")

Causes = Iterator[Cause]


def metadata(meta: dict[str, Any], longest: int = 253) -> Causes:
    name = meta.get("name") or ""
    if not _DNS_SUBDOMAIN.fullmatch(name):
        words = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        )
        yield Cause("metadata.name", f'Invalid value: "{name}": {words}')
    if len(name) > longest:
        yield Cause("metadata.name", f'Invalid value: "{name}": must be no more than {longest} characters')
    yield from labels(meta.get("labels"), "metadata.labels")
    for key in meta.get("annotations") or {}:
        yield from _qualified_key(key, "metadata.annotations")


def labels(found: dict[str, str] | None, path: str) -> Causes:
    for key, value in (found or {}).items():
        yield from _qualified_key(key, path)
        if value and not _QUALIFIED.fullmatch(value):
            yield Cause(
                path, f'Invalid value: "{value}": a valid label must be an empty string or consist of …'
            )


def _qualified_key(key: str, path: str) -> Causes:
    prefix, slash, name = key.rpartition("/")
    if not _QUALIFIED.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
        yield Cause(path, f'Invalid value: "{key}": name part must consist of alphanumeric characters, …')


def secret(body: dict[str, Any]) -> Causes:
    for key, value in (body.get("data") or {}).items():
        if not _KEY.fullmatch(key):
            yield Cause(f"data[{key}]", f'Invalid value: "{key}": a valid config key must consist of …')
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            yield Cause(f"data[{key}]", "illegal base64 data")


def job(body: dict[str, Any]) -> Causes:
    spec = body.get("spec") or {}
    for field in (
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "parallelism",
        "completions",
    ):
        if (spec.get(field) or 0) < 0:
            yield _negative(f"spec.{field}", spec[field])
    if "selector" in spec and not spec.get("manualSelector"):
        yield Cause("spec.selector", "Invalid value: `selector` not auto-generated")
    template = spec.get("template") or {}
    yield from labels((template.get("metadata") or {}).get("labels"), "spec.template.labels")
    path, pod_spec = "spec.template.spec", template.get("spec") or {}
    policy = pod_spec.get("restartPolicy")
    if policy is None:
        words = 'Required value: valid values: "OnFailure", "Never"'
        yield Cause(f"{path}.restartPolicy", words, "FieldValueRequired")
    elif policy not in ("OnFailure", "Never"):
        yield _unsupported(f"{path}.restartPolicy", policy, ("OnFailure", "Never"))
    yield from pod(pod_spec, path)


def pod(spec: dict[str, Any], path: str) -> Causes:
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        yield _negative(f"{path}.terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"])
    yield from _seccomp(spec.get("securityContext") or {}, f"{path}.securityContext")
    for index, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        yield from _spread(spread, f"{path}.topologySpreadConstraints[{index}]")
    volumes = [volume.get("name", "") for volume in spec.get("volumes") or ()]
    for index, name in enumerate(volumes):
        yield from _label(name, f"{path}.volumes[{index}].name")
    names: set[str] = set()
    for index, container in enumerate(spec.get("containers") or ()):
        where = f"{path}.containers[{index}]"
        yield from _container(container, where, volumes)
        if container.get("name") in names:
            yield Cause(f"{where}.name", f'Duplicate value: "{container["name"]}"', "FieldValueDuplicate")
        names.add(container.get("name", ""))


def _container(container: dict[str, Any], path: str, volumes: list[str]) -> Causes:
    yield from _label(container.get("name", ""), f"{path}.name")
    if not container.get("image"):
        yield Cause(f"{path}.image", "Required value", "FieldValueRequired")
    elif container["image"] != container["image"].strip():
        yield Cause(f"{path}.image", "Invalid value: must not have leading or trailing whitespace")
    if container.get("imagePullPolicy", "Always") not in ("Always", "IfNotPresent", "Never"):
        yield _unsupported(
            f"{path}.imagePullPolicy", container["imagePullPolicy"], ("Always", "IfNotPresent", "Never")
        )
    for index, variable in enumerate(container.get("env") or ()):
        yield from _variable(variable, f"{path}.env[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            yield Cause(
                f"{path}.volumeMounts[{index}].name",
                f'Not found: "{mount.get("name")}"',
                "FieldValueNotFound",
            )
    for part in ("requests", "limits"):
        for name, quantity in ((container.get("resources") or {}).get(part) or {}).items():
            if not _QUANTITY.fullmatch(str(quantity)):
                yield Cause(
                    f"{path}.resources.{part}[{name}]",
                    f'Invalid value: "{quantity}": quantities must match …',
                )


def _variable(variable: dict[str, Any], path: str) -> Causes:
    if not _ENV.fullmatch(variable.get("name", "")):
        yield Cause(
            f"{path}.name", f'Invalid value: "{variable.get("name")}": a valid environment variable name …'
        )
    source = variable.get("valueFrom")
    if source is not None and variable.get("value"):
        yield Cause(f"{path}.valueFrom", "Invalid value: may not be specified when `value` is not empty")
    if source is not None and len(source) != 1:
        yield Cause(f"{path}.valueFrom", "Invalid value: must specify exactly one source")


def _spread(spread: dict[str, Any], path: str) -> Causes:
    if spread.get("maxSkew", 1) <= 0:
        yield Cause(f"{path}.maxSkew", f"Invalid value: {spread['maxSkew']}: must be greater than zero")
    if spread.get("whenUnsatisfiable") not in ("DoNotSchedule", "ScheduleAnyway"):
        allowed = ("DoNotSchedule", "ScheduleAnyway")
        yield _unsupported(f"{path}.whenUnsatisfiable", spread.get("whenUnsatisfiable"), allowed)


def _seccomp(context: dict[str, Any], path: str) -> Causes:
    kind = (context.get("seccompProfile") or {"type": "Unconfined"}).get("type")
    allowed = ("Localhost", "RuntimeDefault", "Unconfined")
    if kind not in allowed:
        yield _unsupported(f"{path}.seccompProfile.type", kind, allowed)


def _label(name: str, path: str) -> Causes:
    if not _DNS_LABEL.fullmatch(name):
        yield Cause(path, f'Invalid value: "{name}": a lowercase RFC 1123 label must consist of …')


def _unsupported(path: str, value: object, allowed: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{each}"' for each in allowed)
    return Cause(path, f'Unsupported value: "{value}": supported values: {listed}', "FieldValueNotSupported")


def _negative(path: str, value: object) -> Cause:
    return Cause(path, f"Invalid value: {value}: must be greater than or equal to 0")
