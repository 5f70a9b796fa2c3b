"""The judge of the fault programs notices what it is there to notice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.faults import evidence
from tests.faults.play import Play
from toolkit.gateway.ledger import Ledger
from toolkit.settings import Settings


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Ledger]:
    """A service that bought one share, and has ended."""
    with Play(tmp_path_factory.mktemp("day")) as play:
        play.send({"intent_id": "order-1"})
        assert play.finish(play.serve()).clean
        return play.settings, play.gateway.ledger()


def test_an_order_that_came_twice_is_a_duplicate(day: tuple[Settings, Ledger]) -> None:
    settings, ledger = day
    (order,) = ledger.requests
    twice = Ledger([order, replace(order, order_id=order.order_id + 1)], ledger.fills)
    assert evidence.judge(settings, twice).duplicated == ["order-1"]


def test_a_fill_that_no_report_tells_is_lost(day: tuple[Settings, Ledger]) -> None:
    settings, ledger = day
    (fill,) = ledger.fills.values()
    untold = replace(fill, exec_id="0000e0d5.00000000.00000002.01")
    verdict = evidence.judge(settings, Ledger(ledger.requests, {**ledger.fills, untold.exec_id: untold}))
    assert verdict.lost == [untold.exec_id]
    assert not verdict.clean


def test_a_fill_of_other_size_is_a_breach(day: tuple[Settings, Ledger]) -> None:
    settings, ledger = day
    (fill,) = ledger.fills.values()
    larger = {fill.exec_id: replace(fill, shares=Decimal(2))}
    breaches = evidence.judge(settings, Ledger(ledger.requests, larger)).breaches
    assert {breach[:2] for breach in breaches} == {"I2", "I8"}


def test_an_intent_that_nobody_took_is_lost(day: tuple[Settings, Ledger]) -> None:
    settings, ledger = day
    reports = evidence.on_the_bus(settings)[1]
    assert evidence.settled(reports, ["order-1"], ledger)
    assert not evidence.settled(reports, ["order-1", "order-2"], ledger)


def test_an_unknown_order_that_the_broker_has_is_not_left_to_an_operator(
    day: tuple[Settings, Ledger],
) -> None:
    _, ledger = day
    unknown = {"intent_id": "order-1", "report_seq": 9, "status": "Unknown", "final": False}
    assert not evidence.settled([unknown], ["order-1"], ledger)
    assert evidence.settled([unknown], ["order-1"], Ledger())
