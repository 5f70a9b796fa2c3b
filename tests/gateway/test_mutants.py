"""The table of fill cases notices a mistake in any rule: ``pytest -m mutation tests/gateway``."""

from pathlib import Path

import pytest

from tests.gateway.mutants import MUTANTS, Mutant, noticed

pytestmark = pytest.mark.mutation


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{mutant.rule}: {mutant.mistake}" for mutant in MUTANTS])
def test_the_table_notices_a_mistake_in_a_rule(mutant: Mutant, tmp_path: Path) -> None:
    assert noticed(mutant, tmp_path)


def test_the_table_has_nothing_to_say_of_the_sources_as_they_are(tmp_path: Path) -> None:
    assert noticed(None, tmp_path) == []


def test_every_rule_has_a_mutant() -> None:
    assert {f"R{n}" for n in range(1, 14)} | {"R5q"} <= {mutant.rule for mutant in MUTANTS}
