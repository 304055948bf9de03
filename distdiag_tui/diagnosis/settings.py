"""How fast a detector learns, and how soon it alarms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in ticks.

    A score is over the `top` metrics that deviate most, and in each group over the `group_top`. A server
    alarms when `hits` of the last `of` scores are at its threshold, and those of twice as many ticks are
    together `weight` beyond `alarms.MARGIN`: the less it is sick, the longer that takes. It does so until
    `quiet` in a row are below `release`. An alarm that lasts for `patience`, or thrice the reference, is the
    new normal; a third of `patience` suffices where what is usual is only supposed. That is done of servers
    that serve for `young` seconds at least: before they do more of starting than of their work. Drifting
    metrics are compared with `lag` ticks before. What is known of `worth` ticks is worth to be remembered.
    """

    memory: int = 180
    least: int = 20
    top: int = 8
    group_top: int = 2
    hits: int = 3
    of: int = 4
    weight: float = 1.8
    quiet: int = 5
    release: float = 0.8
    patience: int = 1800
    smooth: int = 3
    lag: int = 20
    young: float = 1800.0
    worth: int = 60
