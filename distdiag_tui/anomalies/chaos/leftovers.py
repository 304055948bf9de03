"""What is in a namespace of all that any run of this program ever made there with Chaos Mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from distdiag_tui.anomalies.chaos.manifests import KINDS, MANAGED, owner, selector
from distdiag_tui.anomalies.chaos.objects import Mark, Objects, at
from distdiag_tui.anomalies.chaos.status import read_state
from distdiag_tui.kube.cluster import opened
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import KubernetesError

_PATIENCE: Final = 10.0
_REMOVAL: Final = 15.0  # seconds for one object


@dataclass(frozen=True, slots=True)
class Leftover:
    """An object with where it is; `words` says how far it is."""

    mark: Mark
    words: str

    @property
    def ours(self) -> bool:
        """Whether this user made it on this machine."""
        return self.mark.owner == owner()


async def leftovers(kube: Mapping[str, Any]) -> list[Leftover]:
    """All objects of the namespace that this program made, whoever started it; none without Chaos Mesh.

    ForbiddenError for who may not list them all.
    """
    async with opened(Place.of(kube), _PATIENCE) as cluster:
        objects = Objects(cluster)
        found = [item for kind in KINDS for item in await objects.listed(kind, selector(MANAGED))]
        return [Leftover(Mark.of(cluster, item), read_state(item).words) for item in found]


async def remove(found: Sequence[Leftover]) -> None:
    """Delete them all and see that they go; KubernetesError tells what stays."""
    trouble = [words for each in found if (words := await _remove(each.mark))]
    if trouble:
        raise KubernetesError("; ".join(trouble))


async def _remove(mark: Mark) -> str:
    try:
        async with at(mark, _PATIENCE) as cluster:
            objects = Objects(cluster)
            item = await objects.get(mark)
            if item is not None and mark.is_of(item):
                await objects.delete(item)
                await objects.gone(mark, _REMOVAL)
    except KubernetesError as error:
        return str(error)
    return ""
