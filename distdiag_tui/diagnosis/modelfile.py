"""A model as a file: JSON and nothing but JSON, so that reading one can execute nothing.

Schema distdiag.model/1. Whatever is not exactly that is refused in one line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, Never

import numpy as np

from distdiag_tui.diagnosis.calibrate import Platt
from distdiag_tui.diagnosis.learned import About, Model
from distdiag_tui.diagnosis.linear import Linear
from distdiag_tui.diagnosis.prior import Prior
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import ModelError

SCHEMA: Final = "distdiag.model/1"

LARGEST: Final = 16_000_000
"""Bytes of a file."""
MOST_NAMES: Final = 4096
"""Metrics, causes or kinds."""
LONGEST: Final = 200
"""Characters of a name."""

FIELDS: Final = frozenset(
    {"schema", "about", "metrics", "kinds", "causes", "weights", "bias", "usual", "sure", "floors", "prior"}
)


def model_bytes(model: Model) -> bytes:
    """The file; numbers keep seven digits."""
    fields = {
        "schema": SCHEMA,
        "about": asdict(model.about),
        "metrics": model.metrics,
        "kinds": model.kinds,
        "causes": model.causes,
        "weights": _rounded(model.linear.weights),
        "bias": _rounded(model.linear.bias),
        "usual": _rounded(model.usual),
        "sure": asdict(model.sure),
        "floors": _rounded(model.floors),
        "prior": None if model.prior is None else asdict(model.prior),
    }
    return (json.dumps(fields, separators=(",", ":")) + "\n").encode()


def model_of(data: bytes) -> Model:
    """The inverse; ModelError for anything else."""
    if len(data) > LARGEST:
        raise ModelError(f"no model: larger than {LARGEST / 1e6:.0f} MB")
    try:
        fields = json.loads(data.decode(), parse_constant=_refuse)
        return _model(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ModelError(f"no model of {SCHEMA}: {error}") from None


def _model(fields: object) -> Model:
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise ValueError("another schema")
    if fields.keys() != FIELDS:
        raise ValueError(f"fields {', '.join(sorted(fields.keys() ^ FIELDS))}")
    metrics, kinds, causes = (_names(fields[name], name) for name in ("metrics", "kinds", "causes"))
    shape = len(causes), len(kinds) * len(metrics)
    return Model(
        metrics=metrics,
        kinds=kinds,
        causes=causes,
        linear=Linear(
            _numbers(fields["weights"], shape, "weights"), _numbers(fields["bias"], shape[:1], "bias")
        ),
        usual=_numbers(fields["usual"], shape, "usual"),
        sure=_platt(fields["sure"]),
        floors=_floors(_numbers(fields["floors"], (len(metrics),), "floors")),
        about=_about(fields["about"]),
        prior=None if fields["prior"] is None else _prior(fields["prior"]),
    )


def _platt(fields: Mapping[str, Any]) -> Platt:
    slope, shift = _numbers([fields["slope"], fields["shift"]], (2,), "a calibration").tolist()
    return Platt(slope, shift)


def _prior(fields: Mapping[str, Any]) -> Prior:
    return Prior(*_numbers([fields["rule"], fields["lead"], fields["shift"]], (3,), "prior").tolist())


def _about(fields: Mapping[str, Any]) -> About:
    about = About(**fields)
    texts = (about.created, about.catalogue, about.data, about.note)
    counts = (about.runs, about.examples)
    if not all(type(text) is str and len(text) <= LONGEST for text in texts):
        raise ValueError("about: a text is expected")
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("about: a count is expected")
    _names(list(about.scores), "scores", least=0)
    _numbers(list(about.scores.values()), (len(about.scores),), "scores")
    return about


def _names(value: object, what: str, least: int = 1) -> tuple[str, ...]:
    if not isinstance(value, list) or not least <= len(value) <= MOST_NAMES:
        raise ValueError(f"{what}: a list of {least} to {MOST_NAMES} names is expected")
    if not all(type(name) is str and 0 < len(name) <= LONGEST for name in value):
        raise ValueError(f"{what}: names are expected")
    if len(set(value)) != len(value):
        raise ValueError(f"{what}: names must differ")
    return tuple(value)


def _numbers(value: object, shape: tuple[int, ...], what: str) -> Floats:
    """Lists of plain numbers in exactly this shape."""
    array = np.array(value)  # ragged lists raise ValueError
    if value == [] and shape == (0,):
        return np.zeros(0)
    if array.shape != shape or array.dtype.kind not in "if" or not np.isfinite(array).all():
        raise ValueError(f"{what}: finite numbers of shape {shape} are expected")
    return array.astype(np.float64)


def _floors(floors: Floats) -> Floats:
    if not (floors > 0).all():
        raise ValueError("floors: numbers above 0 are expected")
    return floors


def _rounded(values: Floats) -> list[Any]:
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{value:.7g}") for value in values]


def _refuse(text: str) -> Never:
    raise ValueError(f"{text} is no number here")
