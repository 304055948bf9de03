"""This machine: Python, the terminal, the extras, programs, and folders of the user."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Final

from distdiag_tui.config.resolve import profiles_file
from distdiag_tui.doctor.check import Check
from distdiag_tui.ledger import state_folder
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.sysbench.installed import missing as sysbench_missing

PACKAGE: Final = "distdiag-tui"
OLDEST: Final = (3, 11)
MORE: Final = "256; if the terminal has more: COLORTERM=truecolor"
NARROWEST: Final = (80, 24)
_REQUIRED: Final = re.compile(r"([A-Za-z0-9._-]+).*;\s*extra\s*==\s*['\"]([\w-]+)['\"]")
_FOR_DEVELOPERS: Final = frozenset({"dev"})


def python() -> Iterator[Check]:
    """The version."""
    words = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= OLDEST:
        yield Check("python", "ok", words)
    else:
        yield Check("python", "failing", words, "install Python 3.11 or newer, and distdiag with it")


def terminal(environment: Mapping[str, str]) -> Iterator[Check]:
    """Whether the console has one, with room and letters enough."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        yield Check("terminal", "missing", "there is none here", "for the console: over SSH use ssh -t")
        return
    columns, lines = shutil.get_terminal_size()
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "")
    words = f"{environment.get('TERM', 'no TERM')}, {columns}x{lines}, {encoding or 'no encoding'}"
    if encoding != "utf8":
        yield Check("terminal", "failing", words, "set a locale of UTF-8, such as LANG=C.UTF-8")
    elif environment.get("TERM", "dumb") == "dumb":
        yield Check("terminal", "failing", words, "set TERM to what it is, such as xterm-256color")
    elif columns < NARROWEST[0] or lines < NARROWEST[1]:
        yield Check("terminal", "failing", words, "make it 80x24 or larger")
    else:
        yield Check("terminal", "ok", words)


def colours(environment: Mapping[str, str]) -> Iterator[Check]:
    """How many there are."""
    if environment.get("NO_COLOR"):
        yield Check("colours", "ok", "none, as NO_COLOR asks")
    elif environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        yield Check("colours", "ok", "16 million")
    elif "256" in environment.get("TERM", ""):
        yield Check("colours", "ok", MORE)
    else:
        mend = "if the terminal has them: COLORTERM=truecolor, or a TERM such as xterm-256color"
        yield Check("colours", "missing", "16 at most, as the environment says", mend)


def extras() -> Iterator[Check]:
    """Each of the extras, as the package itself names them."""
    for extra, packages in sorted(extra_packages(requires(PACKAGE) or ()).items()):
        absent = [name for name in packages if not _installed(name)]
        name = f"extra {extra}"
        if absent:
            mend = f"if you want it: pip install '{PACKAGE}[{extra}]'"
            yield Check(name, "missing", f"not installed: {', '.join(absent)}", mend)
        else:
            yield Check(name, "ok", ", ".join(f"{each} {version(each)}" for each in packages))


def extra_packages(required: Iterable[str]) -> dict[str, list[str]]:
    """Packages by extra.

    >>> extra_packages(["numpy>=2.0", "psutil>=6; extra == 'lab'", 'ruff; extra == "dev"'])
    {'lab': ['psutil']}
    """
    found: dict[str, list[str]] = {}
    for line in required:
        match = _REQUIRED.fullmatch(line)
        if match and match[2] not in _FOR_DEVELOPERS:
            found.setdefault(match[2], []).append(match[1])
    return found


def programs() -> Iterator[Check]:
    """Those that some workloads, anomalies and reports want."""
    if what := sysbench_missing():
        mend = f"if you want it (oltp stands in): {what}"
        yield Check("sysbench", "missing", "not here, or too old", mend)
    else:
        yield Check("sysbench", "ok", shutil.which("sysbench") or "")
    for name, use in (("stress-ng", "CPU stress of the lab"), ("obdiag", "reports of OceanBase's own")):
        found = shutil.which(name)
        mend = "" if found else f"only for {use}"
        yield Check(name, "ok" if found else "missing", found or "not here", mend)


def folders() -> Iterator[Check]:
    """Where runs, incidents, logs and profiles are kept."""
    folder = state_folder("")
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Check("state folder", "ok", str(folder))
    else:
        mend = f"make {there} writable, or name another folder in XDG_STATE_HOME"
        yield Check("state folder", "failing", f"{folder} cannot be written", mend)
    yield from _profiles(profiles_file())


def _profiles(file: Path) -> Iterator[Check]:
    if not file.is_file():
        yield Check("profiles", "missing", f"there is no {file}", "not needed; see README, Your own cluster")
        return
    from distdiag_tui.config.profiles import load_profiles  # noqa: PLC0415  pydantic costs 50 ms

    try:
        profiles = load_profiles(file)
    except ConfigError as error:
        yield Check("profiles", "failing", str(error), f"mend it in {file}")
        return
    yield Check("profiles", "ok", f"{file}: {', '.join(profiles.profile) or 'none'}")
    for secret in sorted({*_secrets(profiles.model_dump())}):
        if _open_to_others(secret):
            yield Check("secrets", "failing", f"{secret} can be read by others", f"chmod 600 {secret}")


def _secrets(tables: Mapping[str, Any]) -> Iterator[Path]:
    """The files that passwords and tokens are in."""
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from _secrets(value)
        elif key.endswith(("password_file", "token_file")) and value:
            yield Path(value)


def _open_to_others(file: Path) -> bool:
    """A file of ours, for what is somebody else's (as where Kubernetes puts secrets) is not ours to mend."""
    try:
        found = file.expanduser().stat()
    except (OSError, RuntimeError):  # RuntimeError: ~ of a user there is not
        return False  # whoever needs it says so
    return found.st_uid == os.geteuid() and bool(found.st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
