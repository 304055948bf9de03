"""The near end of a supervisor: start it, let it hear that we are there, tell it to stop, or let it go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.children import environment

SILENCE: Final = 10.0
"""Seconds without a word after which a supervisor takes us for gone, though its pipe is still open."""


class Minder:
    """A supervisor that was started here. It undoes its injection when this process dies."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdin is not None
        self._pipe = process.stdin
        os.set_blocking(self._pipe.fileno(), False)
        self.released = False

    @property
    def ended(self) -> bool:
        """Whether the supervisor's process has."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Nothing is said to it any more."""
        self._pipe.close()

    def beat(self) -> None:
        """We are there: to be called at least every few seconds."""
        if not self.released:
            self._say({"beat": True})

    def stop(self) -> None:
        """Undo it now; returns at once."""
        self._say({"stop": True})

    def release(self) -> None:
        """From now on only its time counts."""
        self._say({"detach": True})
        self.released = True

    def _say(self, order: dict[str, Any]) -> None:
        with suppress(BrokenPipeError, ValueError):  # it has ended
            self._pipe.write(json.dumps(order).encode() + b"\n")  # nothing is written if it is frozen


def start(record: Injection, target: Target, ledger: Injections) -> Minder:
    """Enter the injection into the ledger and start its supervisor. AnomalyError if it does not start.

    `target` is the cluster; the record's server is one of its endpoints.
    """
    with ledger.admit(record) as lock:
        return _launch(record, target, ledger, lock, undo=False)


def undo(record: Injection, target: Target, ledger: Injections) -> Minder | None:
    """Start a supervisor that undoes what a dead one left; None if another one does so, or did."""
    lock = ledger.take_over(record.id)
    if lock is None:
        return None
    try:
        newest = ledger.read(record.id)  # nobody writes it any more
        if newest is None or not newest.active:
            return None
        newest = replace(newest, pid=0)
        with suppress(OSError):  # a full disk must not keep us from undoing
            ledger.write(newest)  # its number may be somebody else's by now
        return _launch(ledger.died(newest), target, ledger, lock, undo=True)
    finally:
        os.close(lock)


def _launch(record: Injection, target: Target, ledger: Injections, lock: int, *, undo: bool) -> Minder:
    endpoint = next(e for e in target.endpoints if e.address == record.address)
    request = {
        "record": record.to_fields(),
        "endpoint": {"host": endpoint.host, "port": endpoint.port, "name": endpoint.name},
        "user": target.user,
        "password": target.password.reveal(),
        "folder": str(ledger.folder),
        "silence": SILENCE,
        "undo": undo,
        "lock": lock,
    }
    complaints = os.open(ledger.complaints(record.id), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "distdiag_tui.anomalies.supervisor"],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=environment(login=record.injector == "chaos"),
            start_new_session=True,
            pass_fds=(lock,),
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
    except OSError as error:
        raise AnomalyError(f"the supervisor does not start: {error}") from error
    finally:
        os.close(complaints)
    return Minder(process)
