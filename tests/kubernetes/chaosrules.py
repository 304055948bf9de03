"""What Chaos Mesh's admission webhook checks beyond the schemas, as far as its rules are recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from apistatus import Cause

_DURATION = re.compile(r"-?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_RATE = re.compile(r"\d+([kmgt]?bit|[kmgt]?bps)")
_SIZE = re.compile(r"\d+(\.\d+)?\s*([kKMGT]i?)?B|(100|\d{1,2})%")

Causes = Iterator[Cause]


def webhook(body: dict[str, Any]) -> Causes:
    """What is wrong with a chaos object."""
    spec = body.get("spec") or {}
    if spec.get("duration") and not _is_duration(spec["duration"]):
        yield Cause("spec.duration", f'Invalid value: "{spec["duration"]}": time: invalid duration')
    yield from _mode(spec, "spec")
    match body["kind"]:
        case "StressChaos":
            yield from _stress(spec)
        case "NetworkChaos":
            yield from _network(spec)
        case "IOChaos":
            yield from _io(spec)
        case "PodChaos":
            if spec.get("action") == "container-kill" and not spec.get("containerNames"):
                yield Cause("spec.containerNames", "Invalid value: it is empty with action container-kill")
        case "TimeChaos":
            if not _is_duration(spec.get("timeOffset", "")):
                yield Cause("spec.timeOffset", "Invalid value: time: invalid duration")


def _is_duration(text: str) -> bool:
    return bool(_DURATION.fullmatch(text))


def _mode(spec: dict[str, Any], path: str) -> Causes:
    mode, value = spec.get("mode"), str(spec.get("value", ""))
    if mode == "fixed" and not (value.isdigit() and int(value) > 0):
        yield Cause(f"{path}.value", "Invalid value: mode fixed needs an integer above 0")
    if mode in ("fixed-percent", "random-max-percent") and not (value.isdigit() and 1 <= int(value) <= 100):
        yield Cause(f"{path}.value", f"Invalid value: mode {mode} needs an integer from 1 to 100")


def _stress(spec: dict[str, Any]) -> Causes:
    stressors = spec.get("stressors")
    if not stressors and not spec.get("stressngStressors"):
        yield Cause("spec", "Invalid value: missing stressors")
        return
    if stressors is not None and not (stressors.get("cpu") or stressors.get("memory")):
        yield Cause("spec.stressors", "Invalid value: missing stressors")
    for name, stressor in (stressors or {}).items():
        if stressor.get("workers", 0) <= 0:
            yield Cause(f"spec.stressors.{name}.workers", "Invalid value: workers must be above 0")
    size = ((stressors or {}).get("memory") or {}).get("size", "")
    if size and not _SIZE.fullmatch(size):
        yield Cause("spec.stressors.memory.size", f'Invalid value: "{size}": incorrect bytes format')


def _network(spec: dict[str, Any]) -> Causes:
    yield from _netem(spec)
    if spec.get("target"):
        yield from _mode(spec["target"], "spec.target")
    if spec.get("direction", "to") == "to" or spec.get("action") == "partition":
        return
    if not spec.get("target"):
        yield Cause("spec.target", f"Invalid value: direction {spec['direction']} needs a target")
    if spec.get("externalTargets"):
        yield Cause("spec.externalTargets", f"Invalid value: not with direction {spec['direction']}")


def _netem(spec: dict[str, Any]) -> Causes:
    for part in ("loss", "duplicate", "corrupt", "delay"):
        found = spec.get(part) or {}
        for field in ({part, "correlation"} - {"delay"}) & found.keys():
            if not _NUMBER.fullmatch(found[field]):
                yield Cause(f"spec.{part}.{field}", f'Invalid value: "{found[field]}": no number')
    for field in ("latency", "jitter"):
        text = (spec.get("delay") or {}).get(field, "0s")
        if not _is_duration(text):
            yield Cause(f"spec.delay.{field}", f'Invalid value: "{text}": time: invalid duration')
    for part in ("bandwidth", "rate"):
        if part in spec and not _RATE.fullmatch(spec[part].get("rate", "")):
            yield Cause(f"spec.{part}.rate", f'Invalid value: "{spec[part].get("rate")}": invalid unit')


def _io(spec: dict[str, Any]) -> Causes:
    if spec.get("action") == "fault" and not spec.get("errno"):
        yield Cause("spec.errno", "Invalid value: 0: action fault needs an errno")
    if not 0 <= spec.get("percent", 100) <= 100:
        yield Cause("spec.percent", f"Invalid value: {spec['percent']}: must be in 0 to 100")
    if not _is_duration(spec.get("delay", "1ms")):
        yield Cause("spec.delay", "Invalid value: time: invalid duration")
