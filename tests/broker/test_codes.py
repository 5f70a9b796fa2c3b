"""What error codes mean: one table, by code and by what was asked."""

from __future__ import annotations

import pytest

from toolkit.broker.codes import Action, Meaning, meaning


@pytest.mark.parametrize("code", [399, 2109, 2137, 10349])
@pytest.mark.parametrize("action", Action)
def test_h1_h45_a_notice_is_a_notice_whatever_was_asked(code: int, action: Action) -> None:
    assert meaning(code, action) is Meaning.NOTICE


@pytest.mark.parametrize("code", [105, 110, 200, 201, 203, 321, 322, 387, 434, 460])
def test_h28_h29_a_refusal_of_a_new_order_rejects_it(code: int) -> None:
    assert meaning(code, Action.PLACE) is Meaning.REJECTED


@pytest.mark.parametrize("code", [104, 110, 201, 321, 434, 10147, 10148, 19999])
def test_h1_h15_no_code_but_a_cancels_confirmation_ends_a_live_order(code: int) -> None:
    assert meaning(code, Action.NONE) is Meaning.NOTICE


@pytest.mark.parametrize("code", [104, 161, 10147, 10148])
def test_h15_a_refused_cancel_ends_the_cancel_not_the_order(code: int) -> None:
    assert meaning(code, Action.CANCEL) is Meaning.CANCEL_REFUSED


@pytest.mark.parametrize("action", Action)
def test_202_confirms_a_cancel_whoever_asked_for_it(action: Action) -> None:
    assert meaning(202, action) is Meaning.CANCELLED


def test_h1_an_unknown_code_on_a_new_order_is_a_question_not_an_answer() -> None:
    assert meaning(19999, Action.PLACE) is Meaning.UNKNOWN


@pytest.mark.parametrize("action", Action)
def test_h16_103_proves_nothing_about_the_order_it_names(action: Action) -> None:
    assert meaning(103, action) is Meaning.UNKNOWN
