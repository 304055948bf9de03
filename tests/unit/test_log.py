"""The log: in a file of its owner's, bounded, without secrets, never on the screen."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from distdiag_tui import log
from distdiag_tui.model.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_log_afterwards() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    log.open_log("off")
    logging.getLogger().setLevel(level)


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_happened_is_one_object_a_line_for_its_owner_alone(capfd: pytest.CaptureFixture[str]) -> None:
    log.open_log("info")
    assert not log.log_file().parent.exists()
    logging.getLogger("distdiag_tui.a").info("n1 is %s", "up")
    logging.getLogger("distdiag_tui.a").debug("not this")
    try:
        int("password=tiger")
    except ValueError:
        logging.getLogger("distdiag_tui.b").exception("a bug with token: abcdef")
    first, second = lines(log.log_file())
    assert (first["level"], first["where"], first["message"]) == ("info", "distdiag_tui.a", "n1 is up")
    assert second["message"] == "a bug with token: ******"
    assert second["error"].endswith("invalid literal for int() with base 10: 'password=******'")
    assert stat.S_IMODE(log.log_file().stat().st_mode) == 0o600
    assert capfd.readouterr() == ("", "")


def test_it_is_bounded_and_shared_with_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST", 2000)
    log.open_log("info")
    logger = logging.getLogger("distdiag_tui")
    for number in range(200):
        logger.info("line %d", number)
    files = sorted(log.log_file().parent.iterdir())
    assert len(files) == 1 + log.OLD
    assert all(file.stat().st_size <= 2000 for file in files)
    assert lines(log.log_file())[-1]["message"] == "line 199"
    log.log_file().rename(log.log_file().with_suffix(".other"))  # by another process
    logger.info("after that")
    assert [line["message"] for line in lines(log.log_file())] == ["after that"]


def test_where_it_cannot_be_written_all_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    log.open_log("info")
    logging.getLogger("distdiag_tui").error("nobody hears")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ConfigError, match="the level of the log is debug, info"):
        log.open_log("loud")
    assert os.environ["XDG_STATE_HOME"].endswith("file")
