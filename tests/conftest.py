"""What every test may use: a live three-node lab, and a user who has configured nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import hypothesis
import pytest
import spread

from distdiag_tui.lab import binary
from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.target import Target

if TYPE_CHECKING:
    from serving import Service

T = TypeVar("T")


def pytest_configure() -> None:
    """Make the machine's load and its terminal matter to no test.

    A run that is ended from outside stops its servers, as one ended with Ctrl-C does.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in ("COLUMNS", "LINES"):  # readline sets them, and a console takes them for its size
        os.environ.pop(name, None)
    hypothesis.settings.register_profile("any machine", deadline=None)
    hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` is."""
    return spread.processes(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Say which tests stay together, in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return spread.Spread(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Let half characters, which hostile texts have, go from one process to another: they end the run."""
    return spread.encodable((yield))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    spread.check({item.nodeid: tuple(getattr(item, "fixturenames", ())) for item in items})
    items.sort(key=lambda item: spread.rank(item.nodeid))


@dataclass(frozen=True)
class LiveLab:
    """A running lab: where it lives, how to steer it, how to connect."""

    home: Path
    lab: Lab
    target: Target


@pytest.fixture(scope="session")
def lab() -> Iterator[LiveLab]:
    """One three-node lab for all tests of a process. Read it, load it, but leave its nodes running.

    With DISTDIAG_TEST_LAB=<home> that lab is used, and left running: quicker while developing.
    """
    require_extra()
    if existing := os.environ.get("DISTDIAG_TEST_LAB"):
        yield _started(Path(existing), None)
        return
    with temporary_home() as home:
        yield _started(home, 3)


@pytest.fixture
def lab_env(lab: LiveLab, monkeypatch: pytest.MonkeyPatch) -> LiveLab:
    """The session's lab as the user's own: commands run by the test find it."""
    monkeypatch.setenv("DISTDIAG_LAB_HOME", str(lab.home))
    return lab


@pytest.fixture(scope="session")
def service(lab: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`distdiag serve` on the lab's first node. Ask it, but leave nothing running."""
    from serving import ready, serving  # noqa: PLC0415  most tests do without

    address, password = lab.target.endpoints[0].address, lab.target.password.reveal()
    with serving(tmp_path_factory.mktemp("service"), address, "-i", "0.5", OB_PASSWORD=password) as started:
        yield ready(started)


@pytest.fixture(autouse=True)
def _no_user_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("OB_", "PROMETHEUS_")) or name == "DISTDIAG_LAB_HOME":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def require_extra() -> None:
    """Fail, rather than skip, where the lab cannot run: nothing would be tested."""
    try:
        binary.find_server()
    except DistdiagError as error:
        pytest.fail(f"the tests need a real server: {error}", pytrace=False)


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A new lab folder; afterwards its lab is stopped, proven gone, and the folder removed."""
    folder = Path(tempfile.mkdtemp(prefix="dd"))
    try:
        yield folder / "lab"
    finally:
        try:
            run(Lab(folder / "lab").down(purge=True))
            assert not servers_below(folder)
        finally:
            shutil.rmtree(folder)


def servers_below(home: Path) -> list[int]:
    """Ids of all server processes whose folder is below `home`, found without the lab's own code."""
    marker = f"\0--base-dir\0{home}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def run(steps: Coroutine[object, object, T]) -> T:
    """What `steps` return, from a loop of their own: the test's loop, if it has one, stays untouched."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, steps).result()


def _started(home: Path, nodes: int | None) -> LiveLab:
    lab = Lab(home)
    run(lab.up(nodes))
    return LiveLab(home, lab, lab_target(home))
