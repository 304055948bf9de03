"""Whose figures those of the host are, in a line."""

from __future__ import annotations

import pytest

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Host, Server, Status, Subject
from distdiag_tui.store import Store
from distdiag_tui.ui.machines import NO_WAY, host_words

LAB = {name: Host("vm", "/proc") for name in ("n1", "n2", "n3")}
MIXED = {"n1": Host("db1", "SSH"), "n2": Host("db2", "SSH"), "n3": Host("", "SSH", "permission\x1b denied")}


def snapshot(machines: dict[str, Host]) -> Snapshot:
    servers = tuple(Server(name, f"{name}:1", f"z{name[1]}", Status.UP) for name in ("n1", "n2", "n3"))
    return Snapshot(1, 1.0, 1.0, "shop", servers, {}, Store(), machines=machines)


@pytest.mark.parametrize(
    ("machines", "subject", "words"),
    [
        ({}, Subject("z1", "n1"), NO_WAY),
        ({}, Subject(), NO_WAY),
        (LAB, Subject("z2", "n2"), "vm, shared with n1, n3"),
        (LAB, Subject("z2", "n2", "sys"), "vm, shared with n1, n3"),
        (LAB, Subject(), "mean of 3 servers on 1 machine"),
        (LAB, Subject("z2"), "mean of 1 server on 1 machine"),
        (MIXED, Subject("z1", "n1"), "db1"),
        (MIXED, Subject("z3", "n3"), "no figures by SSH: permission� denied"),
        (MIXED, Subject(), "mean of 2 servers on 2 machines, 1 without"),
        (MIXED, Subject("z3"), "no figures by SSH"),
    ],
)
def test_words(machines: dict[str, Host], subject: Subject, words: str) -> None:
    assert host_words(snapshot(machines), subject) == words
