"""How the tests themselves are spread over processes."""

from __future__ import annotations

import json

import pytest
import spread

LOAD = "tests/workloads/test_load_run.py::test_a"
LIVE = "tests/core/test_live.py::test_b[1]"
ALONE = "tests/unit/test_text.py::test_c"


def test_the_tests_of_a_lab_and_those_of_a_file_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISTDIAG_TEST_LAB", raising=False)
    names = [spread.together(each) for each in (LOAD, LIVE, ALONE)]
    assert names == [*spread.LABS, "tests/unit/test_text.py"]
    assert sorted((ALONE, LIVE, LOAD), key=spread.rank) == [LOAD, LIVE, ALONE]


def test_a_lab_that_runs_already_is_used_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTDIAG_TEST_LAB", "/nowhere")
    assert spread.together(LOAD) == spread.together(LIVE) != spread.together(ALONE)


def test_who_uses_the_lab_has_to_say_so() -> None:
    spread.check({LIVE: ("lab",), ALONE: ("tmp_path",)})
    with pytest.raises(pytest.UsageError, match="annotate it as LiveLab"):
        spread.check({ALONE: ("lab", "tmp_path")})


def test_half_characters_are_spelt_out() -> None:
    report = {"longrepr": ["\ud800", ("é", 1)], "\udfff": None}
    told = spread.encodable(report)
    assert told == {"longrepr": ["\\ud800", ("é", 1)], "\\udfff": None}
    json.dumps(told, ensure_ascii=False).encode()
