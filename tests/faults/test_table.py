"""The table in the README is the record of the last complete run of the programs as they are now."""

from __future__ import annotations

from tests.faults import table
from tests.faults.programs import PROGRAMS


def test_the_readme_shows_the_record() -> None:
    assert table.in_the_readme() == table.RECORD.read_text(encoding="utf-8")


def test_the_record_is_of_every_case_of_every_program() -> None:
    played = {row.program: row.cases for row in table.read()}
    assert played == {program.title: sum(map(program.size, program.cases())) for program in PROGRAMS}


def test_nothing_was_lost_duplicated_or_contradicted() -> None:
    assert [(row.lost, row.duplicated, row.violated) for row in table.read()] == [(0, 0, 0)] * len(PROGRAMS)
