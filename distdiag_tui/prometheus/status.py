"""How writing to Prometheus goes on, for the status line and for those who scrape us."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from distdiag_tui.model.text import duration
from distdiag_tui.prometheus.families import OWN, Family, Row

PART: Final = f"{OWN}remote_write_"


class Writing(StrEnum):
    """The value is the word shown."""

    ASKING = "asking"
    ON = "writing"
    OFF = "receiver off"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CLOCK = "clock differs"
    ELSEWHERE = "fed by another console"


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """`detail` is one clear line on what is wrong, or "". Counts since start.

    `queued` and `dropped` are in ticks: those that wait, and those that waited too long or came while nothing
    could be written; all others in samples, which are values of one series. `late` are those refused as out
    of order or too old; `refused` all others that were. `lag`: how old the newest tick was once
    it had been written (s).
    """

    state: Writing = Writing.ASKING
    detail: str = ""
    queued: int = 0
    dropped: int = 0
    sent: int = 0
    late: int = 0
    refused: int = 0
    retries: int = 0
    lag: float | None = None

    @property
    def words(self) -> str:
        """A few words for the status line."""
        if self.state is Writing.ON:
            lost = self.late + self.refused
            trouble = f", {lost} refused" if lost else ""
            return f"Prometheus {duration(self.lag)}{trouble}"
        return f"Prometheus {self.state.value}"

    @property
    def trouble(self) -> bool:
        """Whether a person should look."""
        return self.state in (Writing.REFUSED, Writing.UNREACHABLE, Writing.CLOCK) or bool(
            self.late + self.refused
        )


def status_families(status: WriteStatus) -> list[Family]:
    """The status as series of our own."""
    states: list[Row] = [((state.value,), float(state is status.state)) for state in Writing]
    refused: list[Row] = [(("out of order",), float(status.late)), (("other",), float(status.refused))]
    plain = [
        ("queued_ticks", "Ticks that wait to be written.", status.queued),
        ("dropped_ticks_total", "Ticks that were never written.", status.dropped),
        ("samples_total", "Samples written.", status.sent),
        ("retries_total", "Requests that were tried again.", status.retries),
        ("lag_seconds", "How old the newest tick was when it had been written.", status.lag),
    ]
    return [
        Family(f"{PART}state", False, "1 for how writing goes on.", ("state",), states),
        Family(f"{PART}refused_samples_total", True, "Samples that were refused.", ("reason",), refused),
        *(
            Family(f"{PART}{name}", name.endswith("_total"), about, (), [((), float(value))])
            for name, about, value in plain
            if value is not None
        ),
    ]
