"""Whether sysbench is installed, and what installs it; light to import."""

from __future__ import annotations

import re
import shutil
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

from distdiag_tui.model.inherited import plain_environment

NAME: Final = "sysbench"
_INSTALLERS: Final = {
    "debian": "apt-get install sysbench",
    "ubuntu": "apt-get install sysbench",
    "fedora": "dnf install sysbench",
    "rhel": "dnf install sysbench",
    "centos": "dnf install sysbench",
    "suse": "zypper install sysbench",
    "arch": "pacman -S sysbench",
}


def missing() -> str:
    """What to do first: "" if sysbench is here and works, else the command that installs it."""
    found = shutil.which(NAME)
    if found is None:
        return install_command()
    return _complaint(found, Path(found).stat().st_mtime_ns)


def install_command() -> str:
    """For this platform."""
    if sys.platform == "darwin":
        return "brew install sysbench"
    for system in _systems():
        if system in _INSTALLERS:
            return _INSTALLERS[system]
    return "install the package sysbench, 1.0 or later"


def _systems() -> list[str]:
    """What this Linux is and what it is like, the nearest first."""
    import platform  # noqa: PLC0415  only where sysbench is missing

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    return [release.get("ID", ""), *release.get("ID_LIKE", "").split()]


@lru_cache(maxsize=8)
def _complaint(program: str, _changed: int) -> str:
    """Asked once for each version of the file: it takes 10 ms."""
    import subprocess  # noqa: PLC0415  nobody else needs it here

    try:
        asked = subprocess.run(  # noqa: S603 - the program that PATH names, without a shell
            [program, "--version"],
            env=plain_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"{program} does not run; {install_command()}"
    version = re.match(r"sysbench (\d+)(\.\S+)", asked.stdout)
    if version is None:
        return f"{program} does not run; {install_command()}"
    if int(version[1]) < 1:
        return f"{program} is {version[1]}{version[2]}, and 1.0 is needed; {install_command()}"
    return ""
