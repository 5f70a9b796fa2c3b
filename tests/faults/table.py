"""The public table: what was tried, and what came of it. Written by ``python -m tests.faults``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from tests.faults.processes import ROOT

RECORD: Final = Path(__file__).with_name("results.md")
README: Final = ROOT / "README.md"
_BLOCK: Final = re.compile(r"(?<=<!-- faults -->\n).*?(?=<!-- /faults -->)", re.DOTALL)
_HEAD: Final = """\
| program | cases | lost | duplicated | invariants violated | unknowable, left to an operator | seconds |
|---|--:|--:|--:|--:|--:|--:|
"""


class Row(NamedTuple):
    """One program's result; ``seconds`` of real time."""

    program: str
    cases: int
    lost: int
    duplicated: int
    violated: int
    unknowable: int
    seconds: int

    def __str__(self) -> str:
        return "| " + " | ".join(f"{each:,}" if isinstance(each, int) else each for each in self) + " |\n"


def update(row: Row) -> None:
    """Put one program's result into the record, and the record into the README."""
    rows = {known.program: known for known in read()} | {row.program: row}
    table = _HEAD + "".join(str(rows[program]) for program in sorted(rows))
    RECORD.write_text(table, encoding="utf-8")
    README.write_text(_BLOCK.sub(lambda _: table, README.read_text(encoding="utf-8")), encoding="utf-8")


def read() -> list[Row]:
    """The rows of the record; none before the first run."""
    found: list[Row] = []
    if not RECORD.exists():
        return found
    for line in RECORD.read_text(encoding="utf-8").splitlines()[2:]:
        program, *numbers = (cell.strip() for cell in line.strip("|").split("|"))
        found.append(Row(program, *(int(number.replace(",", "")) for number in numbers)))
    return found


def in_the_readme() -> str:
    """The table as the README has it."""
    (block,) = _BLOCK.findall(README.read_text(encoding="utf-8"))
    return str(block)
