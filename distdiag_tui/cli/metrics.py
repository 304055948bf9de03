"""`distdiag metrics`: the catalogue as text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from distdiag_tui.model.metrics import CATALOGUE, LEVELS, Column, Metric


def print_metrics(*, as_json: bool) -> None:
    """The catalogue as a table or a JSON array."""
    rows = [_row(metric) for metric in CATALOGUE]
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['id']:20} {row['unit']:4} {row['formula']}\n{'':20} {'':4} {row['about']}")


def _row(metric: Metric) -> dict[str, str]:
    return {
        "id": metric.id,
        "title": metric.title,
        "unit": metric.unit,
        "kind": metric.kind.value,
        "group": metric.group,
        "formula": formula(metric),
        "bad": metric.bad.value,
        "scope": "server, tenant" if metric.tenant_scope else "server",
        "about": metric.about,
    }


def formula(metric: Metric) -> str:
    """The metric's formula, rates of totals written as r(id).

    >>> from distdiag_tui.model.metrics import metric
    >>> formula(metric("row_cache_hit")), formula(metric("memstore_used"))
    ('100 * r(50000) / (r(50000) + r(50001))', '130001')
    """
    scale = "" if metric.scale == 1 else f"{metric.scale:g} * "
    over = _sum(metric.over)
    if not metric.under:
        return scale + over
    under = _sum(metric.under)
    if metric.least:
        under = f"max({metric.least:g}, {under})"
    return f"{scale}{over} / {under}"


def _sum(columns: Sequence[Column]) -> str:
    terms = [str(column) if column in LEVELS else f"r({column})" for column in columns]
    return terms[0] if len(terms) == 1 else f"({' + '.join(terms)})"
