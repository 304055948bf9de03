"""The table of causes: what each is, what to check, what to do, and how to see it oneself."""

from __future__ import annotations

from typing import Final

from distdiag_tui.diagnosis.cause import Cause
from distdiag_tui.diagnosis.causes_server import SERVER_CAUSES
from distdiag_tui.diagnosis.causes_sql import SQL_CAUSES
from distdiag_tui.diagnosis.looks import ACTIVE, CHECK, TOP_SQL, WAITS, gather
from distdiag_tui.model.findings import UNKNOWN

_NOT_KNOWN: Final = Cause(
    UNKNOWN,
    "Unknown",
    "The server is not as usual, and no cause that we know explains how. Its evidence has the metrics that"
    " left their bands furthest.",
    check=(
        "Read the evidence from the earliest onset on: what moved first is nearest to the cause.",
        "Compare with the other servers: a change that all share comes from the load.",
        "What was changed of late: deployments, parameters, DDL, batch jobs?",
    ),
    act=("Write down what it turns out to be, and train with it: the next time it has a name.",),
    looks=(TOP_SQL, ACTIVE, WAITS),
    facts=("top_sql", "waits", "sessions", "commands", "changed"),
    obdiag=(gather("unknown", "gather logs, parameters and the state of the cluster"), CHECK),
)

CAUSES: Final[tuple[Cause, ...]] = (*SQL_CAUSES, *SERVER_CAUSES, _NOT_KNOWN)

_BY_ID: Final = {cause.id: cause for cause in CAUSES}


def find_cause(name: str) -> Cause:
    """The entry of that id; of one that has none, such as a label of one's own training, that of UNKNOWN."""
    return _BY_ID.get(name, _NOT_KNOWN)
