"""Writes the stand-in's data files from the reference folder: python tests/sim/carried.py."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parents[1])]

from facts import facts  # noqa: E402

FOLDER: Final = Path(__file__).parents[2] / "distdiag_tui" / "sim" / "data"
VERSIONS: Final = {"a": "4.2.1.9", "b": "4.2.5.0", "c": "4.3.3.1", "d": "4.3.5.3"}
USUAL: Final = "bigint(20)"


def views() -> str:
    """One line a definition: name, versions that have it so (! before those: only for sys), columns."""
    files = {letter: facts(f"views/ob-{version}.json") for letter, version in VERSIONS.items()}
    columns = Counter(
        column.split(" ", 1)[1]
        for file in files.values()
        for each in file["views"].values()
        for column in each
    )
    codes = {kind: str(number) for number, (kind, _) in enumerate(columns.most_common())}
    codes[USUAL] = ""
    lines = [
        "# MulanPubL-2.0 and Apache-2.0 sources: names and types of OceanBase's views. Made, not edited."
    ]
    lines += [f"version {letter} {version}" for letter, version in VERSIONS.items()]
    lines += [f"type {code} {kind}" for kind, code in codes.items() if code]
    definitions: dict[tuple[str, tuple[str, ...], bool], str] = {}
    for letter, file in files.items():
        only = set(file["sys_only"])
        for name, listed in file["views"].items():
            key = name, tuple(listed), name in only
            definitions[key] = definitions.get(key, "") + letter
    for (name, listed, only_sys), letters in sorted(
        definitions.items(), key=lambda each: (each[0][0], each[1])
    ):
        words = (_word(codes, column) for column in listed)
        lines.append(" ".join(("view", name, "!" * only_sys + letters, *words)))
    return "\n".join(lines) + "\n"


def _word(codes: dict[str, str], column: str) -> str:
    name, kind = column.split(" ", 1)
    return f"{name}:{codes[kind]}" if codes[kind] else name


def statistics() -> str:
    """One line a statistic: id, class number, A (adds up) or S (is set), versions, name."""
    known = facts("sysstat.json")
    numbers = known["meta"]["class_numbers"]
    lines = ["# Statistics of GV$SYSSTAT: id, class, A(dd) or S(et), versions, name. Made, not edited."]
    for number, name, kind, declared, _, _, versions, _ in known["stats"]:
        if here := "".join(letter for letter in versions if letter in VERSIONS):
            lines.append(f"{number} {numbers[kind]} {declared[0]} {here} {name}")
    return "\n".join(lines) + "\n"


def events() -> str:
    """One line a wait class, then one an event: id, class, versions, name."""
    known = facts("wait_events.json")
    lines = ["# Wait classes and events of GV$SYSTEM_EVENT. Made, not edited."]
    lines += [f"class {name} {number} {index}" for name, number, index in known["wait_classes"]]
    for number, name, kind, _, versions, *_ in known["events"]:
        if name and (here := "".join(letter for letter in versions if letter in VERSIONS)):
            lines.append(f"event {number} {kind} {here} {name}")
    return "\n".join(lines) + "\n"


FILES: Final = {"views.txt": views, "statistics.txt": statistics, "events.txt": events}

if __name__ == "__main__":
    for name, build in FILES.items():
        (FOLDER / name).write_text(build(), encoding="utf-8")
