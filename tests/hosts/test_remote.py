"""A machine over there that answers otherwise than it should."""

from __future__ import annotations

import math

import pytest
from hostcolumns import PORT, column

from distdiag_tui.hosts import remote
from distdiag_tui.hosts.remote import RemoteMachine
from distdiag_tui.model.errors import ConnectError

STAT = "cpu 1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\nbtime 1795500000"


class Scripted:
    """A shell whose answers are given, by the verb; an exception is raised."""

    def __init__(self, answers: dict[str, str | Exception]) -> None:
        self.answers = {"hello": "db1\n4096\n", "find": "", "disk": "\n", **answers}
        self.opened = self.closed = 0

    async def open(self) -> Scripted:
        """Count it."""
        self.opened += 1
        return self

    async def ask(self, line: str) -> str:
        """As given."""
        answer = self.answers[line.partition(" ")[0]]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Count it."""
        self.closed += 1


def reading(uptime: str = "100.5 1", stat: str = STAT) -> str:
    return "\n".join([f"/proc/uptime:{uptime}", *(f"/proc/stat:{line}" for line in stat.splitlines())])


async def test_what_a_login_prints_of_itself_does_no_harm() -> None:
    shell = Scripted({"hello": "Welcome to db1!\nhave fun\ndb1\n16384\n", "read": reading()})
    machine = RemoteMachine(shell.open, "observer")
    found = (await machine.read({"n1": PORT}))["n1"]
    assert machine.name == "db1"
    assert (column(found, "cpus"), column(found, "elapsed")) == (1, 100.5e6)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"hello": "This account is not available."}, "what it answers makes no sense"),
        ({"hello": ""}, "what it answers makes no sense"),
        ({"read": ""}, "its /proc cannot be read"),
        ({"read": reading(uptime="soon")}, "its /proc cannot be read"),
        ({"read": TimeoutError()}, "no answer in time"),
        ({"read": OSError("the shell there has ended")}, "the shell there has ended"),
        ({"read": ConnectError("db1: permission denied")}, "db1: permission denied"),
    ],
)
async def test_nonsense_is_trouble_and_no_figures(answers: dict[str, str | Exception], words: str) -> None:
    shell = Scripted(answers)
    machine = RemoteMachine(shell.open, "observer")
    assert await machine.read({"n1": PORT}) == {}
    assert machine.trouble == words
    assert (shell.opened, shell.closed) == (1, 1)
    assert await machine.read({"n1": PORT}) == {}
    assert shell.opened == 1  # not again at once


async def test_files_that_make_no_sense_cost_only_their_figures() -> None:
    broken = "/proc/meminfo:nonsense\n/proc/net/snmp:Tcp: a b\n/proc/loadavg:-\n/proc/vmstat:x"
    shell = Scripted({"read": f"{reading()}\n{broken}"})
    found = (await RemoteMachine(shell.open, "observer").read({"n1": PORT}))["n1"]
    assert column(found, "cpu_user") == 30_000
    for name in ("memory_total", "tcp_sent", "load", "swap_in", "disk_reads"):
        assert math.isnan(column(found, name)), name


def process(pid: int, started: int = 100, threads: int = 1) -> str:
    return f"/proc/{pid}/stat:{pid} (observer) S 1 1 1 0 -1 0 0 0 0 0 50 5 0 0 20 0 {threads} 0 {started} 0"


async def test_after_its_process_has_ended_a_server_does_not_get_its_neighbour_s() -> None:
    shell = Scripted({"find": "9 bin/observer -p 3881\n", "read": f"{reading()}\n{process(9)}"})
    machine = RemoteMachine(shell.open, "observer")
    found = await machine.read({"n1": PORT, "n2": 3881})
    assert column(found["n2"], "proc_threads") == 1
    assert math.isnan(column(found["n1"], "proc_threads"))
    assert machine.trouble == "no process observer of n1 found there"


async def test_an_id_that_another_program_has_by_now_is_not_the_server_s() -> None:
    shell = Scripted({"find": "9 observer -p 2881\n", "read": f"{reading()}\n{process(9)}"})
    machine = RemoteMachine(shell.open, "observer")
    before = (await machine.read({"n1": PORT}))["n1"]
    shell.answers |= {"find": "", "read": f"{reading()}\n{process(9, started=200, threads=7)}"}
    for _ in range(2):
        found = (await machine.read({"n1": PORT}))["n1"]
        assert math.isnan(column(found, "proc_threads"))
    shell.answers |= {"find": "12 observer -p 2881\n", "read": f"{reading()}\n{process(12, started=300)}"}
    machine._processes["n1"].search_at = 0.0
    after = (await machine.read({"n1": PORT}))["n1"]
    assert [column(each, "proc_threads") for each in (before, after)] == [1, 1]
    assert before.epoch != after.epoch


async def test_with_a_new_shell_all_processes_are_searched_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BACK_OFF", (0.0, 0.0))
    shell = Scripted({"find": "9 observer -p 2881\n", "read": f"{reading()}\n{process(9)}"})
    machine = RemoteMachine(shell.open, "observer")
    first = (await machine.read({"n1": PORT}))["n1"]
    shell.answers["read"] = OSError("the shell there has ended")
    assert await machine.read({"n1": PORT}) == {}
    both = f"{process(9, threads=7)}\n{process(12, threads=2)}"
    shell.answers |= {"find": "12 observer -p 2881\n", "read": f"{reading()}\n{both}"}
    again = (await machine.read({"n1": PORT}))["n1"]
    assert [column(each, "proc_threads") for each in (first, again)] == [1, 2]


async def test_a_machine_that_began_anew_does_not_compare() -> None:
    shell = Scripted({"read": reading()})
    machine = RemoteMachine(shell.open, "observer")
    first, second = [(await machine.read({"n1": PORT}))["n1"] for _ in range(2)]
    shell.answers["read"] = reading("3.0 1", STAT.replace("1795500000", "1795599999"))
    third = (await machine.read({"n1": PORT}))["n1"]
    assert first.epoch == second.epoch != third.epoch
    assert (second.at, abs(third.at - second.at) < 5) == (first.at, True)
