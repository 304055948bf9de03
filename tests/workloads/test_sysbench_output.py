"""What sysbench prints, as captured from the real program, is read to the last figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.sysbench.output import Event, Failure, Interval, Output, Started, Summary
from distdiag_tui.workloads.sysbench.segment import Segment
from distdiag_tui.workloads.sysbench.tally import Tally
from distdiag_tui.workloads.sysbench.verdict import PATIENCE, Judge

CAPTURED = Path(__file__).with_name("captured")

REFUSED = """\
FATAL: unable to connect to MySQL server on host '127.0.0.1', port 24696, aborting...
FATAL: error 1045: Access denied for user 'root'@'xxx.xxx.xxx.xxx' (using password: YES)
FATAL: unable to connect to MySQL server on host '127.0.0.1', port 24696, aborting...
FATAL: error 1045: Access denied for user 'root'@'xxx.xxx.xxx.xxx' (using password: YES)
FATAL: `thread_init' function failed: /usr/share/sysbench/oltp_common.lua:349: connection creation failed
(last message repeated 1 times)
FATAL: Thread initialization failed!
"""
NO_TABLE = """\
FATAL: mysql_stmt_prepare() failed
FATAL: MySQL error: 1146 "Table 'sbx.sbtest3' doesn't exist"
FATAL: `thread_init' function failed: /usr/share/sysbench/oltp_common.lua:284: SQL API error
FATAL: Thread initialization failed!
"""
NO_TABLE_AS_TEXT = """\
FATAL: mysql_drv_query() returned error 1146 (Table 'sbx.sbtest3' doesn't exist) for query 'SELECT c FROM \
sbtest3 WHERE id BETWEEN 4660 AND 4759'
FATAL: `thread_run' function failed: /usr/share/sysbench/oltp_common.lua:432: SQL error, errno = 1146, \
state = '42S02': Table 'sbx.sbtest3' doesn't exist
"""
LOST = """\
FATAL: mysql_stmt_execute() returned error 2013 (Lost connection to server during query) for query 'SELECT c \
FROM sbtest1 WHERE id=?'
FATAL: `thread_run' function failed: /usr/share/sysbench/oltp_common.lua:419: SQL error, errno = 2013, state \
= 'HY000': Lost connection to server during query
"""
UNREACHABLE = """\
FATAL: unable to connect to MySQL server on host '127.0.0.1', port 1, aborting...
FATAL: error 2002: Can't connect to server on '127.0.0.1' (115)
FATAL: `thread_init' function failed: /usr/share/sysbench/oltp_common.lua:349: connection creation failed
FATAL: Thread initialization failed!
"""
TOO_FAST = """\
FATAL: The event queue is full. This means the worker threads are unable to keep up with the specified event \
generation rate
"""
FROZEN = "FATAL: Worker threads failed to initialize within 30 seconds!\n"
UNKNOWN_OPTION = "invalid option: --nix=3\n"


def read(text: str) -> list[Event]:
    output = Output()
    return [event for line in text.splitlines() if (event := output.read(line))]


def captured(name: str) -> str:
    return (CAPTURED / f"{name}.txt").read_text()


def percentile(histogram: dict[int, int], percent: float) -> int:
    """As sysbench takes it from its buckets."""
    wanted = int(sum(histogram.values()) * percent / 100 + 0.5)
    seen = 0
    for value in sorted(histogram):
        seen += histogram[value]
        if seen >= wanted:
            return value
    raise AssertionError("empty")


def test_a_run_with_its_histograms() -> None:
    started, *intervals, summary = read(captured("sysbench_run"))
    assert isinstance(started, Started)
    first, second, third = intervals
    assert isinstance(first, Interval)
    assert (first.threads, first.tps, first.qps, first.p95) == (2, 12.98, 259.69, 0.03312)
    assert sum(first.histogram.values()) == 13
    assert percentile(first.histogram, 95) == 33116
    assert isinstance(second, Interval)
    assert isinstance(third, Interval)
    assert sum(third.histogram.values()) == 13 + 16 + 16
    assert isinstance(summary, Summary)
    assert (summary.transactions, summary.queries, summary.ignored) == (45, 900, 0)
    assert (summary.latency, summary.p95) == (1.26182, 0.06447)
    assert summary.histogram == third.histogram
    assert percentile(summary.histogram, 95) == 64474  # printed as 64.47 ms


def test_a_run_without_histograms_and_with_the_lines_of_a_rate() -> None:
    started, *intervals, summary = read(captured("sysbench_plain"))
    assert isinstance(started, Started)
    assert all(isinstance(each, Interval) and each.histogram == {} and each.p95 > 0 for each in intervals)
    assert isinstance(summary, Summary)
    assert summary.histogram == {}


def test_short_latencies_share_a_figure_and_are_added() -> None:
    buckets = ["0.001 |**************************************** 187957", "0.001 |   4", "0.002 |   3"]
    output = Output()
    for bucket in buckets:
        assert output.read(f"       {bucket}") is None
    rates = "tps: 9.00 qps: 9.00 (r/w/o: 9.00/0.00/0.00) lat (ms,95%): 0.00 err/s: 0.00 reconn/s: 0.00"
    interval = output.read(f"[ 1s ] thds: 2 {rates}")
    assert isinstance(interval, Interval)
    assert interval.histogram == {1: 187961, 2: 3}


def test_ignored_errors_have_their_code() -> None:
    intervals = [each for each in read(captured("sysbench_lock_waits")) if isinstance(each, Interval)]
    told = [(each.error, each.ignored) for each in intervals if each.ignored]
    assert told[0] == (1205, 8.0)
    assert {error for error, _ in told} == {1205}


def test_two_codes_in_one_interval_are_not_told_apart() -> None:
    rates = "tps: 1.00 qps: 1.00 (r/w/o: 1.00/0.00/0.00) lat (ms,95%): 1.00 err/s: 5.00 reconn/s: 0.00"
    ignoring = ["DEBUG: Ignoring error 1213 Deadlock, ", "DEBUG: Ignoring error 1205 Lock wait timeout, "]
    output = Output()
    events = [output.read(text) for text in (*ignoring, f"[ 1s ] thds: 2 {rates}")]
    assert isinstance(events[-1], Interval)
    assert events[-1].error == "ignored"


@pytest.mark.parametrize(
    ("text", "failures"),
    [
        (REFUSED, [(1045, "Access denied for user 'root'@'xxx.xxx.xxx.xxx' (using password: YES)")] * 2),
        (NO_TABLE, [(1146, "Table 'sbx.sbtest3' doesn't exist")]),
        (NO_TABLE_AS_TEXT, [(1146, "Table 'sbx.sbtest3' doesn't exist")]),
        (LOST, [(2013, "Lost connection to server during query")]),
        (UNREACHABLE, [(2002, "Can't connect to server on '127.0.0.1' (115)")]),
        (FROZEN, [(None, "Worker threads failed to initialize within 30 seconds!")]),
        (UNKNOWN_OPTION, [(None, "invalid option: --nix=3")]),
    ],
)
def test_errors_by_code_and_in_one_line(text: str, failures: list[tuple[int | None, str]]) -> None:
    found = read(text)
    assert [(each.code, each.words) for each in found if isinstance(each, Failure)] == failures
    assert len(found) == len(failures)


def test_a_repeated_error_is_counted_and_other_repetitions_are_not() -> None:
    repeated = "(last message repeated 3 times)"
    line = "FATAL: error 2002: Can't connect to server on '127.0.0.1' (115)"
    found = read("\n".join([line, repeated, "FATAL: Thread initialization failed!", repeated]))
    assert sum(each.count for each in found if isinstance(each, Failure)) == 4


def test_a_message_cut_off_without_a_line_break() -> None:
    values = ",".join(f"({i},{i})" for i in range(500))
    head = f"FATAL: mysql_drv_query() returned error 1062 (Duplicate '1') for query 'INSERT INTO x {values}"
    assert read(head[:4095] + "FATAL: `thread_run' function failed: x") == [Failure(1062, "Duplicate '1'")]


@given(st.text())
def test_any_other_line_is_passed_over(line: str) -> None:
    assert Output().read(f"x {line}") is None


def heard(text: str, code: int) -> tuple[Judge, Segment, Tally, int]:
    tally = Tally()
    segment = Segment(0, tally)
    for line in text.splitlines():
        segment.hear(line)
    return Judge("n1 (host:1)", tally), segment, tally, code


@pytest.mark.parametrize(
    ("text", "code", "errors"),
    [
        (LOST, 1, {2013: 1}),
        (UNREACHABLE, 1, {2002: 1}),
        (TOO_FAST, 1, {"dropped": 131_071}),
        (FROZEN, 2, {"timeout": 1}),
        ("", -11, {"crashed": 1}),
    ],
)
def test_what_may_pass_is_tried_again(text: str, code: int, errors: dict[int | str, int]) -> None:
    judge, segment, tally, _ = heard(text, code)
    assert judge.ended(code, segment) is False
    assert tally.interval().errors == errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NO_TABLE, "n1 (host:1): Table 'sbx.sbtest3' doesn't exist; prepare the workload again"),
        (REFUSED, "n1 (host:1): Access denied for user 'root'@'xxx.xxx.xxx.xxx' (using password: YES)"),
        (
            'FATAL: MySQL error: 5930 "maximum open cursors exceeded"\nFATAL: mysql_stmt_prepare() failed',
            "n1 (host:1): maximum open cursors exceeded; fewer --tables, or --db-ps-mode disable",
        ),
        (UNKNOWN_OPTION, "n1 (host:1): sysbench fails: invalid option: --nix=3"),
        ("", "n1 (host:1): sysbench fails: it ended with code 1"),
    ],
)
def test_what_will_not_pass_ends_the_run(text: str, words: str) -> None:
    judge, segment, _, code = heard(text, 1)
    with pytest.raises(WorkloadError) as raised:
        judge.ended(code, segment)
    assert str(raised.value) == words


def test_an_answer_that_stays_the_same_ends_the_run_in_the_end() -> None:
    full = "FATAL: mysql_drv_query() returned error 4184 (Server out of disk space) for query 'UPDATE x'"
    judge, segment, _, code = heard(full, 1)
    for _ in range(PATIENCE - 1):
        assert judge.ended(code, segment) is False
    with pytest.raises(WorkloadError, match="Server out of disk space"):
        judge.ended(code, segment)


def test_where_there_were_transactions_it_never_gives_up() -> None:
    starting = "FATAL: error 4250: Server is initializing"
    judge, segment, _, code = heard(captured("sysbench_run"), 1)
    segment.summary = None
    assert judge.ended(-11, segment) is False
    for line in (starting, "FATAL: Thread initialization failed!"):
        segment.hear(line)
    assert not any(judge.ended(code, segment) for _ in range(PATIENCE * 3))


def test_connections_count_as_regained_only_after_they_were_lost() -> None:
    judge, segment, tally, code = heard(LOST, 1)
    judge.begun(4)
    assert tally.interval().reconnects == 0
    judge.ended(code, segment)
    judge.begun(4)
    assert tally.interval().reconnects == 4


def test_an_error_that_ends_it_is_not_counted_among_the_ignored_too() -> None:
    rates = "tps: 9.00 qps: 9.00 (r/w/o: 9.00/0.00/0.00) lat (ms,95%): 1.00 err/s: 3.00 reconn/s: 0.00"
    tally = Tally()
    segment = Segment(0, tally)
    segment.hear("Threads started!")
    segment._last -= 1.0  # the line below comes a second later
    for line in (*LOST.splitlines(), f"[ 1s ] thds: 2 {rates}"):
        segment.hear(line)
    assert tally.interval().errors == {2013: 1, "ignored": 2}


def test_a_summary_corrects_what_the_lines_told() -> None:
    *_, tally, _ = heard(captured("sysbench_run"), 0)
    total = tally.total(2)
    assert round(total.tps * total.elapsed) == 45
    assert round(total.qps * total.elapsed) == 900
    assert total.mean == pytest.approx(1.26182 / 45)
    assert total.p95 == pytest.approx(0.06447, rel=0.001)
    assert total.p50 == pytest.approx(0.0239, rel=0.02)
