"""What was usual the last time that somebody looked: remembered by the next one, kept in a file."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clusters import NAMES, Cluster, signs_of

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.diagnosis.usual import Usual, aligned
from distdiag_tui.engine import Engine
from distdiag_tui.engine.memory import FORGOTTEN, RECENT, Memory
from distdiag_tui.learning.runs import load_runs
from distdiag_tui.model.snapshot import Totals
from distdiag_tui.recording.reader import open_recording
from distdiag_tui.sources.frame import Frame

RECORDED = Path(__file__).parents[1] / "data" / "lab" / "runs" / "round5"
STORM = {"n2": signs_of("connection_storm")}
LESS = (
    "qps", "insert_rate", "update_rate", "delete_rate", "rows_written_rate", "other_rate", "replace_rate",
    "select_rate", "rows_read_rate",
)  # fmt: skip
"""What is no cause, if all of it falls."""
NOW = 1_800_000_000.0


class Nothing:
    """Running totals of which nothing follows."""

    columns = np.full((1, 0), np.nan)
    tenants = (1,)
    at = 0.0


def later(usual: Usual | None, hours: float = 3.0, uptime: float | None = 600.0) -> Cluster:
    """The same servers, and a diagnoser that has not seen them."""
    cluster = Cluster(seed=4)
    cluster.time += hours * 3600
    totals: Totals = Nothing()
    cluster.totals = dict.fromkeys(NAMES, totals)
    cluster.servers = {name: replace(server, uptime=uptime) for name, server in cluster.servers.items()}
    if usual is not None:
        cluster.diagnoser.remember(usual)
    return cluster


@pytest.fixture(scope="module")
def seen() -> Usual:
    """What a diagnoser knew after some minutes."""
    cluster = Cluster()
    cluster.live(120)
    return cluster.diagnoser.usual()


def test_what_is_wrong_at_login_is_found_by_what_was_usual_before(seen: Usual) -> None:
    found = later(seen).live(10, STORM)[-1].findings
    assert [each.key for each in found] == [("n2", "connection_storm")]
    assert found[0].said == "against what was usual 2h58m before"
    (logons,) = (each for each in found[0].evidence if each.metric == "logon_rate")
    assert logons.before == pytest.approx(100, rel=0.1)
    assert not later(None).live(40, STORM)[-1].findings, "so it was the memory that told"


def test_nothing_is_wrong_if_all_is_as_it_was(seen: Usual) -> None:
    assert not any(each.findings for each in later(seen).live(60))


def test_what_has_come_since_is_usual_once_it_is_known(seen: Usual) -> None:
    cluster = later(seen)
    cluster.live(30)
    assert [each.said for each in cluster.live(10, STORM)[-1].findings] == [""]


def test_what_was_supposed_wrongly_is_given_up(seen: Usual) -> None:
    idle = dict.fromkeys(NAMES, dict.fromkeys(LESS, 0.02))
    wrong = replace(seen, centre=seen.centre.copy())
    for column in (seen.metrics.index(name) for name in LESS):
        wrong.centre[[0, 2], column] *= 0.02
    cluster = later(wrong)
    found = cluster.live(15 + 30, idle)
    assert found[8].scores["n2"] > 1, "it is not like the others"
    assert found[-1].warm == 1, "and has learned since"
    assert not any(each.findings for each in found)
    assert [each.key for each in cluster.live(10, idle | {"n2": signs_of("connection_storm")})[-1].findings]


def test_after_a_night_in_which_nobody_looked_what_was_usual_is_only_supposed() -> None:
    """As after a start: it says against what, and what all servers have is no trouble."""
    cluster = Cluster()
    cluster.servers = {name: replace(server, uptime=600.0) for name, server in cluster.servers.items()}
    totals: Totals = Nothing()
    cluster.totals = dict.fromkeys(NAMES, totals)
    cluster.live(120)
    cluster.time += 8 * 3600
    other = {"n1": 3.0, "n2": 1.3, "n3": 0.6}
    busier = {name: dict.fromkeys(LESS, factor) for name, factor in other.items()}
    found = cluster.live(60, busier)
    assert found[1].warm < 1
    assert not any(each.findings for each in found[30:])
    cluster.time += 8 * 3600
    sick = busier | {"n2": signs_of("connection_storm", 6.0)}
    told = cluster.live(12, sick)[-1].findings
    assert [(each.key, each.said[:31]) for each in told] == [
        (("n2", "connection_storm"), "against what was usual 8h00m be")
    ]


def test_of_a_server_that_has_just_started_nothing_is_remembered(seen: Usual) -> None:
    assert not any(each.findings for each in later(seen, uptime=20.0).live(15, STORM))


def test_only_what_is_known_for_a_minute_is_worth_keeping() -> None:
    cluster = Cluster()
    cluster.live(50)
    assert cluster.diagnoser.usual().servers == ()
    cluster.live(50, STORM)
    assert cluster.diagnoser.usual().servers == ("n1", "n3"), "nobody learns while it is sick"


def test_a_file_keeps_it(seen: Usual, tmp_path: Path) -> None:
    memory = Memory("a cluster", tmp_path / "usual")
    assert memory.recall(NOW) is None
    memory.keep(replace(seen, time=NOW))
    found = Memory("a cluster", tmp_path / "usual").recall(NOW + 60)
    assert found is not None
    assert (found.servers, found.metrics, found.time) == (NAMES, seen.metrics, NOW)
    np.testing.assert_allclose(found.centre, seen.centre, rtol=1e-6)
    np.testing.assert_allclose(found.spread, seen.spread, rtol=1e-6)
    assert Memory("another", tmp_path / "usual").recall(NOW) is None
    assert memory.recall(NOW + FORGOTTEN + 1) is None
    assert [file.name for file in memory.file.parent.iterdir()] == [memory.file.name]
    assert memory.file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("servers", "kept"), [(("n2",), False), (("n1", "n2", "n4"), True), ((), False)])
def test_what_is_kept_is_of_one_time_and_not_of_a_few_servers(
    seen: Usual, tmp_path: Path, servers: tuple[str, ...], kept: bool
) -> None:
    memory, numbers = Memory("a cluster", tmp_path), np.ones((len(servers), 1))
    memory.keep(replace(seen, time=NOW))
    memory.keep(Usual(NOW + 5, servers, ("qps",), numbers, numbers))
    found = memory.recall(NOW + 6)
    assert found is not None
    assert (found.time, found.servers) == ((NOW + 5, servers) if kept else (NOW, NAMES))


def test_servers_that_have_other_names_now_are_kept_instead(seen: Usual, tmp_path: Path) -> None:
    memory, numbers = Memory("a cluster", tmp_path), np.ones((2, 1))
    memory.keep(replace(seen, time=NOW))
    for later, kept in ((5.0, ("m1", "m2")), (RECENT + 10.0, ("m1",))):
        memory.keep(Usual(NOW + later, kept, ("qps",), numbers[: len(kept)], numbers[: len(kept)]))
        found = memory.recall(NOW + later)
        assert found is not None
        assert found.servers == kept


@pytest.mark.parametrize("damage", [b"", b"not an archive", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_as_none_and_is_replaced(seen: Usual, tmp_path: Path, damage: bytes) -> None:
    memory = Memory("a cluster", tmp_path)
    memory.file.write_bytes(damage)
    assert memory.recall(NOW) is None
    memory.keep(replace(seen, time=NOW))
    assert memory.recall(NOW) is not None


def test_a_bit_that_flipped_does_no_harm(seen: Usual, tmp_path: Path) -> None:
    memory = Memory("a cluster", tmp_path)
    memory.keep(replace(seen, time=NOW))
    whole = memory.file.read_bytes()
    lost = 0
    for place in range(0, len(whole), len(whole) // 200):
        memory.file.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        lost += memory.recall(NOW) is None
    assert lost > 100
    memory.keep(replace(seen, time=NOW))
    assert memory.recall(NOW) is not None


def test_a_file_can_execute_nothing(tmp_path: Path) -> None:
    memory, proof = Memory("a cluster", tmp_path), tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(proof),)

    names = np.array([Evil()], dtype=object)
    np.savez(memory.file, schema="distdiag.usual/1", cluster="a cluster", servers=names, metrics=names)
    assert memory.recall(NOW) is None
    assert not proof.exists()


def test_a_full_disk_is_no_matter(seen: Usual, tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("a file, where a folder should be")
    Memory("a cluster", tmp_path / "usual").keep(seen)


def test_columns_are_found_by_name() -> None:
    found = aligned(np.array([[1.0, 2.0]]), ("b", "gone"), ("a", "b"))
    np.testing.assert_array_equal(found, [[np.nan, 1.0]])
    with pytest.raises(ValueError, match="as many"):
        Usual(NOW, ("n1",), ("a",), np.zeros((2, 1)), np.zeros((1, 1)))


class Frames:
    """A source that gives the frames of a recorded run up to a time, and then ends."""

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames

    async def frames(self) -> AsyncGenerator[Frame, None]:
        for frame in self._frames:
            yield frame


async def test_an_engine_remembers_what_another_one_kept(tmp_path: Path) -> None:
    name = "slow_sql-n3-high-coupled-r1"
    frames = open_recording(RECORDED / name).frames()
    (run,) = load_runs([RECORDED / name])
    assert run.span is not None
    begin, end = run.span

    async def told(frames: list[Frame]) -> set[tuple[str, str]]:
        engine = Engine(Frames(frames), "lab", memory=Memory("lab", tmp_path))
        engine.diagnoser = Diagnoser(settings=Settings(worth=25))
        found = set()
        async for snapshot in engine.snapshots():
            assert snapshot.diagnosis is not None
            found |= {each.key for each in snapshot.diagnosis.findings}
        return found

    sick = [frame for frame in frames if begin <= frame.time <= end]
    assert ("n3", "slow_sql") not in await told(sick)
    await told([frame for frame in frames if frame.time < begin])
    assert ("n3", "slow_sql") in await told(sick)
