"""What an operator presses on a desk, and what it leaves."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import toolkit
from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.errors import ControlError
from toolkit.gateway import PaperGateway


def denial(desk: Desk, direction: str = "buy", **terms: object) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        intent_id = getattr(desk, direction)("SPY", 10, limit=500, **terms)
    return desk.order(intent_id).reason_code


def test_a_desk_is_killed_and_resumed(desk: Desk, market: PaperGateway) -> None:
    resting = desk.buy("SPY", 10, limit=500)
    swept = desk.kill("fire", by="ann")
    assert (swept.orders, swept.leftovers) == (1, {})
    assert desk.order(resting).final
    assert denial(desk) == "KILLED"
    assert desk.control.startswith("KILLED since")
    assert desk.control.endswith("by ann: fire")
    desk.resume("the fire is out")
    assert denial(desk) == ""


def test_a_desk_is_halted_and_reduced(desk: Desk) -> None:
    desk.buy("SPY", 10)
    wait_until(lambda: len(desk.positions) == 1)
    desk.reduce_only("news")
    assert denial(desk) == "REDUCE_ONLY"
    assert denial(desk, "sell") == ""
    desk.halt("worse news")
    assert denial(desk, "sell") == "HALTED"
    with pytest.raises(ControlError, match="stricter"):
        desk.reduce_only()


def test_a_resume_from_a_desk_needs_a_reason(desk: Desk) -> None:
    desk.kill()
    with pytest.raises(ControlError, match="a name and a reason"):
        desk.resume(" ")


def test_a_large_order_is_released_by_two_people(market: PaperGateway, home: Path) -> None:
    with toolkit.connect(port=market.port, home=home, approve_above=1000) as desk:
        with pytest.warns(UserWarning, match="above approve_above"):
            wanted = desk.buy("SPY", 10, limit=500)
        with pytest.raises(ControlError, match="another person has to approve it"):
            desk.approve(wanted, "it is fine")
        with pytest.raises(ControlError, match="was not released"):
            desk.release(wanted)
        assert market.ledger.requests == []
        desk.approve(wanted, "it is fine", by="a colleague")
        sent = desk.release(wanted)
        assert desk.order(sent).order_id is not None
        with pytest.raises(ControlError, match="was not released"):
            desk.release(wanted)
        wait_until(lambda: list(market.ledger.orders) == [sent])


def test_a_desk_that_connects_again_is_still_killed(market: PaperGateway, home: Path) -> None:
    with toolkit.connect(port=market.port, home=home) as desk:
        desk.kill("fire")
    with toolkit.connect(port=market.port, home=home) as desk:
        assert denial(desk) == "KILLED"
