"""P1, hazards H2 and H18: killed at any step, restarted, nothing is lost and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.faults import crashes, programs
from tests.faults.crashes import Crash
from tests.faults.evidence import Verdict
from tests.faults.kill_points import STEPS

Futures = dict[Crash, Future[Verdict]]
SAMPLE = crashes.sample()


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Futures]:
    """The cases that this run asks for, a few at a time."""
    with programs.playing(crashes.run, programs.asked(request), tmp_path_factory.mktemp("p1")) as futures:
        yield futures


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_h2_a_service_killed_at_any_step_loses_nothing_and_sends_nothing_twice(
    case: Crash, verdicts: Futures
) -> None:
    verdict = verdicts[case].result(programs.TURN_S)
    assert verdict.clean, verdict


@pytest.mark.faults_all
@pytest.mark.parametrize("case", list(crashes.crashes()), ids=str)
def test_h2_for_every_order_type_at_every_step(case: Crash, verdicts: Futures) -> None:
    verdict = verdicts[case].result(programs.TURN_S)
    assert verdict.clean, verdict


def test_the_sample_dies_before_and_after_every_step() -> None:
    died = {crash.point for crash in SAMPLE}
    for name in STEPS:
        moments = {"asked": {"before"}, "told": {"after"}}.get(name.rpartition(" ")[2], {"before", "after"})
        assert {f"{moment} {name}" for moment in moments} <= died
    assert {crash.order_type for crash in SAMPLE} == set(crashes.TERMS)
