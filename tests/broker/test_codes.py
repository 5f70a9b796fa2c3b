"""What error codes mean: the whole table of hazards, by code and by what was asked."""

from __future__ import annotations

import pytest

from toolkit.broker.codes import TABLE, Action, Meaning, Verdict, verdict

REJECTED, HELD = Verdict(Meaning.REJECTED), Verdict(Meaning.HELD)
NOTICE, ASK = Verdict(Meaning.NOTICE), Verdict(Meaning.NOTICE, ask=True)
UNKNOWN, CANCELLED = Verdict(Meaning.UNKNOWN, ask=True), Verdict(Meaning.CANCELLED)
UNCHANGED = Verdict(Meaning.REPLACE_REFUSED)
UNCHANGED_ASK = Verdict(Meaning.REPLACE_REFUSED, ask=True)
UNCANCELLED_ASK = Verdict(Meaning.CANCEL_REFUSED, ask=True)

UNHEARD_OF = (0, 1, 101, 165, 300, 10289, 10293, 19999)
REFUSE_NEW = (106, 107, 109, 111, 113, 163, 200, 203, 355, *range(382, 389), 434, 436, 451, 460, 463)

HAZARDS_C = [
    # codes, then what they mean for: a new order, a pending change, a pending cancel, nothing pending
    ((103,), UNKNOWN, ASK, ASK, ASK),
    ((104, 161, 10148), UNKNOWN, UNCHANGED_ASK, UNCANCELLED_ASK, ASK),
    ((135, 136, 10147), UNKNOWN, UNCHANGED_ASK, UNCANCELLED_ASK, ASK),
    ((105, 110, 329, 2102, 321, 322), REJECTED, UNCHANGED, NOTICE, NOTICE),
    (REFUSE_NEW, REJECTED, UNCHANGED, ASK, ASK),
    ((201,), REJECTED, UNCHANGED_ASK, ASK, ASK),
    ((202,), CANCELLED, CANCELLED, CANCELLED, CANCELLED),
    ((399, 2109, 2137, 2148, 10349), NOTICE, NOTICE, NOTICE, NOTICE),
    ((404,), HELD, NOTICE, NOTICE, NOTICE),
    ((100, *range(502, 510), 1100, 1300, 2110), UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    (UNHEARD_OF, UNKNOWN, ASK, ASK, ASK),
]
CASES = [(code, *meanings) for codes, *meanings in HAZARDS_C for code in codes]


@pytest.mark.parametrize(
    ("code", "place", "change", "cancel", "none"), CASES, ids=[str(case[0]) for case in CASES]
)
def test_every_code_means_what_the_catalogue_of_hazards_says(
    code: int, place: Verdict, change: Verdict, cancel: Verdict, none: Verdict
) -> None:
    """H1, H15, H16, H27, H28, H29, H45: by what was pending when it came."""
    assert verdict(code, Action.PLACE) == place
    assert verdict(code, Action.REPLACE) == change
    assert verdict(code, Action.CANCEL) == cancel
    assert verdict(code, Action.NONE) == none


def test_the_catalogue_names_every_code_of_the_table() -> None:
    assert set(TABLE) == {case[0] for case in CASES} - set(UNHEARD_OF)


@pytest.mark.parametrize("code", [*TABLE, *UNHEARD_OF])
def test_h1_h15_no_code_but_a_cancels_confirmation_ends_an_acknowledged_order(code: int) -> None:
    ends = {Meaning.REJECTED, Meaning.CANCELLED}
    for action in (Action.REPLACE, Action.CANCEL, Action.NONE):
        assert verdict(code, action).meaning not in ends or code == 202


@pytest.mark.parametrize("code", UNHEARD_OF)
def test_h1_a_code_that_nobody_knows_is_a_reason_to_ask(code: int) -> None:
    assert all(verdict(code, action).ask for action in Action)
