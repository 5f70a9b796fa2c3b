"""Faults of single messages, as an unmodified ib_async meets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Trade

from tests.gateway.ib_async_session import apple, connected, until, with_gateway
from toolkit.gateway import PaperGateway


class Heard:
    """What one client is told, message by message, in the order in which it comes."""

    def __init__(self, ib: IB) -> None:
        self.messages: list[tuple[Any, ...]] = []
        wrapper = ib.wrapper
        for name in ("orderStatus", "openOrder", "execDetails", "commissionReport", "error"):
            setattr(wrapper, name, self._listen(name, getattr(wrapper, name)))

    def _listen(self, name: str, answer: Any) -> Any:
        def heard(*args: Any, **named: Any) -> Any:
            self.messages.append((name, *args, *named.values()))
            return answer(*args, **named)

        return heard

    def names(self) -> list[str]:
        return [message[0] for message in self.messages]

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [message[1:] for message in self.messages if message[0] == name]


async def bought(ib: IB, reference: str = "mine", quantity: int = 100) -> Trade:
    return ib.placeOrder(await apple(ib), MarketOrder("BUY", quantity, orderRef=reference, tif="DAY"))


async def settled(ib: IB) -> None:
    """Whatever was on its way has come: the answer to a question travels behind it."""
    await asyncio.wait_for(ib.reqCurrentTimeAsync(), 5)


def test_a_dropped_message_never_comes_and_the_others_do():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("drop", message="commissionReport", order_ref="mine")
            await bought(ib)
            await until(lambda: heard.of("execDetails"))
            await settled(ib)
            assert "commissionReport" not in heard.names()
            other = await bought(ib, "other")
            await until(lambda: other.fills and other.fills[0].commissionReport.execId)

    with_gateway(test)


def test_a_delayed_message_is_overtaken():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("delay", message="execDetails", seconds=0.1)
            trade = await bought(ib)
            await until(lambda: trade.fills)
            assert heard.names().index("commissionReport") < heard.names().index("execDetails")

    with_gateway(test)


def test_a_duplicated_message_comes_again_and_the_copy_may_differ():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("duplicate", message="execDetails", copies=2)
            gateway.faults.add("duplicate", message="openOrder", set={"permId": 77})
            trade = await bought(ib)
            await until(trade.isDone)
            await settled(ib)
            assert len({fill.execution.execId for fill in trade.fills}) == 1
            assert heard.names().count("execDetails") == 3
            orders = [order.permId for _, _, order, _ in heard.of("openOrder")]
            assert orders[1] == 77 != orders[0]

    with_gateway(test)


@pytest.mark.parametrize(
    ("late", "behind"),
    [("execDetails", "commissionReport"), ("orderStatus", "execDetails"), ("openOrder", "orderStatus")],
)
def test_a_message_comes_behind_the_one_that_should_follow_it(late, behind):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("reorder", message=late, behind=behind)
            await bought(ib)
            await until(lambda: heard.of("commissionReport") and heard.of("execDetails"))
            assert heard.names().index(behind) < heard.names().index(late)

    with_gateway(test)


def test_the_word_that_an_order_is_cancelled_may_come_before_its_state():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="DAY"))
            await until(lambda: trade.orderStatus.status == "Submitted")
            heard = Heard(ib)
            gateway.faults.add("reorder", message="openOrder", behind="error")
            gateway.faults.add("reorder", message="orderStatus", behind="error")
            ib.cancelOrder(trade.order)
            await until(lambda: len(heard.messages) == 3)
            assert heard.names() == ["error", "openOrder", "orderStatus"]

    with_gateway(test)


def test_a_held_message_comes_even_if_nothing_follows():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("reorder", message="orderStatus", behind="execDetails", seconds=0.05)
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="DAY"))
            await until(lambda: trade.orderStatus.status == "Submitted")

    with_gateway(test)


@pytest.mark.parametrize(
    ("message", "changes", "place"),
    [
        ("orderStatus", {"permId": 0}, 6),
        ("orderStatus", {"orderId": 0}, 0),
        ("orderStatus", {"orderId": 2147483647}, 0),
        ("orderStatus", {"status": "Bewildered"}, 1),
        ("orderStatus", {"remaining": "1.7976931348623157E308"}, 3),
        ("error", {"code": 19999}, 1),
    ],
)
def test_a_field_says_something_else(message, changes, place):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("mutate", message=message, set=changes)
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="DAY"))
            await until(lambda: heard.of("orderStatus"))
            if message == "error":
                ib.cancelOrder(trade.order)
            await until(lambda: heard.of(message))
            (expected,) = changes.values()
            told = heard.of(message)[0]
            found = told[5] if "permId" in changes else told[place]
            assert str(found) in (str(expected), str(float(expected)) if place == 3 else "")

    with_gateway(test)


def test_an_execution_may_come_as_a_correction_and_in_another_time_zone():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            changes = {"execId": "0000e0d5.1.2.02", "time": "20260105 10:00:00 US/Eastern"}
            gateway.faults.add("mutate", message="execDetails", set=changes)
            trade = await bought(ib)
            await until(lambda: trade.fills)
            execution = trade.fills[0].execution
            assert execution.execId.endswith(".02")
            assert execution.time.utcoffset() is not None
            assert execution.time.astimezone().timestamp() == 1767625200

    with_gateway(test)


def test_an_order_is_echoed_with_another_lifetime():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("mutate", message="openOrder", set={"tif": "DAY", "permId": 0})
            ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="GTC"))
            await until(lambda: heard.of("openOrder"))
            _, contract, order, state = heard.of("openOrder")[0]
            assert (order.tif, order.permId, contract.symbol) == ("DAY", 0, "AAPL")
            assert (order.lmtPrice, state.status) == (1.0, "Submitted")

    with_gateway(test)


@pytest.mark.parametrize("before", [True, False])
def test_an_error_about_an_order_comes_out_of_the_blue(before):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("error", message="openOrder", code=10349, text="TIF changed", before=before)
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="DAY"))
            await until(lambda: heard.of("error") and heard.of("orderStatus"))
            assert heard.of("error")[0][:3] == (trade.order.orderId, 10349, "TIF changed")
            assert (heard.names().index("error") < heard.names().index("openOrder")) == before

    with_gateway(test)


@pytest.mark.parametrize("end", ["openOrderEnd", "positionEnd", "execDetailsEnd", "completedOrdersEnd"])
def test_an_end_marker_that_is_missing_leaves_the_client_waiting(end):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("drop", message=end)
            asked = {
                "openOrderEnd": ib.reqOpenOrdersAsync,
                "positionEnd": ib.reqPositionsAsync,
                "execDetailsEnd": ib.reqExecutionsAsync,
                "completedOrdersEnd": lambda: ib.reqCompletedOrdersAsync(apiOnly=False),
            }[end]()
            task = asyncio.ensure_future(asked)
            await settled(ib)
            assert not task.done()
            task.cancel()

    with_gateway(test)


@pytest.mark.parametrize("late", [False, True])
def test_an_end_marker_that_is_too_early_says_that_there_is_nothing(late):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="DAY"))
            await until(lambda: trade.orderStatus.status == "Submitted")
        async with connected(gateway, client_id=2) as ib:
            heard = Heard(ib)
            gateway.faults.add("early_end", message="openOrderEnd", late=late)
            assert await ib.reqAllOpenOrdersAsync() == []
            await settled(ib)
            assert bool(heard.of("openOrder")) == late

    with_gateway(test)


def test_a_lost_request_is_never_seen_by_the_gateway():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("drop", message="placeOrder", order_ref="mine")
            trade = await bought(ib)
            await settled(ib)
            assert trade.orderStatus.status == "PendingSubmit"
            assert gateway.ledger.requests == []

    with_gateway(test)


def test_a_request_may_arrive_late_or_twice():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("delay", message="placeOrder", seconds=0.05, order_ref="late")
            gateway.faults.add("duplicate", message="placeOrder", order_ref="twice")
            late, twice = await bought(ib, "late"), await bought(ib, "twice")
            await until(lambda: late.isDone() and twice.isDone())
            received = [request.order_ref for request in gateway.ledger.requests]
            assert sorted(received) == ["late", "twice", "twice"]
            await until(lambda: any(code == 103 for _, code, *_ in heard.of("error")))

    with_gateway(test)
