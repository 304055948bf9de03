"""Which API server, and as whom: from the kubeconfig, or inside a pod from its service account."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import kube_config, load_incluster_config, load_kube_config

from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import ConfigError

_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the API server. `files` are as in KUBECONFIG, but absolute; empty inside a pod."""

    files: str
    context: str
    namespace: str

    async def load(self, into: Configuration) -> None:
        """Read address and credentials, again if they were read before: tokens expire.

        ConfigError if the files or the program that hands out tokens are no good.
        """
        try:
            if self.files:
                await load_kube_config(self.files, self.context, into, persist_config=False)
            else:
                load_incluster_config(into)  # type: ignore[no-untyped-call]
        except Exception as error:  # the library lets through whatever a broken file causes
            raise ConfigError(f"{self.files or 'service account'}: {_words(error)}") from error


def forget_key_files() -> None:
    """Remove keys and certificates that the library has put into files: a client that is made has read them.

    It removes them only where a process ends in order, which supervisors and workers do not.
    """
    kube_config._cleanup_temp_files()


def find_access(place: Place) -> Access:
    """ConfigError if there is no configuration, or no such context in it."""
    files = place.files or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    found = [Path(file).expanduser() for file in files.split(os.pathsep) if file]
    found = [file for file in found if file.is_file()]
    if found:
        context, namespace = _context(found, place.context)
        files = os.pathsep.join(str(file.absolute()) for file in found)
        return Access(files, context, place.namespace or namespace or "default")
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise ConfigError(f"there is no Kubernetes configuration {files}; set KUBECONFIG")
    return Access("", "", place.namespace or _own_namespace())


def _own_namespace() -> str:
    """Of the pod that we are in."""
    try:
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"no namespace is named, nor does this pod say its own: {error}") from error


def _context(files: Sequence[Path], wanted: str) -> tuple[str, str]:
    """The name and the namespace of the wanted context, else of the current one; the first file wins."""
    documents = [_document(file) for file in files]
    name = wanted or next(filter(None, (each.get("current-context") for each in documents)), "")
    contexts = [context for each in documents for context in each.get("contexts") or ()]
    for context in contexts:
        if context.get("name") == name:
            return name, (context.get("context") or {}).get("namespace") or ""
    there = ", ".join(context["name"] for context in contexts if "name" in context) or "none"
    what = f"no context {name!r}" if name else "no current context"
    raise ConfigError(f"{', '.join(map(str, files))}: {what}; there are: {there}")


def _document(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: {_words(error)}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{file} is not a kubeconfig")
    return document


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
