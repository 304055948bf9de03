"""What a recording that is asked for over HTTP is about, and what becomes of it where it cannot be."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.api.collecting import NORMAL, Collector
from distdiag_tui.api.tap import Tap
from distdiag_tui.sources.frame import Frame

NOW = time.time()
WAITING = Injection(
    "cpu_stress-1", "cpu_stress", "signals", "low", "lab", "n1", "127.0.0.1:1", {}, 60.0, NOW, NOW + 600
)


class Silent:
    async def frames(self) -> AsyncGenerator[Frame, None]:
        """None."""
        return
        yield


def collector(root: Path, *injected: Injection) -> Collector:
    return Collector(root, Tap(Silent()), lambda: list(injected), list)


def test_what_is_injected_is_told_though_it_cannot_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = collector(tmp_path / "file").begin_in_words("cpu_stress", ["n1"], made=["cpu_stress-1"])
    assert words.startswith("not recorded: cannot write ")


def test_many_servers_with_long_names_make_no_name_that_no_file_can_have(tmp_path: Path) -> None:
    names = [f"obcluster-1-zone{number}-8bcd7c6a2f60" for number in range(40)]
    begun = collector(tmp_path)
    assert begun.begin_in_words("cpu_stress+slow_sql", names, made=["a"]) == "it is recorded"
    assert begun.begin_in_words("slow_sql", names, made=["b"]) == "something is being recorded already"


def test_what_only_waits_to_be_injected_is_no_fault_yet(tmp_path: Path) -> None:
    waiting = collector(tmp_path, WAITING)
    assert waiting.begin(NORMAL)
    assert waiting.current is not None
    assert waiting._faults(waiting.current) == []
    there = collector(tmp_path / "b", replace(WAITING, applied=NOW, phase="active"))
    assert there.begin(NORMAL)
    assert there.current is not None
    assert len(there._faults(there.current)) == 1
