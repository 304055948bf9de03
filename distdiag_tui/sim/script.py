"""What is to happen to a stand-in, and when, from a TOML file.

[[step]]
at = 30              # seconds after the start
do = "stop_server"   # a method of Sim
server = "z1s1"      # its arguments by name
"""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distdiag_tui.model.errors import ConfigError, DistdiagError
from distdiag_tui.sim.actions import ACTIONS
from distdiag_tui.sim.sim import Sim


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, `at` seconds after the start."""

    at: float
    do: str
    arguments: Mapping[str, Any]

    @property
    def line(self) -> str:
        """For people."""
        told = ", ".join(f"{name} {value}" for name, value in self.arguments.items())
        return f"{self.at:g} s: {self.do}{' ' * bool(told)}{told}"


def read_script(path: Path) -> tuple[Step, ...]:
    """The steps in order of time; ConfigError in one line for whatever is wrong with them."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    listed = document.pop("step", None)
    if not isinstance(listed, list) or document:
        raise ConfigError(f"{path}: a script has [[step]] tables and nothing else")
    steps = [_step(path, number, each) for number, each in enumerate(listed, 1)]
    return tuple(sorted(steps, key=lambda step: step.at))


def _step(path: Path, number: int, table: Any) -> Step:  # noqa: ANN401  as TOML has it
    where = f"{path}: step {number}"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} is no table")
    rest = dict(table)
    at, do = rest.pop("at", None), rest.pop("do", None)
    if isinstance(at, bool) or not isinstance(at, (int, float)) or at < 0:
        raise ConfigError(f"{where}: at is the time in seconds, 0 or more")
    if do not in ACTIONS:
        raise ConfigError(f"{where}: do is one of {', '.join(ACTIONS)}")
    _check(where, do, rest)
    return Step(float(at), do, rest)


def _check(where: str, do: str, given: Mapping[str, Any]) -> None:
    """That an action's arguments are there and of their types."""
    known = dict(inspect.signature(getattr(Sim, do)).parameters)
    known.pop("self")
    for name in given:
        if name not in known:
            raise ConfigError(f"{where}: {do} knows no {name}; it knows {', '.join(known)}")
    for name, parameter in known.items():
        if name not in given:
            if parameter.default is inspect.Parameter.empty:
                raise ConfigError(f"{where}: {do} needs {name}")
            continue
        numeric = parameter.annotation == "float"
        if isinstance(given[name], bool) or not isinstance(given[name], (int, float) if numeric else str):
            raise ConfigError(f"{where}: {name} is a {'number' if numeric else 'text'}")


async def play(sim: Sim, steps: Sequence[Step], tell: Callable[[str], None]) -> None:
    """Let them happen, each in its time. One that cannot be is told, and the others go on."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for step in steps:
        await asyncio.sleep(began + step.at - clock())
        try:
            done = getattr(sim, step.do)(**step.arguments)
            if isinstance(done, Awaitable):
                await done
        except (DistdiagError, OSError) as error:
            tell(f"{step.line}: {error}")
        else:
            tell(step.line)
