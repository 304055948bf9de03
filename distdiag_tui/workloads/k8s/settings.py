"""What the Kubernetes runner is told, checked; light to import."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distdiag_tui.kube.place import Place, require_namespace
from distdiag_tui.model.errors import ConfigError

IMAGE_VARIABLE: Final = "DISTDIAG_IMAGE"
MOST_JOBS: Final = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the jobs go and from which image; an empty namespace or context means the current one."""

    image: str
    jobs: int = 1
    namespace: str = ""
    context: str = ""

    @classmethod
    def of(cls, runner: Mapping[str, Any]) -> Settings:
        """From the mapping that a wish carries; ConfigError says what is missing or wrong."""
        image = runner.get("image") or os.environ.get(IMAGE_VARIABLE, "")
        jobs, namespace = runner.get("jobs") or 1, runner.get("namespace") or ""
        if not image:
            raise ConfigError(
                "load in Kubernetes needs an image that has distdiag-tui installed: "
                f"give --image REGISTRY/NAME:TAG, or set {IMAGE_VARIABLE}"
            )
        if re.search(r"\s", image):
            raise ConfigError(f"{image!r} is not the name of an image")
        if not 1 <= jobs <= MOST_JOBS:
            raise ConfigError(f"--jobs takes 1 to {MOST_JOBS}, not {jobs}")
        require_namespace(namespace)
        return cls(image, jobs, namespace, runner.get("context") or "")

    @property
    def place(self) -> Place:
        """Where the jobs go."""
        return Place(self.context, self.namespace)


def origin(journal: Path) -> str:
    """A label's value that tells the runs of this user's journal on this machine from all others."""
    words = f"{socket.gethostname()}\0{os.getuid()}\0{journal.absolute()}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]
