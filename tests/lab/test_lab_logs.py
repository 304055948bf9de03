"""Server text reaches the terminal whole, in order, and harmless."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distdiag_tui.lab import logs


@given(st.text())
def test_cleaned_text_holds_nothing_a_terminal_obeys(text: str) -> None:
    cleaned = logs.clean(text)
    assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in cleaned)
    assert not any(c in cleaned for c in "\u202e\u2066\u200f")


def test_ordinary_text_stays_as_it_is() -> None:
    assert logs.clean("Größe 10 KB → ok") == "Größe 10 KB → ok"


@pytest.mark.parametrize("count", [0, 1, 5, 9_999, 10_000, 20_000])
def test_the_tail_is_the_end_of_the_file(tmp_path: Path, count: int) -> None:
    lines = [f"line {number} of the log" for number in range(10_000)]  # several blocks long
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert logs.tail(path, count) == (lines[-count:] if count else [])


def test_odd_files_have_a_tail_as_well(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert logs.tail(path, 3) == []
    path.write_bytes(b"")
    assert logs.tail(path, 3) == []
    path.write_bytes(b"no newline \xff\x1b[31m")
    assert logs.tail(path, 3) == ["no newline \ufffd\ufffd[31m"]


def test_a_follower_gives_each_whole_line_once_and_survives_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old\n", encoding="utf-8")
    follower = logs.Follower(path, logs.size(path))
    assert follower.new_lines() == []
    with path.open("a", encoding="utf-8") as file:
        file.write("one\ntwo\nthr")
    assert follower.new_lines() == ["one", "two"]
    with path.open("a", encoding="utf-8") as file:
        file.write("ee\n")
    assert follower.new_lines() == ["three"]
    path.write_text("new\n", encoding="utf-8")
    assert follower.new_lines() == ["new"]


def test_the_start_is_as_far_as_the_server_says(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert logs.boot_fraction(path, 0) == 0
    path.write_text("[server_start 18/18] before\n", encoding="utf-8")
    offset = logs.size(path)
    assert logs.boot_fraction(path, offset) == 0
    with path.open("a", encoding="utf-8") as file:
        file.write("[server_start 1/18] x\n[server_start 9/18] y\n")
    assert logs.boot_fraction(path, offset) == 0.5


def test_the_last_words_are_the_cause_not_the_outcome(tmp_path: Path) -> None:
    log = logs.server_log(tmp_path, "n1")
    log.parent.mkdir(parents=True)
    prefix = "[2026-01-01 00:00:00.0] ERROR [RPC] f (a.cpp:1) [7][seekdb][T0][Y0-0] [lt=3]"
    log.write_text(
        f"{prefix}[errcode=-4004] disk is on fire\n{prefix} observer start fail, see above\n",
        encoding="utf-8",
    )
    assert logs.last_words(tmp_path, "n1", 0) == "disk is on fire"
    assert logs.last_words(tmp_path, "n2", 0) == "it left no message"
