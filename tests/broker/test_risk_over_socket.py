"""Limits that hang on what the broker tells: hours, expiries, rates and profit, over a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.faults.trading import trading
from tests.waiting import until
from toolkit.gateway import PaperGateway
from toolkit.gateway.clock import ManualClock
from toolkit.orders.controls import ControlState
from toolkit.orders.intent import parse
from toolkit.risk.margin import enough_margin

NIGHT = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)
"""Monday, midnight in New York."""
EVENING = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
"""17:00 in New York: regular trading has ended, trading outside regular hours has not."""
NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)

Denied = Callable[..., list[str]]


@pytest.fixture
def denied(home: Path, loop_run: Any) -> Denied:
    """The codes with which a client of a gateway at some time denies an order; none when it went out."""

    def run(time: datetime, limits: dict[str, Any], **order: Any) -> list[str]:
        async def session(gateway: PaperGateway) -> list[str]:
            async with trading(gateway, clock=lambda: time, **limits) as client:
                await client.place_order(builders.market_intent(**order))
                state = client.get_order_state(builders.INTENT_ID)
                assert state is not None
                if state.denied is None:
                    await until(lambda: builders.INTENT_ID in gateway.ledger.orders)
                else:
                    assert gateway.ledger.orders == {}
                return [] if state.denied is None else [each.code for each in state.denied.decisions]

        with gateway_at(time) as gateway:
            return loop_run(session(gateway))  # type: ignore[no-any-return]

    return run


@contextmanager
def gateway_at(time: datetime) -> Iterator[PaperGateway]:
    with PaperGateway(quotes=None, hours="regular", clock=ManualClock(time)) as gateway:
        gateway.market.set_quote("SPY", 540.00, 540.02)
        gateway.market.set_quote("ESH6", 5400.00, 5400.25)
        yield gateway


@pytest.mark.parametrize(
    ("time", "order", "codes"),
    [
        (NOON, {}, []),
        (NIGHT, {}, ["MARKET_CLOSED"]),
        (NIGHT, {"outside_rth": True}, ["MARKET_CLOSED"]),
        (EVENING, {}, ["MARKET_CLOSED"]),
    ],
)
def test_an_order_needs_a_session_that_the_broker_describes(
    denied: Denied, time: datetime, order: dict[str, Any], codes: list[str]
) -> None:
    assert denied(time, {"allow_closed_market": False}, **order) == codes


def test_an_order_outside_regular_hours_that_asks_for_it_goes(denied: Denied) -> None:
    terms = {"order_type": "LIMIT", "limit_price": 500, "outside_rth": True}
    assert denied(EVENING, {"allow_closed_market": False}, **terms) == []


@pytest.mark.parametrize(("days", "codes"), [(74, []), (75, ["EXPIRY_SOON"])])
def test_a_future_is_denied_when_its_last_day_is_too_near(
    denied: Denied, days: int, codes: list[str]
) -> None:
    future = {"symbol": "ES", "sec_type": "FUT", "exchange": "CME", "expiry": "202603", "quantity": 1}
    assert denied(NOON, {"min_days_to_expiry": days}, **future) == codes


def test_a_stock_does_not_expire(denied: Denied) -> None:
    assert denied(NOON, {"min_days_to_expiry": 75}) == []


def test_an_order_in_a_currency_without_a_rate_cannot_be_measured(denied: Denied) -> None:
    telus = {"symbol": "T", "currency": "CAD", "order_type": "LIMIT", "limit_price": 22}
    assert denied(NOON, {}, **telus) == ["NO_FX_RATE"]


def test_a_loss_beyond_its_limit_lets_only_reducing_orders_pass_until_somebody_resumes(
    paper_gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def session() -> None:
        async with trading(paper_gateway, max_daily_loss=500) as client:
            profit = client.market.profit
            await until(lambda: profit.daily is not None)
            assert await client.place_order(builders.market_intent(intent_id="first"))
            await until(lambda: [held.quantity for held in client.market.held()] == [100])
            paper_gateway.market.set_quote("SPY", 530.00, 530.02)
            standing = client.controls.permission
            await until(lambda: standing.standing.state is ControlState.REDUCE_ONLY)
            assert "today's loss" in standing.standing.told
            paper_gateway.market.set_quote("SPY", 540.00, 540.02)
            await until(lambda: profit.daily is not None and profit.daily > -500)
            assert await client.place_order(builders.market_intent(intent_id="more")) is None
            denied = client.ledger.get("more").denied  # type: ignore[union-attr]
            assert denied is not None
            assert denied.code == "REDUCE_ONLY"
            reducing = builders.market_intent(intent_id="less", direction="SELL", quantity=1)
            assert await client.place_order(reducing)
            await client.controls.order("resume", "a person", "looked into")
            assert await client.place_order(builders.market_intent(intent_id="again"))

    paper_gateway.market.set_quote("SPY", 540.00, 540.02)
    loop_run(session())


def test_h40_a_what_if_tells_what_margin_an_order_would_leave_and_places_nothing(
    paper_gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def session() -> None:
        async with trading(paper_gateway) as client:
            now = datetime.now(UTC)
            margin = await client.what_if(parse(builders.market_intent(quantity=100), now=now))
            assert margin.equity is not None
            assert margin.initial is not None
            assert 26_900 < margin.initial < 27_100
            assert enough_margin(margin, Decimal(900_000)) is None
            too_little = enough_margin(margin, Decimal(990_000))
            assert too_little is not None
            assert too_little.code == "MARGIN"
            odd = parse(builders.raw_intent(limit_price="540.001"), now=now)
            refused = await client.what_if(odd)
            assert "110" in refused.refusal or "variation" in refused.refusal
            assert enough_margin(refused, Decimal(0)) is not None
            assert paper_gateway.ledger.orders == {}
            assert await client.place_order(builders.market_intent())

    paper_gateway.market.set_quote("SPY", 540.00, 540.02)
    loop_run(session())


@pytest.mark.parametrize(("floor", "codes"), [(0, []), (10**9, ["MARGIN"])])
def test_the_first_order_of_a_contract_and_side_asks_the_broker_for_its_margin(
    denied: Denied, floor: int, codes: list[str]
) -> None:
    assert denied(NOON, {"min_excess_liquidity": floor}) == codes


def test_h40_a_broker_that_does_not_tell_the_margin_denies_the_order(
    paper_gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def session() -> None:
        async with trading(paper_gateway, min_excess_liquidity=0) as client:
            paper_gateway.faults.add("drop", message="openOrder", times=1)
            assert await client.place_order(builders.market_intent(intent_id="untold")) is None
            assert client.ledger.get("untold").denied.code == "MARGIN_UNKNOWN"  # type: ignore[union-attr]
            assert await client.place_order(builders.market_intent(intent_id="told"))
            assert await client.place_order(builders.market_intent(intent_id="known"))
            assert "untold" not in paper_gateway.ledger.orders

    paper_gateway.market.set_quote("SPY", 540.00, 540.02)
    loop_run(session())


def test_a_large_order_asks_again_although_the_contract_is_known(
    paper_gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def session() -> None:
        async with trading(paper_gateway, min_excess_liquidity=0, what_if_above=50_000) as client:
            assert await client.place_order(builders.market_intent(intent_id="first", quantity=1))
            paper_gateway.faults.add("mute", message="placeOrder")
            large = builders.market_intent(intent_id="large", quantity=100)
            assert await client.place_order(large) is None
            assert client.ledger.get("large").denied.code == "MARGIN_UNKNOWN"  # type: ignore[union-attr]

    paper_gateway.market.set_quote("SPY", 540.00, 540.02)
    loop_run(session())
