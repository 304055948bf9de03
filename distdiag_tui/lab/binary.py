"""Find the database server that the `lab` extra installs, without loading any of it."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from distdiag_tui.model.errors import LabError
from distdiag_tui.model.inherited import plain_environment

MISSING_EXTRA = "the lab extra is not installed; install it with: pip install 'distdiag-tui[lab]'"
_MACHINES = ("x86_64", "aarch64")
_GLIBC = (2, 28)


@dataclass(frozen=True, slots=True)
class Server:
    """The server program and the folders its shared libraries are in."""

    executable: Path
    library_path: str

    def environment(self) -> dict[str, str]:
        """What any program needs of ours, and no password, with the server's libraries first."""
        ours = plain_environment()
        libraries = filter(None, (self.library_path, ours.get("LD_LIBRARY_PATH")))
        return {**ours, "LD_LIBRARY_PATH": ":".join(libraries)}


def find_server() -> Server:
    """The installed server. LabError on an unsupported platform or without the extra."""
    check_platform(platform.system(), platform.machine(), platform.libc_ver())
    check_psutil()
    spec = importlib.util.find_spec("pylibseekdb")
    folders = (spec and spec.submodule_search_locations) or ()
    for folder in map(Path, folders):
        executable = folder / "seekdb"
        if os.access(executable, os.X_OK):
            return Server(executable, f"{folder}:{folder.with_name('pylibseekdb.libs')}")
    raise LabError(MISSING_EXTRA)


def check_platform(system: str, machine: str, libc: tuple[str, str]) -> None:
    """LabError unless the server runs here: Linux on x86_64 or aarch64, with glibc 2.28 or newer."""
    if system != "Linux" or machine not in _MACHINES:
        raise LabError(f"the lab runs on Linux (x86_64, aarch64) only, this is {system} on {machine}")
    name, version = libc
    if name != "glibc" or _numbers(version) < _GLIBC:
        found = f"{name} {version}".strip() or "another C library"
        raise LabError(f"the lab needs glibc {_GLIBC[0]}.{_GLIBC[1]} or newer, this system has {found}")


def check_psutil() -> None:
    """LabError if psutil, which comes with the extra, is absent."""
    if importlib.util.find_spec("psutil") is None:
        raise LabError(MISSING_EXTRA)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
