"""What becomes of a wish for sysbench: options, each server's share, the password's line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import checked
from distdiag_tui.workloads.sysbench.config import SCRIPTS, bulk_tables, shares, whole_rate
from distdiag_tui.workloads.sysbench.kind import SYSBENCH
from distdiag_tui.workloads.sysbench.program import password_line


def even(numbers: list[int]) -> bool:
    return max(numbers) - min(numbers) <= 1


@given(st.integers(1, 1024), st.integers(0, 5000), st.integers(1, 40))
def test_shares_add_up_and_nobody_runs_without_limit(threads: int, rate: int, servers: int) -> None:
    found = shares(threads, rate, servers)
    assert len(found) == servers
    assert sum(share.threads for share in found) == threads
    assert sum(share.rate for share in found) == rate
    at_work = [share for share in found if share.threads]
    assert even([share.threads for share in at_work])
    assert all((share.rate > 0) == (rate > 0) for share in at_work)


def test_servers_fill_different_tables_in_bulk() -> None:
    assert not set(bulk_tables(0, 1024)) & set(bulk_tables(1, 1024))
    assert min(bulk_tables(0, 1)) > 9999  # beside those that prepare makes


@pytest.mark.parametrize("wrong", [0.5, -1, 100_001])
def test_rates_that_sysbench_cannot_have(wrong: float) -> None:
    with pytest.raises(ConfigError, match="whole transactions"):
        whole_rate(wrong)


@pytest.mark.parametrize(
    "wrong", [{"script": "cpu"}, {"interval": "0.5"}, {"rate": "1.5"}, {"tables": 0}, {"x": 1}]
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        checked(SYSBENCH.options, wrong)


def test_every_script_that_is_shipped_can_be_asked_for() -> None:
    shipped = {file.stem for file in Path("/usr/share/sysbench").glob("*.lua")} - {"oltp_common"}
    assert shipped <= set(SCRIPTS)


@given(st.text(st.characters(blacklist_characters="\n\0", blacklist_categories=["Cs"]), max_size=60))
def test_a_password_is_quoted_so_that_it_comes_back(password: str) -> None:
    try:
        line = password_line(password).decode()
    except ConfigError:
        assert '"' in password
        assert "'" in password
        return
    assert line.count("\n") == 1
    assert as_sysbench_reads(line) == password


def as_sysbench_reads(line: str) -> str:
    """The first value of a line of its configuration file."""
    rest = line.partition("=")[2].lstrip()
    if rest[0] in "\"'":
        return rest[1:].partition(rest[0])[0]
    return rest.partition(",")[0].split()[0]


@pytest.mark.parametrize("password", ["x" * 300, "two\nlines", "nul\0", "a'b\"c d", "'\",", "#'\""])
def test_a_password_that_sysbench_cannot_take_is_refused_without_being_shown(password: str) -> None:
    with pytest.raises(ConfigError) as raised:
        password_line(password)
    assert password not in str(raised.value)
