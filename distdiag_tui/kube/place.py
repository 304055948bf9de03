"""Which Kubernetes cluster is meant, and where in it; light to import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from distdiag_tui.model.errors import ConfigError

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Place:
    """An empty namespace or context means the current one; `cluster` is an OBCluster's name, "" for any.

    `files` are kubeconfigs, as in KUBECONFIG; "" for those that the environment names.
    """

    context: str = ""
    namespace: str = ""
    cluster: str = ""
    files: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Place:
        """From a mapping with any of the first three; ConfigError for a namespace that cannot be."""
        place = cls(*(str(given.get(key) or "") for key in ("context", "namespace", "cluster")))
        require_namespace(place.namespace)
        return place


def require_namespace(name: str) -> None:
    """ConfigError for what is not the name of a namespace, nor empty."""
    if name and not _LABEL.fullmatch(name):
        raise ConfigError(f"{name!r} is not the name of a namespace")


def missing() -> str:
    """What to install first, "" if nothing."""
    return "" if find_spec("kubernetes_asyncio") else "pip install 'distdiag-tui[k8s]'"
