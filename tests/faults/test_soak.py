"""P9 in small: a short day with kills, cuts and a gateway restart; the long one is in the programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import soak
from tests.faults.soak import Day


def test_a_short_day_of_faults_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    verdict = soak.run(Day(intents=150, seed=3), tmp_path)
    assert verdict.clean, verdict.summary
    assert len(verdict.outcomes) == 150


@pytest.mark.faults_all
@pytest.mark.timeout(1800)
def test_a_long_day_of_faults_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    verdict = soak.run(soak.DAY, tmp_path)
    assert verdict.clean, verdict.summary
    assert len(verdict.outcomes) == soak.DAY.intents
