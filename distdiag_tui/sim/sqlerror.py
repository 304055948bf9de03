"""Errors as a server sends them: a number that clients act on, an SQL state, and words."""

from __future__ import annotations

from typing import Final

_STATES: Final = {
    1044: "42000", 1045: "28000", 1047: "08S01", 1049: "42000", 1052: "23000", 1054: "42S22", 1055: "42000",
    1064: "42000", 1095: "HY000", 1111: "HY000", 1142: "42000", 1146: "42S02", 1193: "HY000", 1227: "42501",
    1235: "0A000", 1292: "22007", 1305: "42000", 1366: "HY000",
}  # fmt: skip


class SqlError(Exception):
    """Sent to the client; the connection lives on unless it is one of logging in."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(number, words)
        self.number = number
        self.words = words

    @property
    def state(self) -> str:
        """Five characters of SQL state."""
        return _STATES.get(self.number, "HY000")


def unknown_column(name: str, clause: str) -> SqlError:
    """`clause` as in 'field list', 'where clause'."""
    return SqlError(1054, f"Unknown column '{name}' in '{clause}'")


def no_table(name: str) -> SqlError:
    """`name` with its database."""
    return SqlError(1146, f"Table '{name}' doesn't exist")
