"""What a running stand-in leaves for other commands: where it is, and the password. Cheap to read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from distdiag_tui.lab.state import LabLock, create_password, load_password
from distdiag_tui.model.errors import LabError
from distdiag_tui.model.target import Endpoint, Secret, Target

_FILES: Final = ("sim.json", "password", "lock")
NONE: Final = "no stand-in is running; start one with: distdiag lab sim"


def sim_home() -> Path:
    """The stand-in's folder: $DISTDIAG_SIM_HOME, or `sim` in the platform's folder for user state."""
    if chosen := os.environ.get("DISTDIAG_SIM_HOME"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_state_path  # noqa: PLC0415  costs 20 ms

    return user_state_path("distdiag", appauthor=False) / "sim"


@contextmanager
def claimed(home: Path) -> Iterator[Secret]:
    """Be the one stand-in of this folder, with a password of its own. LabError if another one is."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make the folder {home}: {error.strerror}") from error
    lock = LabLock(home)
    if not lock.try_acquire():
        raise LabError(f"a stand-in is running already; set DISTDIAG_SIM_HOME for another (now {home})")
    try:
        yield create_password(home)
    finally:
        for name in _FILES:
            (home / name).unlink(missing_ok=True)
        lock.release()


def announce(home: Path, target: Target) -> None:
    """Let other commands find it."""
    document = {
        "cluster": target.cluster,
        "user": target.user,
        "endpoints": [[each.host, each.port] for each in target.endpoints],
    }
    (home / "sim.json").write_text(json.dumps(document) + "\n", encoding="utf-8")


def sim_target(home: Path | None = None) -> Target:
    """How to connect to the stand-in that runs; LabError if none does."""
    home = home or sim_home()
    password = load_password(home)
    if password is None or not _is_held(home):
        raise LabError(NONE)
    try:
        match json.loads((home / "sim.json").read_text(encoding="utf-8")):
            case {"cluster": str(cluster), "user": str(user), "endpoints": [_, *_] as listed}:
                endpoints = tuple(Endpoint(str(host), int(port)) for host, port in listed)
                return Target(cluster, endpoints, user, password)
    except (OSError, ValueError, TypeError):
        pass
    raise LabError(f"the stand-in's file {home / 'sim.json'} cannot be read; start it anew")


def _is_held(home: Path) -> bool:
    lock = LabLock(home)
    if lock.try_acquire():
        lock.release()
        return False
    return True
