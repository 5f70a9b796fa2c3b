"""P2, hazards H4, H7 and H22: cut off at any message and back again, nothing is lost or sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.faults import cuts, programs
from tests.faults.cuts import Cut
from tests.faults.evidence import Verdict

Futures = dict[Cut, Future[Verdict]]
SAMPLE = cuts.sample()


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Futures]:
    """The cases that this run asks for, a few at a time."""
    with programs.playing(cuts.run, programs.asked(request), tmp_path_factory.mktemp("p2")) as futures:
        yield futures


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_h4_h7_a_connection_cut_at_any_message_loses_nothing_and_sends_nothing_twice(
    case: Cut, verdicts: Futures
) -> None:
    verdict = verdicts[case].result(programs.TURN_S)
    assert verdict.clean, verdict


@pytest.mark.faults_all
@pytest.mark.parametrize("case", list(cuts.cuts()), ids=str)
def test_h4_h7_for_every_message_cut_in_every_way(case: Cut, verdicts: Futures) -> None:
    verdict = verdicts[case].result(programs.TURN_S)
    assert verdict.clean, verdict


def test_the_sample_cuts_at_every_message_and_in_every_way() -> None:
    messages = {(cut.stage, cut.message) for cut in SAMPLE if cut.how}
    assert messages == {(cut.stage, cut.message) for cut in cuts.cuts() if cut.how}
    assert {cut.how for cut in SAMPLE} >= set(cuts.CUT_REPLY)
