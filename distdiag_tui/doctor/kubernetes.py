"""What the console may work with besides: Kubernetes."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

from distdiag_tui.doctor.check import Check
from distdiag_tui.doctor.rights import rights
from distdiag_tui.kube.place import Place, missing
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Target


async def kubernetes(target: Target | None) -> AsyncIterator[Check]:
    """The context, and what the account may do there."""
    found = shutil.which("kubectl")
    yield Check("kubectl", "ok", found) if found else Check("kubectl", "missing", "not here", "not needed")
    if what := missing():
        yield Check("kubernetes", "missing", "its library is not here", f"only for Kubernetes: {what}")
        return
    from distdiag_tui.kube.access import find_access  # noqa: PLC0415  half a second, and an extra

    wanted = target.kube if target is not None else None
    try:
        place = Place.of(wanted or {})
        access = find_access(place)
    except ConfigError as error:
        if wanted is None:
            yield Check("kubernetes", "missing", str(error), "only for Kubernetes")
        else:
            yield Check("kubernetes", "failing", str(error), "mend the profile, or KUBECONFIG")
        return
    yield Check(
        "kubernetes", "ok", f"context {access.context or 'of this pod'}, namespace {access.namespace}"
    )
    async for check in rights(place, needed=wanted is not None):
        yield check
