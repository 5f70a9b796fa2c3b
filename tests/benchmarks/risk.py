"""What one order's risk checks cost, with few and with many orders open, beside ib_async's own encoding."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from ib_async import Contract, ContractDetails, Order
from ib_async.client import Client
from ib_async.wrapper import Wrapper

from tests.benchmarks.measure import Figure
from toolkit.broker.market import MarketBook
from toolkit.orders import events
from toolkit.orders.intent import parse
from toolkit.orders.ledger import OrderLedger
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.margin import Margin

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
SYMBOLS = 50
ALL_LIMITS = {
    "max_order_quantity": 1000,
    "max_gross_exposure": 10**9,
    "max_order_notional": 10**7,
    "max_net_exposure": 10**9,
    "max_daily_loss": 10**6,
    "max_drawdown": 10**6,
    "min_excess_liquidity": 1000,
    "max_position": 10**6,
    "max_position_pct_nav": 10**6,
    "price_collar_bps": 200,
    "price_collar_ticks": 500,
    "max_quote_age_s": 5,
    "max_spread_bps": 50,
    "max_orders_per_second": 10**6,
    "repeat_window_s": "0.001",
    "max_orders_per_day": 10**6,
    "max_quantity_per_day": 10**9,
    "max_fills_per_minute": 1000,
    "max_order_efficiency_ratio": 10**6,
    "fat_finger_multiple": 100,
    "max_move_bps": 1000,
    "min_days_to_expiry": 1,
    "max_open_orders": 10**6,
    "max_open_orders_per_side": 10**6,
    "allow_short": False,
    "allow_unlocated_short": False,
    "allow_self_cross": False,
    "allow_closed_market": False,
    "blocked_symbols": ["GME"],
    "allowed_symbols": [f"S{n}" for n in range(SYMBOLS)],
    "allowed_sec_types": ["STK"],
    "strategies": {"bench": {"max_orders_per_second": 10**6}},
}
FORM_ONLY = {"max_order_quantity": 1000}


class _Forgets:
    """A journal of nothing: what is measured here happens before it."""

    def append(self, _event: events.AnyEvent, _report: dict[str, Any] | None) -> int:
        return 0

    def events(self) -> list[events.AnyEvent]:  # type: ignore[override]
        return []


class _Nowhere:
    """A connection that takes bytes and keeps none."""

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, _message: bytes) -> None:
        pass


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, count = (3, 300) if quick else (9, 2000)
    floor = _encoder()
    figures = []
    for what, limits, working, goal in (
        ("all limits in force, 100 orders open", ALL_LIMITS, 100, "<= 25 us"),
        ("all limits in force, 5,000 orders open", ALL_LIMITS, 5_000, "as above"),
        ("checks that need no look-up", None, 0, "<= 0.3 x"),
    ):
        checker, raw = _desk(limits or FORM_ONLY, working, bound=limits is not None)
        assert not checker.violations(raw), checker.violations(raw)
        values, ratios = [], []
        for _ in range(rounds):
            base = _cost(floor, count)
            values.append(_cost(partial(checker.violations, raw), count))
            ratios.append(values[-1] / base)
        figures.append(
            Figure(f"risk, CPU per order: {what}", values, "us", "placeOrder encode", ratios, goal)
        )
    return figures


def _cost(work: Callable[[], object], count: int) -> float:
    """CPU of one call, in microseconds."""
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count * 1e6


def _encoder() -> Callable[[], object]:
    client = Client(Wrapper(None))  # type: ignore[arg-type]
    client.MaxRequests = 0
    client.conn = _Nowhere()  # type: ignore[assignment]
    client._serverVersion = 176
    client.connState = Client.CONNECTED
    contract = Contract(conId=1, symbol="S1", secType="STK", exchange="SMART", currency="USD")
    order = Order(
        action="BUY", totalQuantity=100, orderType="LMT", lmtPrice=100.01, tif="DAY", orderRef="x-1"
    )
    return lambda: client.placeOrder(7, contract, order)


def _desk(limits: dict[str, Any], working: int, *, bound: bool) -> tuple[SimpleRiskChecker, dict[str, Any]]:
    """A checker over a book with a position and quote in every symbol and orders spread over them."""
    book = MarketBook(lambda: NOW)
    ledger = OrderLedger(_Forgets(), [book.observe])
    book.account, book.exposure.known = "DU1", True
    book.figure("DU1", "NetLiquidation", "1000000", "USD")
    book.profit.tell_daily(Decimal(-250))
    book.margins["new"] = Margin(equity=Decimal(10**6), initial=Decimal(10**5), maintenance=Decimal(10**5))
    for number in range(SYMBOLS):
        contract = Contract(conId=number + 1, symbol=f"S{number}", secType="STK", currency="USD")
        details = ContractDetails(
            contract=contract,
            minTick=0.01,
            timeZoneId="UTC",
            liquidHours="20260105:1430-20260105:2100",
            tradingHours="20260105:0900-20260106:0100",
        )
        intent = parse(_raw("x", number), now=NOW)
        book.learn(intent, details)
        book.hold("DU1", contract, Decimal(10_000), Decimal(100))
        for tick, price in ((1, "100.00"), (2, "100.02"), (9, "99.50")):
            book.tick(number + 1, tick, Decimal(price), Decimal(500))
    for number in range(working):
        raw = _raw(f"o{number}", number % SYMBOLS, limit_price=90 + number % 7)
        ledger.record(
            events.Received(intent_id=raw["intent_id"], at=NOW, raw=raw, intent=parse(raw, now=NOW))
        )
        at = NOW - timedelta(seconds=60)
        ledger.record(events.Accepted(intent_id=raw["intent_id"], at=at, con_id=number % SYMBOLS + 1))
    checker = SimpleRiskChecker(limits)
    if bound:
        checker.bind(book)
    return checker, _raw("new", 1)


def _raw(intent_id: str, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "intent_id": intent_id,
        "symbol": f"S{number}",
        "direction": "BUY",
        "quantity": 100,
        "order_type": "LIMIT",
        "limit_price": 100.01,
        "strategy_id": "bench",
        **changes,
    }
