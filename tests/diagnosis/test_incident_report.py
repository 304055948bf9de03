"""An incident as a document: nothing in it is taken for Markdown."""

from __future__ import annotations

from findings import finding

from distdiag_tui.diagnosis.causes import find_cause
from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import Incident
from distdiag_tui.incidents.report import Dossier
from distdiag_tui.incidents.store import Papers

FOUND = Incident("inc-1", "lab", "n1", "zone1", "slow_sql", "open", 1000.0, 1001.0, finding("slow_sql"))


def test_a_table_is_aligned_and_no_text_of_a_server_ends_its_block() -> None:
    rows = (("1", "select 1 ````\n# no heading"), ("12345", "select 2"))
    papers = Papers(
        (Fact("active", "What runs now", 1000.0, ("session", "statement"), rows, "for 2 s"),
         Fact("waits", "Waits", 1000.0), Fact("sessions", "Sessions", 1000.0, missing="no such view")),
        (Probe("obdiag check run", 1000.0, "failed", ("``` # odd",), 1001.0, "access denied"),),
    )  # fmt: skip
    lines = Dossier(FOUND, find_cause("slow_sql"), papers).markdown().splitlines()
    at = lines.index("## What runs now")
    assert lines[at + 2 : at + 9] == [
        "As of 1970-01-01T00:16:40.000+00:00.",
        "for 2 s",
        "",
        "`````",
        "session  statement",
        "1        select 1 ```` # no heading",
        "12345    select 2",
    ]
    assert lines[at + 9] == "`````"
    assert lines[lines.index("## Waits") + 3] == "There was nothing of the kind."
    assert lines[lines.index("## Sessions") + 3] == "It could not be had: no such view"
    at = lines.index("## `obdiag check run`")
    assert lines[at + 2 :] == [
        "Begun at 1970-01-01T00:16:40.000+00:00, failed: access denied.", "", "````", "``` # odd", "````",
    ]  # fmt: skip
