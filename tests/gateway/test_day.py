"""The broker's day: what midnight in New York ends, while a gateway runs and while it is down (H31)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ib_async import IB, LimitOrder, MarketOrder

from tests.gateway.ib_async_session import apple, connected, until
from toolkit.gateway import PaperGateway
from toolkit.gateway.clock import Clock, ManualClock

NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
"""12:00 in New York on a Monday."""

MIDNIGHT = datetime(2026, 1, 6, 5, tzinfo=UTC)
JUST_BEFORE = MIDNIGHT - timedelta(microseconds=1)


def run(test: Callable[[PaperGateway], Awaitable[None]], clock: Clock, **options: Any) -> None:
    async def main() -> None:
        async with PaperGateway(quotes=None, clock=clock, **options) as gateway:
            gateway.market.set_quote("AAPL", 150, 150.02, 300, 400)
            await test(gateway)

    asyncio.run(main())


async def trade(ib: IB) -> None:
    """One order filled, one cancelled, one for the day and one for good."""
    contract = await apple(ib)
    filled = ib.placeOrder(contract, MarketOrder("BUY", 100, tif="DAY", orderRef="filled"))
    await until(lambda: filled.fills and filled.fills[0].commissionReport.execId)
    ended = ib.placeOrder(contract, LimitOrder("BUY", 1, 100, tif="GTC", orderRef="ended"))
    await until(lambda: ended.orderStatus.status == "Submitted")
    ib.cancelOrder(ended.order)
    await until(ended.isDone)
    rest = [
        ib.placeOrder(contract, LimitOrder("BUY", 1, 100, tif=tif, orderRef=tif)) for tif in ("DAY", "GTC")
    ]
    await until(lambda: all(each.orderStatus.status == "Submitted" for each in rest))


async def told(ib: IB) -> tuple[int, list[str], list[str]]:
    """How many executions, and which completed and open orders, a client is told of that asks."""
    fills = await ib.reqExecutionsAsync()
    completed = await ib.reqCompletedOrdersAsync(apiOnly=False)
    working = await ib.reqAllOpenOrdersAsync()
    return (
        len(fills),
        sorted(each.order.orderRef for each in completed),
        sorted(each.order.orderRef for each in working),
    )


def test_h31_midnight_ends_the_day_for_whoever_is_connected():
    clock = ManualClock(NOON)

    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            await trade(ib)
            clock.set(JUST_BEFORE)
            assert await told(ib) == (1, ["ended", "filled"], ["DAY", "GTC"])
            clock.set(MIDNIGHT)
            assert await told(ib) == (0, ["DAY"], ["GTC"])
            (day,) = [each for each in ib.trades() if each.order.orderRef == "DAY"]
            assert day.orderStatus.status == "Cancelled"
            assert [position.position for position in ib.positions()] == [100]
            assert len(gateway.ledger.fills) == 1, "the ledger forgets nothing"

    run(test, clock)


def test_the_profit_of_the_day_begins_anew_at_midnight_and_the_rest_goes_on():
    clock = ManualClock(NOON)

    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            await trade(ib)
            gateway.market.set_quote("AAPL", 151, 151.02, 300, 400)
            profit = ib.reqPnL("DU123456")
            await until(lambda: profit.dailyPnL == profit.unrealizedPnL == 98)
            clock.set(MIDNIGHT)
            await until(lambda: profit.dailyPnL == 0)
            assert profit.unrealizedPnL == 98
            gateway.market.set_quote("AAPL", 152, 152.02, 300, 400)
            clock.set(MIDNIGHT + timedelta(seconds=1))
            await until(lambda: profit.dailyPnL == 100)

    run(test, clock)


def test_what_comes_after_midnight_belongs_to_the_new_day_whoever_notices_first():
    clock = ManualClock(NOON)

    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            await trade(ib)
            clock.set(MIDNIGHT)
            gateway.market.set_quote("AAPL", 151, 151.02, 300, 400)  # before the market's own next tick
            assert gateway.floor.day.start.began == MIDNIGHT
            assert gateway.floor.day.profit("DU123456") == 100
            assert [order.order_ref for order in gateway.exchange.open_orders()] == ["GTC"]

    run(test, clock)


def test_in_regular_hours_a_day_order_ends_with_its_session_and_one_for_good_trades_the_next_day():
    clock = ManualClock(NOON)

    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            await trade(ib)
            clock.set(datetime(2026, 1, 5, 21, tzinfo=UTC))  # 16:00
            assert await told(ib) == (1, ["DAY", "ended", "filled"], ["GTC"])
            clock.set(MIDNIGHT)
            assert await told(ib) == (0, [], ["GTC"])
            clock.set(datetime(2026, 1, 6, 14, 30, tzinfo=UTC))  # 9:30
            gateway.market.set_quote("AAPL", 99, 99.02, 300, 400)
            assert await told(ib) == (1, ["GTC"], [])

    run(test, clock, hours="regular")


def test_midnight_keeps_its_moment_however_fast_time_passes():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            began = gateway.floor.day.start.began
            day = ib.placeOrder(contract, LimitOrder("BUY", 1, 100, tif="DAY"))
            await until(lambda: day.isDone() and gateway.floor.day.start.began > began)
            (order,) = gateway.exchange.completed_orders()
            moments = [order.completed_at, gateway.floor.day.start.began]
            assert {moment.strftime("%M:%S.%f") for moment in moments if moment} == {"00:00.000000"}

    run(test, Clock(speed=100_000))


def test_h31_a_day_that_ended_while_the_gateway_was_down_has_ended(tmp_path):
    async def before(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            await trade(ib)
        gateway.market.set_quote("AAPL", 151, 151.02, 300, 400)
        assert gateway.floor.day.profit("DU123456") == 98

    async def after() -> None:
        clock = ManualClock(NOON + timedelta(days=2))
        async with PaperGateway(quotes=None, clock=clock, state=tmp_path / "state") as gateway:
            assert gateway.floor.day.start.began == MIDNIGHT + timedelta(days=1)
            async with connected(gateway) as ib:
                assert await told(ib) == (0, [], ["GTC"])
                assert [position.position for position in ib.positions()] == [100]
            (day,) = [each for each in gateway.exchange.completed_orders() if each.order_ref == "DAY"]
            assert (day.status, day.completed_at) == ("Cancelled", MIDNIGHT)
            assert gateway.floor.day.profit("DU123456") == 0
            gateway.market.set_quote("AAPL", 152, 152.02, 300, 400)
            assert gateway.floor.day.profit("DU123456") == 100, "since what was seen last before the day"

    run(before, ManualClock(NOON), state=tmp_path / "state")
    asyncio.run(after())


def test_a_gateway_that_comes_back_on_the_same_day_goes_on_with_its_profit(tmp_path):
    async def before(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            await trade(ib)
        gateway.market.set_quote("AAPL", 151, 151.02, 300, 400)

    async def after(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            assert await told(ib) == (1, ["ended", "filled"], ["DAY", "GTC"])
            gateway.market.set_quote("AAPL", 152, 152.02, 300, 400)
            assert gateway.floor.day.profit("DU123456") == Decimal(198)

    run(before, ManualClock(NOON), state=tmp_path / "state")
    run(after, ManualClock(NOON), state=tmp_path / "state")
