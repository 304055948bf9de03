"""The form of the catalogue's entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Literal, cast

from distdiag_tui.anomalies.protocol import Fault, Severity, Site
from distdiag_tui.workloads.options import Values

SILENT: Final = "no figures any more: the server does not answer"

Injector = Literal["signals", "stress-ng", "disk", "proxy", "sql", "chaos"]


@dataclass(frozen=True, slots=True)
class Means:
    """One way to make an anomaly. `maker` is "module:class" below this package: imported when it is needed.

    `holds` names what two injections on one server cannot both have. `needs` is "lab" or "kubernetes", or ""
    for any server. `words` says what is done, with the parameters' names in braces. `finite` ones may be over
    before their time. `lingers`: seconds that undoing takes at times, without anything being wrong.
    """

    injector: Injector
    maker: str
    words: str
    levels: Mapping[Severity, Values]
    needs: Literal["", "lab", "kubernetes"] = ""
    holds: tuple[str, ...] = ()
    finite: bool = False
    lingers: float = 3.0
    check: str = ""  # "module:function" that says what to install first, "" for nothing

    def create(self, site: Site) -> Fault:
        """The fault at a site."""
        return cast("Callable[[Site], Fault]", _load(self.maker))(site)

    def missing(self) -> str:
        """What has to be installed first, in a few words; "" if nothing."""
        return cast("Callable[[], str]", _load(self.check))() if self.check else ""

    def describe(self, severity: Severity) -> str:
        """What is done at this severity, in one line."""
        return self.words.format(**self.levels[severity])


@dataclass(frozen=True, slots=True)
class Symptom:
    """A metric that moves: up (+1) or down (-1), as measured on a lab node under some load."""

    metric: str
    way: Literal[1, -1]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One entry. `cause` is the label that diagnosis should give; `spreads`: effects on other servers.

    Without `symptoms` the server gives no figures any more.
    """

    id: str
    title: str
    about: str
    cause: str
    symptoms: tuple[Symptom, ...]
    risk: str
    means: tuple[Means, ...]
    spreads: str = ""

    @property
    def shows(self) -> str:
        """The symptoms in a line, each metric with an arrow."""
        moved = " ".join(f"{each.metric}{'↑' if each.way > 0 else '↓'}" for each in self.symptoms)
        return moved or SILENT


def _load(path: str) -> object:
    module, _, name = path.partition(":")
    return getattr(import_module(f"distdiag_tui.anomalies.{module}"), name)
