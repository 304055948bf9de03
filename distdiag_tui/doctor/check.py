"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

SCHEMA: Final = "distdiag.doctor/1"

State = Literal["ok", "missing", "failing", "unreachable"]
"""`missing`: something that not everybody needs; `unreachable`: a server, or what it is asked through."""


@dataclass(frozen=True, slots=True)
class Check:
    """`words` say what is there or what is wrong, `mend` what to do about it, "" for nothing."""

    name: str
    state: State
    words: str
    mend: str = ""

    def document(self) -> dict[str, Any]:
        """A plain object for JSON, of the schema distdiag.doctor/1."""
        fields = {"check": self.name, "state": self.state, "detail": self.words, "mend": self.mend}
        return {"schema": SCHEMA, **fields}


def exit_code(checks: list[Check]) -> int:
    """0: all is well, or only lacks what not everybody needs; 1: something fails; 3: nobody answers."""
    states = {check.state for check in checks}
    return 3 if "unreachable" in states else 1 if "failing" in states else 0
