"""The journal of runs: what it keeps, whom it lets in, and how it tells the living from the dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distdiag_tui.ledger import new_name
from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.service import workloads as service
from distdiag_tui.workloads.journal import ENDED, KEPT, Journal, Phase, RunRecord
from distdiag_tui.workloads.report import IntervalReport, Part

# a handler in Python would not do: a signal just before the process waits for input is heard only after that
HOLDER = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {15})
print(flush=True)
signal.sigwait({15})
print('told', flush=True)
input()
"""
HERE = ("127.0.0.1:2881", "127.0.0.1:2882")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "runs")


def record(name: str = "oltp-1", kind: str = "oltp", servers: tuple[str, ...] = HERE) -> RunRecord:
    return RunRecord(name, kind, "lab", servers, ("run",), {"threads": 8, "mix": "read_only"}, time.time())


@contextmanager
def process_of(
    journal: Journal, run: RunRecord, phase: Phase = "running"
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the run's lock, as a worker does, and says when it is told to end."""
    with journal.admit(run) as lock:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(lock,)
        )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            journal.write(replace(run, pid=process.pid, phase=phase))
            yield process
        finally:
            process.kill()


def end(journal: Journal, name: str, phase: Phase = "done", started: float = 0.0) -> None:
    with journal.admit(replace(record(name), started=started)):
        pass
    journal.write(replace(record(name), phase=phase, started=started))


def test_there_is_nothing_before_the_first_run(journal: Journal) -> None:
    assert journal.records() == []
    with pytest.raises(WorkloadError, match="there is no run 'oltp-1'; running: none"):
        journal.find("oltp-1")


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text(), min_size=3, max_size=3),
    numbers=st.lists(st.floats(0, 1e12), min_size=3, max_size=3),
    phase=st.sampled_from(ENDED),
    latency=st.none() | st.floats(0, 3600),
    options=st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()),
)
def test_a_record_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    numbers: list[float],
    phase: Phase,
    latency: float | None,
    options: dict[str, int | str | bool],
) -> None:
    journal = Journal(tmp_path_factory.getbasetemp() / "round")
    words, message, cluster = texts
    report = IntervalReport(
        numbers[0], numbers[1], 3, 4.5, 5.5, latency, latency, errors={1213: 2, "timeout": 1}, total=True,
        parts={"pay": Part(1, 2.0, 3.0, 4.0)}, figures={"tpmC": 12.5},
    )  # fmt: skip
    full = replace(
        record(), cluster=cluster, options=options, words=words, message=message, phase=phase, pid=7,
        fraction=0.25, running_since=numbers[2], ended=numbers[2], report=report,
    )  # fmt: skip
    with journal.admit(record()):
        pass
    journal.write(full)
    assert journal.records() == [full]


def test_the_newest_comes_last(journal: Journal) -> None:
    for name, started in (("b", 30.0), ("a", 20.0), ("c", 10.0)):
        end(journal, name, started=started)
    assert [run.id for run in journal.records()] == ["c", "a", "b"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"text"',
        '{"schema": "distdiag.run/1"}',
        "\ud800",
    ],
)
def test_what_is_no_record_is_passed_over(journal: Journal, content: str) -> None:
    end(journal, "good")
    (journal.folder / "bad.json").write_bytes(content.encode(errors="surrogatepass"))
    assert [run.id for run in journal.records()] == ["good"]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "distdiag.run/2"},
        {"phase": "dreaming"},
        {"servers": None},
        {"news": 1},
        {"report": {"schema": "distdiag.workload/9"}},
        {"report": []},
        {"report": 5},
    ],
)
def test_records_of_other_versions_are_passed_over(journal: Journal, change: dict[str, object]) -> None:
    end(journal, "good")
    fields = replace(record("odd"), phase="done").to_fields() | change
    (journal.folder / "odd.json").write_text(json.dumps(fields))
    assert [run.id for run in journal.records()] == ["good"]


def test_files_are_for_the_user_alone(journal: Journal) -> None:
    old = os.umask(0)
    try:
        end(journal, "open")
    finally:
        os.umask(old)
    assert journal.folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in journal.folder.iterdir()} == dict.fromkeys(
        ("open.json", "open.lock", "starting"), 0o600
    )


def test_a_killed_run_has_failed_and_blocks_nobody(journal: Journal) -> None:
    with process_of(journal, record()) as process:
        assert journal.find("oltp-1").active
        process.kill()
        process.wait()
        dead = journal.find("oltp-1")
        assert (dead.phase, dead.message) == ("failed", "its process was killed")
        with journal.admit(record("oltp-2")):
            assert journal.find("oltp-2").active


def test_a_run_that_ends_while_it_is_looked_at_is_not_taken_for_killed(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process_of(journal, record()):
        pass

    def ends_now(_: str) -> bool:
        journal.write(replace(record(), phase="done"))
        return False

    monkeypatch.setattr(journal, "alive", ends_now)
    assert journal.find("oltp-1").phase == "done"


def test_many_readers_do_not_take_a_dead_run_for_a_live_one(journal: Journal) -> None:
    with process_of(journal, record()):
        pass
    seen: set[str] = set()

    def look() -> None:
        for _ in range(200):
            seen.add(journal.find("oltp-1").phase)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"failed"}


def test_stop_asks_the_process_of_the_run(journal: Journal) -> None:
    with process_of(journal, record()) as process:
        assert journal.stop(journal.find("oltp-1"))
        assert process.stdout is not None
        assert process.stdout.readline() == b"told\n"


async def test_who_needs_long_to_end_gets_the_time(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that has to remove its jobs from a Kubernetes cluster."""
    monkeypatch.setattr(service, "_ORDERLY_SECONDS", 0.1)
    began = time.monotonic()
    with process_of(journal, replace(record(), farewell=0.6)) as process:
        assert (await service.end_run(journal, "oltp-1")).message == "its process was killed"
        assert process.stdout is not None
        assert process.stdout.readline() == b"told\n"
    assert time.monotonic() - began > 0.7


def test_a_recycled_process_id_is_not_signalled(journal: Journal) -> None:
    with process_of(journal, record()):
        pass
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        journal.write(replace(record(), pid=stranger.pid, phase="running"))
        assert not journal.stop(replace(record(), pid=stranger.pid, phase="running"))
        time.sleep(0.2)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0
    assert journal.find("oltp-1").phase == "failed"


def test_the_same_kind_twice_on_one_server_is_refused(journal: Journal) -> None:
    with process_of(journal, record(), "preparing"):
        hint = "oltp is already preparing on lab; stop it first: distdiag workload stop oltp-1"
        with pytest.raises(WorkloadError, match=hint), journal.admit(record("oltp-2", servers=HERE[1:])):
            pass
        assert [run.id for run in journal.records()] == ["oltp-1"]


def test_other_kinds_and_other_servers_are_let_in(journal: Journal) -> None:
    with ExitStack() as stack:
        stack.enter_context(process_of(journal, record()))
        stack.enter_context(process_of(journal, record("tpcc-1", kind="tpcc")))
        stack.enter_context(process_of(journal, record("oltp-2", servers=("10.0.0.9:2881",))))
        assert [run.active for run in journal.records()] == [True] * 3


def test_a_name_that_is_taken_by_a_live_run_is_refused(journal: Journal) -> None:
    with (
        impatient(),
        process_of(journal, record()),
        pytest.raises(WorkloadError, match="oltp-1"),
        journal.admit(record(servers=("10.0.0.9:2881",))),
    ):
        pass
    assert new_name("oltp").startswith("oltp-")


def test_letting_in_keeps_nobody_waiting(journal: Journal) -> None:
    """Two starts of one console: the second must not block the loop that the first one needs to go on."""
    with impatient(), journal.admit(record()), journal.admit(record("tpcc-1", kind="tpcc")):
        assert [run.active for run in journal.records()] == [True, True]


@contextmanager
def impatient(seconds: int = 3) -> Iterator[None]:
    """What blocks in here fails."""

    def too_late(*_: object) -> None:
        pytest.fail("it is blocked")

    old = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


RACER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from distdiag_tui.ledger import new_name
from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.service import workloads as service
from distdiag_tui.workloads.journal import Journal, RunRecord
folder, name = sys.argv[1:]
print(flush=True)
input()
try:
    with Journal(Path(folder)).admit(RunRecord(name, "oltp", "lab", ("a:1",), ("run",), {}, time.time())):
        print("won", flush=True)
        input()
except WorkloadError as error:
    print(error, flush=True)
"""


def test_of_two_starts_at_one_moment_one_wins(journal: Journal) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(journal.folder), f"oltp-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(3)
    ]
    with ExitStack() as stack:
        for racer in racers:
            stack.enter_context(racer)
            assert racer.stdout is not None
            assert racer.stdout.readline() == "\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        said = sorted(racer.stdout.readline() for racer in racers if racer.stdout is not None)
        for racer in racers:
            racer.kill()
    assert said[-1] == "won\n"
    assert all(line.startswith("oltp is already starting on lab") for line in said[:-1])


def test_twenty_ended_runs_are_kept_and_every_active_one(journal: Journal) -> None:
    with process_of(journal, replace(record(), started=1.0)):
        others = replace(record(), servers=("10.0.0.9:2881",))
        for number in range(KEPT + 5):
            run = replace(others, id=f"old-{number:02}", started=100.0 + number)
            with journal.admit(run):
                pass
            journal.write(replace(run, phase="done"))
            (journal.folder / f"{run.id}.new").touch()  # as a writer leaves it that was killed
        with journal.admit(replace(others, id="new", started=999.0)):
            ids = [run.id for run in journal.records()]
    assert ids == ["oltp-1", *(f"old-{number:02}" for number in range(5, KEPT + 5)), "new"]
    assert len(list(journal.folder.iterdir())) == 2 * (KEPT + 2) + KEPT + 1


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "runs")
    expected = f"cannot write the folder {tmp_path}/file/runs: Not a directory"
    with pytest.raises(WorkloadError, match=expected), journal.admit(record()):
        pass
    assert journal.records() == []


FULL = """
import resource, signal, sys, time
from pathlib import Path
from distdiag_tui.ledger import new_name
from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.service import workloads as service
from distdiag_tui.workloads.journal import Journal, RunRecord
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    with Journal(Path(sys.argv[1])).admit(RunRecord("a", "oltp", "lab", (), (), {}, time.time())):
        print("let in")
except WorkloadError as error:
    print(error)
"""


def test_a_file_that_cannot_be_written_is_one_clear_line(journal: Journal) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(journal.folder)],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=30,
    )  # fmt: skip
    assert ended.stdout == f"cannot write the folder {journal.folder}: File too large\n"


def test_a_record_that_has_not_changed_is_parsed_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.folder.mkdir(parents=True)
    journal.write(replace(record(), phase="done"))
    parsed: list[str] = []
    parse = Journal.parse

    def counting(self: Journal, fields: dict[str, object]) -> RunRecord:
        parsed.append(str(fields["phase"]))
        return parse(self, fields)

    monkeypatch.setattr(Journal, "parse", counting)
    assert {journal.find("oltp-1").phase for _ in range(5)} == {"done"}
    journal.write(replace(record(), phase="failed"))
    assert {journal.find("oltp-1").phase for _ in range(5)} == {"failed"}
    assert parsed == ["done", "failed"]
