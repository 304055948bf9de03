"""What is recorded comes back: whole, to the bit, and through the engine as it came the first time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from recorded import INFO, OF_HOSTS, frame_lists, same, steady_frames

from distdiag_tui.engine import Engine
from distdiag_tui.model.errors import RecordingError
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import (
    Event,
    Happening,
    Layout,
    Member,
    Share,
    Subject,
    TenantFacts,
    Unit,
    Zone,
)
from distdiag_tui.recording import recorder as recording
from distdiag_tui.recording import unpacking
from distdiag_tui.recording.layout import SCHEMA
from distdiag_tui.recording.load import pack_reports, unpack_reports
from distdiag_tui.recording.packing import archive_of, as_bytes, pack, squeezed
from distdiag_tui.recording.reader import open_recording, recordings_below
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.recording.replay import Replay
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.recording.unpacking import arrays_of, table, unpack
from distdiag_tui.sources.frame import Frame, Source
from distdiag_tui.workloads.report import IntervalReport

ROOT = Path(__file__).parents[2]


@settings(max_examples=60, deadline=None)
@given(frame_lists())
def test_frames_come_back_whole(frames: list[Frame]) -> None:
    found = unpack(pack(frames, 5.0))
    assert len(found) == len(frames)
    assert all(map(same, frames, found))


def test_the_arrays_are_as_the_description_says() -> None:
    """Read with nothing but NumPy, after the words at the head of `layout`."""
    frames = steady_frames(40)
    with np.load(BytesIO(pack(frames, 1.0e9)), allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
        server, frame, epoch, at = archive["samples"].cumsum(axis=-1)
        sample, tenant = archive["rows"].cumsum(axis=-1)
        values = archive["values"].cumsum(axis=-1).astype(float)
        values[np.unpackbits(archive["missing"], count=values.size).reshape(values.shape) == 1] = np.nan
        seconds = archive["frames"].cumsum(axis=-1)[1] / 1e6
    assert (header["schema"], header["clock"], header["interval"]) == (SCHEMA, 1.0e9, 1.0)
    for row in range(len(sample)):
        name = header["servers"][server[sample[row]]][0]
        original = frames[frame[sample[row]]]
        mine = original.samples[name]
        expected = mine.columns[mine.tenants.index(tenant[row])]
        np.testing.assert_array_equal(values[:, row], expected[~OF_HOSTS])
        assert (mine.epoch, original.time) == (epoch[sample[row]], seconds[frame[sample[row]]])
        assert at[sample[row]] / 1e6 == pytest.approx(mine.at, abs=1e-6)


def test_who_joins_or_leaves_has_its_own_figures_and_none_of_others() -> None:
    frames = steady_frames(4, ("n1", "n2", "n3"))
    for index, away in enumerate(("", "n3", "n1", "n1")):  # the same number, but not the same ones
        kept = {name: each for name, each in frames[index].samples.items() if name != away}
        there = tuple(each for each in frames[index].servers if each.name != away)
        frames[index] = replace(frames[index], servers=there, samples=kept, hosts={})
    data = pack(frames, 5.0)
    found = unpack(data)
    assert [[each.name for each in frame.servers] for frame in found] == [
        ["n1", "n2", "n3"], ["n1", "n2"], ["n2", "n3"], ["n2", "n3"],
    ]  # fmt: skip
    assert all(map(same, frames, found))
    timings = arrays_of(data)["servers"]
    assert (timings == -2).sum() == 3 * 3
    assert len(unpack(archive_of({**arrays_of(data), "servers": np.maximum(timings, -1)}))[1].servers) == 3


def test_what_the_cluster_said_comes_back_with_the_frame_it_was_said_in() -> None:
    used = [Member("n1", "z", "ACTIVE", shares={"cpu": Share(used, 2.0, 8.0)}) for used in (1.0, 2.0, 3.0)]
    units = (Unit(1, "shop", "z", "n1", shares={"memory": Share(1e9, None, 2e9)}),)
    layouts = [Layout(members={"n1": member}, units=units, sampling="direct") for member in used]
    stopped = replace(
        layouts[2], zones=(Zone("z", "INACTIVE"),), tenants=(TenantFacts(1, "sys", leaders={"n1": 1}),)
    )
    event = Event(1000.0, Subject("z"), Happening.ZONE_STATE, "zone z \U0001f4a5 stopped", serious=True)
    frames = steady_frames(80)
    for index, layout in {10: layouts[0], 20: layouts[1], 75: layouts[2], 78: stopped}.items():
        frames[index:] = [replace(frame, layout=layout) for frame in frames[index:]]
    frames[78] = replace(frames[78], events=(event, event))
    found = unpack(pack(frames, 5.0))
    assert [frame.layout for frame in found[9:12]] == [None, layouts[0], layouts[0]]
    assert found[20].layout == layouts[0]  # only its use had changed, and not a minute ago
    assert found[76].layout == layouts[2]
    assert found[79].layout == stopped
    assert [len(frame.events) for frame in found[77:]] == [0, 2, 0]
    assert found[78].events == (event, event)


def test_a_table_has_the_samples_of_all_frames() -> None:
    frames = steady_frames(40)
    found = table(pack(frames, 5.0))
    assert len(found.at) == sum(len(frame.samples) for frame in frames)
    assert len(found.values) == sum(len(s.tenants) for frame in frames for s in frame.samples.values())
    number = int(np.flatnonzero((found.server == 1) & (found.frame == 39))[0])
    expected = frames[39].samples["n2"].columns[:, ~OF_HOSTS]
    np.testing.assert_array_equal(found.values[found.sample == number], expected)


def test_a_column_of_another_version_is_left_out_and_a_new_one_is_missing() -> None:
    frames = steady_frames(3)
    arrays = arrays_of(pack(frames, 5.0))
    header = json.loads(arrays["header"].tobytes())
    header["columns"][:2] = ["of.another.version", header["columns"][0]]
    found = unpack(archive_of({**arrays, "header": as_bytes(header)}))
    before, after = frames[0].samples["n1"].columns, found[0].samples["n1"].columns
    np.testing.assert_array_equal(after[:, 0], before[:, 1])
    assert np.isnan(after[:, 1]).all()
    np.testing.assert_array_equal(after[:, 2:], before[:, 2:])


def test_a_column_of_another_version_s_machines_is_left_out_too() -> None:
    frames = steady_frames(3)
    arrays = arrays_of(pack(frames, 5.0))
    columns = json.loads(arrays["host_columns"].tobytes())
    columns[1] = "host.of_another_version"
    found = unpack(archive_of({**arrays, "host_columns": as_bytes(columns)}))
    before, after = (each[2].hosts["n1"].columns[0, OF_HOSTS] for each in (frames, found))
    assert np.isnan(after[1])
    np.testing.assert_array_equal(np.delete(after, 1), np.delete(before, 1))


def test_a_recording_without_machines_has_nothing_of_them() -> None:
    frames = [replace(frame, hosts={}) for frame in steady_frames(3)]
    data = pack(frames, 5.0)
    assert not [name for name in arrays_of(data) if name.startswith("host")]
    assert all(map(same, unpack(data), frames))


async def test_the_engine_makes_the_same_of_a_replay(tmp_path: Path) -> None:
    frames = steady_frames(60)
    record(tmp_path / "r", frames)
    first, second = [
        await all_of(source) for source in (Replay(frames), Replay(open_recording(tmp_path / "r").frames()))
    ]
    assert [s.tick for s in first] == [s.tick for s in second]
    for one, other in zip(first, second, strict=True):
        assert (one.servers, one.health, one.time) == (other.servers, other.health, other.time)
        assert one.values.keys() == other.values.keys()
        for subject, values in one.values.items():
            np.testing.assert_allclose(values, other.values[subject], rtol=2e-5, equal_nan=True)
    assert sum(bool(np.isfinite(v).any()) for s in second for v in s.values.values()) > 100


def test_reports_come_back(tmp_path: Path) -> None:
    one = IntervalReport(1.7e9, 1.0, 8, 60.25, 900.0, 0.01, 0.011, None, None, {}, 0)
    other = IntervalReport(1.7e9 + 1, 2.0, 16, 0.0, 0.0, None, None, None, None, {1213: 2, "timeout": 1}, 3)
    assert unpack_reports(pack_reports([one, other, replace(other, total=True)])) == [one, other]
    recorder = Recorder(tmp_path / "r")
    recorder.add(steady_frames(1)[0])
    recorder.finish(INFO, [one])
    assert open_recording(tmp_path / "r").reports() == [one]


def test_a_run_comes_back(tmp_path: Path) -> None:
    assert RunInfo.from_json(INFO.to_json()) == INFO
    record(tmp_path / "r", steady_frames(3))
    (found,) = recordings_below(tmp_path)
    assert (found.info, found.folder) == (INFO, tmp_path / "r")
    assert found.size() == sum(file.stat().st_size for file in (tmp_path / "r").iterdir())


def test_a_newer_run_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for count in (3, 5):
        record(tmp_path / "r", steady_frames(count))
    assert len(open_recording(tmp_path / "r").frames()) == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["r"]


def test_a_long_run_is_put_on_disk_piece_by_piece(tmp_path: Path) -> None:
    frames = steady_frames(150)
    recorder = Recorder(tmp_path / "r")
    for frame in frames:
        recorder.add(frame)
    recorder._written()
    half = open_recording(tmp_path / "r.part")
    assert half.info is None
    assert all(map(same, frames, half.frames()))
    assert len(half.frames()) > 150 - recording.CHUNK_SECONDS - 1
    assert recordings_below(tmp_path) == []
    recorder.finish(INFO)
    whole = open_recording(tmp_path / "r").frames()
    assert len(whole) == 150
    assert all(map(same, frames, whole))


def test_nobody_waits_for_the_disk_and_a_full_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()

    def full(file: Path, data: bytes) -> None:
        slow.wait(10)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recording, "_write", full)
    recorder = Recorder(tmp_path / "r")
    for frame in (*steady_frames(62), *steady_frames(40)):
        recorder.add(frame)
    assert not slow.is_set()
    slow.set()
    with pytest.raises(RecordingError, match="No space left"):
        recorder.flush()


KILLED = """
import os, sys
from pathlib import Path
from recorded import INFO, steady_frames
from distdiag_tui.recording.recorder import Recorder

folder, frames = Path(sys.argv[1]), steady_frames(62)

def die_at(number):
    'End at this access to the disk, and at any that would change a run that looks whole.'
    left = number
    def hook(event, args):
        nonlocal left
        if not event.startswith(("open", "os.", "shutil.")) or str(folder) not in str(args[0]):
            return
        if event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR) and ".part" not in str(args[0]):
            os._exit(3)
        left -= 1
        if left == 0:
            os._exit(9)
    sys.addaudithook(hook)

number, code = 0, 9
while code == 9:
    number += 1
    child = os.fork()
    if child == 0:
        die_at(number)
        recorder = Recorder(folder / f"r{number}")
        for frame in frames:
            recorder.add(frame)
        recorder.finish(INFO)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(number)
sys.exit(code)
"""


def test_a_run_is_whole_or_not_there_wherever_its_process_dies(tmp_path: Path) -> None:
    """A process dies at its first access to the disk, another one at its second, and so on."""
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    steps = int(ended.stdout)
    assert steps > 15
    found = recordings_below(tmp_path)
    assert f"r{steps}" in [each.folder.name for each in found]
    assert all(len(each.frames()) == 62 for each in found)
    for half in tmp_path.glob("*.part/*.npz"):
        assert unpack(half.read_bytes())


def test_what_is_damaged_is_one_line(tmp_path: Path) -> None:
    record(tmp_path / "r", steady_frames(3))
    whole = (tmp_path / "r" / "samples.npz.xz").read_bytes()
    for broken in (b"", b"x", whole[:-40], whole[:300], archive_of({"header": as_bytes({})})):
        (tmp_path / "r" / "samples.npz.xz").write_bytes(broken)
        with pytest.raises(RecordingError) as wrong:
            open_recording(tmp_path / "r").frames()
        assert "\n" not in str(wrong.value)
    for text in ("", "{}", '{"schema": "distdiag.recording/2"}', INFO.to_json().replace('"labels"', '"l"')):
        (tmp_path / "r" / "run.json").write_text(text)
        with pytest.raises(RecordingError, match=r"run\.json"):
            open_recording(tmp_path / "r")
    with pytest.raises(RecordingError, match="there is no recorded run in"):
        open_recording(tmp_path)


def older(data: bytes) -> bytes:
    """As archives were written before they were in xz."""
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as members, zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name in members.namelist():
            archive.writestr(name, members.read(name))
    return file.getvalue()


@pytest.mark.parametrize("way", [bytes, squeezed, older])
def test_a_bit_that_flipped_is_one_line(way: Callable[[bytes], bytes]) -> None:
    whole = way(pack(steady_frames(1, ("n1",)), 5.0))
    words = []
    for place in range(0, len(whole), len(whole) // 100):
        try:
            unpack(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        except RecordingError as error:
            words.append(str(error))
    assert len(words) > 50
    assert not [line for line in words if "\n" in line]


def test_loading_executes_nothing() -> None:
    """An array of Python objects is refused before it is read."""
    file = BytesIO()
    np.savez(file, header=np.array([{"schema": SCHEMA}], dtype=object))
    with pytest.raises(RecordingError, match="pickle"):
        unpack(file.getvalue())


def test_an_hour_of_a_server_takes_less_than_a_megabyte() -> None:
    frames = steady_frames(300, ("n1",))
    assert len(squeezed(pack(frames, 5.0))) * 12 < 1_000_000


def test_an_older_run_is_read_as_well(tmp_path: Path) -> None:
    """Its archive is not in xz, but compressed inside."""
    frames = steady_frames(3)
    record(tmp_path / "r", frames)
    (tmp_path / "r" / "samples.npz.xz").unlink()
    (tmp_path / "r" / "samples.npz").write_bytes(older(pack(frames, 5.0)))
    assert all(map(same, open_recording(tmp_path / "r").frames(), frames))


def test_what_expands_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = squeezed(pack(steady_frames(3), 5.0))
    assert unpack(data)
    monkeypatch.setattr(unpacking, "LARGEST", 1000)
    with pytest.raises(RecordingError, match="larger than any recording"):
        unpack(data)


def record(folder: Path, frames: list[Frame]) -> None:
    recorder = Recorder(folder)
    for frame in frames:
        recorder.add(frame)
    recorder.finish(INFO)


async def all_of(source: Source) -> list[Snapshot]:
    return [snapshot async for snapshot in Engine(source, "lab").snapshots()]
