"""One order per way to pass a limit narrowly, and one per way to be denied by it, as two tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from tests import builders
from tests.risk.desk import ES, SPY, Desk, done, quote, working
from toolkit.orders.approvals import LASTS, Approvals
from toolkit.orders.contract import Quote
from toolkit.orders.controls import Approved
from toolkit.orders.intent import parse

FAIR = {"SPY": quote("499.99", "500.01")}
"""SPY around 500.00, its last tick at the second in which orders are judged."""


class Case(NamedTuple):
    """One order on one desk under one set of limits, and the codes that it is denied with."""

    limits: dict[str, Any]
    order: dict[str, Any]
    desk: Desk
    codes: tuple[str, ...] = ()


def market(**changes: Any) -> dict[str, Any]:
    return builders.market_intent(**changes)


def limit(price: object, **changes: Any) -> dict[str, Any]:
    return builders.raw_intent(limit_price=price, **changes)


def stop(price: object, **changes: Any) -> dict[str, Any]:
    return market(order_type="STOP", stop_price=price, **changes)


def stop_limit(trigger: object, price: object, **changes: Any) -> dict[str, Any]:
    return limit(price, order_type="STOP_LIMIT", stop_price=trigger, **changes)


def quoted(*sides: Any, **more: Any) -> Desk:
    """A desk with one quote of SPY."""
    return Desk(quotes={"SPY": quote(*sides, **more)})


def released(**changes: Any) -> Approvals:
    """Ann has approved the denied order ``big``, which is still in time."""
    found, now = Approvals(), builders.at(5)
    intent = parse(market(intent_id="big", **changes), now=now, account="DU1")
    found.granted = {"big": Approved(at=now, by="ann", intent=intent, until=now + LASTS)}
    return found


def many(count: int, **changes: Any) -> list[Any]:
    return [working(f"o{n}", quantity=1, limit_price=400, **changes) for n in range(count)]


NOTIONAL = {"max_order_notional": 50_001}
APPROVE = {"approve_above": 50_001}
NET = {"max_net_exposure": 50_000}
POSITION = {"max_position": 100}
COLLAR = {"price_collar_bps": 100}
AGE = {"max_quote_age_s": 5}
SPREAD = {"max_spread_bps": 10}
RATE = {"max_orders_per_second": 3}
REPEAT = {"repeat_window_s": 5}
OPEN_ORDERS = {"max_open_orders": 3}
LONG_ONLY = {"allow_short": False}
NO_CROSS = {"allow_self_cross": False}
SELL = {"direction": "SELL"}

INSIDE = {
    "a market buy is measured at the ask": Case(NOTIONAL, market(), Desk(quotes=FAIR)),
    "a market sell is measured at the bid": Case(
        {"max_order_notional": 49_999}, market(**SELL), Desk(quotes=FAIR)
    ),
    "a buy limit costs at most its limit": Case(
        {"max_order_notional": 45_000}, limit(450), Desk(quotes=FAIR)
    ),
    "a limit needs no quote": Case({"max_order_notional": 45_000}, limit(450), Desk(marks={})),
    "an order at the size that one person may send": Case(APPROVE, market(), Desk(quotes=FAIR)),
    "a larger one that another person released": Case(
        APPROVE, market(quantity=101, approval="big"), Desk(quotes=FAIR, approvals=released(quantity=101))
    ),
    "net exposure at the band": Case(NET, market(), Desk()),
    "another currency at its rate": Case(
        {"max_order_notional": 11_000},
        market(symbol="SAP"),
        Desk(marks={"SAP": 100.0}, rates={"EUR": "1.1"}),
    ),
    "a short position offsets a purchase": Case(
        {"max_net_exposure": 5_000}, market(quantity=60), Desk(held={"SPY": -50})
    ),
    "a sale from beyond the band passes": Case(NET, market(**SELL), Desk(held={"SPY": 300})),
    "a purchase from beyond the short band passes": Case(NET, market(), Desk(held={"SPY": -300})),
    "a position at its limit": Case(POSITION, market(quantity=60), Desk(held={"SPY": 40})),
    "a short position at its limit": Case(POSITION, market(**SELL), Desk()),
    "a sale from beyond the position limit passes": Case(POSITION, market(**SELL), Desk(held={"SPY": 300})),
    "the position limit needs no price": Case(POSITION, limit(450), Desk(marks={})),
    "a buy limit at the collar": Case(COLLAR, limit("505.00"), quoted("499.00", "500.00")),
    "a sell limit at the collar": Case(COLLAR, limit("495.00", **SELL), quoted("500.00", "501.00")),
    "a passive limit is never beyond the collar": Case(COLLAR, limit(1), Desk(quotes=FAIR)),
    "a market order has no price to collar": Case(COLLAR, market(), Desk()),
    "a stop limit is held against its trigger": Case(COLLAR, stop_limit(600, 606), Desk(quotes=FAIR)),
    "a stop limit sale is held against its trigger": Case(
        COLLAR, stop_limit(400, 396, **SELL), Desk(quotes=FAIR)
    ),
    "a buy stop at the ask": Case(COLLAR, stop("500.01"), Desk(quotes=FAIR)),
    "a sell stop at the bid": Case(COLLAR, stop("499.99", **SELL), Desk(quotes=FAIR)),
    "a collar around a quote of a minute ago": Case(COLLAR, limit(450), quoted(499, 500, seconds=-50.0)),
    "a quote as old as allowed": Case(AGE, market(), quoted(499, 500, seconds=5.0)),
    "a delayed quote within its allowance": Case(
        {"max_quote_age_s": 905}, market(), quoted(499, 500, seconds=5.0, delayed=True)
    ),
    "a spread at its limit": Case(SPREAD, market(), quoted("999.50", "1000.50")),
    "the third order within a second": Case(
        RATE, market(), Desk(earlier=[done("a", seconds=9.1), done("b", seconds=9.2)])
    ),
    "an order a second ago no longer counts": Case(
        RATE, market(), Desk(earlier=[done("a", seconds=9.0), done("b", seconds=9.2), done("c", seconds=9.3)])
    ),
    "the same order after the window": Case(
        REPEAT, limit(450), Desk(earlier=[done("a", seconds=5.0, limit_price=450)])
    ),
    "the same order within the window when that is meant": Case(
        REPEAT, limit(450, allow_repeat=True), Desk(earlier=[done("a", seconds=9.0, limit_price=450)])
    ),
    "the other side": Case(
        REPEAT, limit(450, **SELL), Desk(earlier=[done("a", seconds=9.0, limit_price=450)])
    ),
    "another quantity": Case(
        REPEAT, limit(450, quantity=99), Desk(earlier=[done("a", seconds=9.0, limit_price=450)])
    ),
    "another price": Case(REPEAT, limit(451), Desk(earlier=[done("a", seconds=9.0, limit_price=450)])),
    "another type": Case(REPEAT, market(), Desk(earlier=[done("a", seconds=9.0, limit_price=450)])),
    "another contract": Case(
        REPEAT, limit(450), Desk(earlier=[done("a", "QQQ", seconds=9.0, limit_price=450)])
    ),
    "another account": Case(
        REPEAT,
        limit(450, account="DU2"),
        Desk(earlier=[done("a", seconds=9.0, limit_price=450, account="DU1")]),
    ),
    "another stop price": Case(
        REPEAT,
        stop(510),
        Desk(earlier=[done("a", seconds=9.0, order_type="STOP", limit_price=None, stop_price=511)]),
    ),
    "the third open order": Case(OPEN_ORDERS, market(), Desk(open_orders=many(2))),
    "the twentieth buy of a contract": Case({}, market(), Desk(open_orders=many(19))),
    "the other side has orders of its own": Case({}, market(**SELL), Desk(open_orders=many(20))),
    "the other contract has orders of its own": Case(
        {}, market(), Desk(open_orders=many(20, symbol="QQQ"), marks={"SPY": 500.0, "QQQ": 400.0})
    ),
    "a sale of all that is held": Case(LONG_ONLY, market(**SELL), Desk(held={"SPY": 100})),
    "a purchase is no short sale": Case(LONG_ONLY, market(), Desk(held={"SPY": -500})),
    "an own sale above our bid": Case(
        NO_CROSS, limit("450.00"), Desk(open_orders=[working("s", limit_price="450.01", **SELL)])
    ),
    "an own bid below our sale": Case(
        NO_CROSS, limit("450.00", **SELL), Desk(open_orders=[working("b", limit_price="449.99")])
    ),
    "an own order of the same side": Case(
        NO_CROSS, limit(450), Desk(open_orders=[working("b", limit_price=440)])
    ),
    "an own order of another contract": Case(
        NO_CROSS,
        market(),
        Desk(open_orders=[working("s", "QQQ", limit_price=1, **SELL)], marks={"SPY": 500.0, "QQQ": 1.0}),
    ),
    "an own order of another account": Case(
        NO_CROSS,
        market(account="DU2"),
        Desk(open_orders=[working("s", limit_price=400, account="DU1", **SELL)]),
    ),
    "a protective stop that rests": Case(
        NO_CROSS,
        market(),
        Desk(open_orders=[working("s", order_type="STOP", limit_price=None, stop_price=490, **SELL)]),
    ),
    "a stop of ours that rests": Case(
        NO_CROSS, stop(510), Desk(open_orders=[working("s", limit_price=400, **SELL)])
    ),
    "a symbol that is allowed": Case({"allowed_symbols": ["SPY"]}, market(), Desk()),
    "a contract number that is allowed": Case({"allowed_symbols": [SPY.con_id]}, market(), Desk()),
    "a symbol that is not blocked": Case({"blocked_symbols": "QQQ, ES"}, market(), Desk()),
    "a security type that is allowed": Case({"allowed_sec_types": "STK,FUT"}, market(), Desk()),
}

UNRESOLVED = Desk(unresolved=True)
FLAT_UNKNOWN = Desk(held=None)
NEVER_TOLD = {"SPY": Quote(Decimal(499), Decimal(500))}

OUTSIDE = {
    "a cent too dear at the ask": Case(
        {"max_order_notional": "50000.99"}, market(), Desk(quotes=FAIR), ("MAX_ORDER_NOTIONAL",)
    ),
    "a cent too dear at the bid": Case(
        {"max_order_notional": "49998.99"}, market(**SELL), Desk(quotes=FAIR), ("MAX_ORDER_NOTIONAL",)
    ),
    "a cent too dear at its limit": Case(
        {"max_order_notional": "44999.99"}, limit(450), Desk(quotes=FAIR), ("MAX_ORDER_NOTIONAL",)
    ),
    "a sell limit below the market sells at the market": Case(
        {"max_order_notional": 40_000}, limit(1, **SELL), Desk(quotes=FAIR), ("MAX_ORDER_NOTIONAL",)
    ),
    "a cent too large for one person": Case(
        {"approve_above": "50000.99"}, market(), Desk(quotes=FAIR), ("NEEDS_APPROVAL",)
    ),
    "a large order with somebody else's approval": Case(
        APPROVE,
        market(quantity=102, approval="big"),
        Desk(quotes=FAIR, approvals=released(quantity=101)),
        ("NEEDS_APPROVAL",),
    ),
    "a stop is measured at its trigger": Case(
        {"max_order_notional": 59_999}, stop(600), Desk(quotes=FAIR), ("MAX_ORDER_NOTIONAL",)
    ),
    "the mark stands in for a quote": Case(
        {"max_order_notional": 49_999}, market(), Desk(), ("MAX_ORDER_NOTIONAL",)
    ),
    "a multiplier is part of the money": Case(
        {"max_order_notional": 249_999},
        market(symbol="ES", quantity=1),
        Desk(marks={"ES": 5000.0}),
        ("MAX_ORDER_NOTIONAL",),
    ),
    "another currency a cent beyond at its rate": Case(
        {"max_order_notional": "10999.99"},
        market(symbol="SAP"),
        Desk(marks={"SAP": 100.0}, rates={"EUR": "1.1"}),
        ("MAX_ORDER_NOTIONAL",),
    ),
    "exposure in another currency at its rate": Case(
        {"max_gross_exposure": "10999.99"},
        market(symbol="SAP"),
        Desk(marks={"SAP": 100.0}, rates={"EUR": "1.1"}),
        ("MAX_GROSS_EXPOSURE",),
    ),
    "no price for the notional": Case(NOTIONAL, market(), Desk(marks={}), ("NO_PRICE", "NO_PRICE")),
    "no rate for the notional": Case(
        NOTIONAL, market(symbol="SAP"), Desk(marks={"SAP": 1.0}), ("NO_FX_RATE", "NO_FX_RATE")
    ),
    "the account's currency is not known": Case({}, market(), Desk(currency=""), ("NO_FX_RATE",)),
    "net exposure beyond the band": Case(NET, market(quantity=101), Desk(), ("MAX_NET_EXPOSURE",)),
    "net exposure beyond the short band": Case(
        NET, market(quantity=101, **SELL), Desk(), ("MAX_NET_EXPOSURE",)
    ),
    "open buys count towards the band": Case(
        NET,
        market(quantity=71),
        Desk(open_orders=[working("b", quantity=30, limit_price=1)]),
        ("MAX_NET_EXPOSURE",),
    ),
    "open sells do not make room in the band": Case(
        NET,
        market(quantity=101),
        Desk(open_orders=[working("s", quantity=90, limit_price=1, **SELL)]),
        ("MAX_NET_EXPOSURE",),
    ),
    "no price for the net": Case(NET, market(), Desk(marks={}), ("NO_PRICE", "NO_PRICE")),
    "no rate for the net": Case(
        NET, market(symbol="SAP"), Desk(marks={"SAP": 1.0}), ("NO_FX_RATE", "NO_FX_RATE")
    ),
    "a position one share beyond": Case(
        POSITION, market(quantity=61), Desk(held={"SPY": 40}), ("MAX_POSITION",)
    ),
    "a short position one share beyond": Case(
        POSITION, market(quantity=101, **SELL), Desk(), ("MAX_POSITION",)
    ),
    "open orders count towards the position": Case(
        POSITION,
        market(quantity=71),
        Desk(open_orders=[working("b", quantity=30, limit_price=1)]),
        ("MAX_POSITION",),
    ),
    "a buy limit beyond the collar": Case(
        COLLAR, limit("505.01"), quoted("499.00", "500.00"), ("PRICE_COLLAR",)
    ),
    "a sell limit beyond the collar": Case(
        COLLAR, limit("494.99", **SELL), quoted("500.00", "501.00"), ("PRICE_COLLAR",)
    ),
    "a stop limit beyond its trigger's collar": Case(
        COLLAR, stop_limit(600, "606.01"), Desk(quotes=FAIR), ("PRICE_COLLAR",)
    ),
    "a buy stop below the ask": Case(COLLAR, stop("500.00"), Desk(quotes=FAIR), ("STOP_WRONG_SIDE",)),
    "a sell stop above the bid": Case(
        COLLAR, stop("500.00", **SELL), Desk(quotes=FAIR), ("STOP_WRONG_SIDE",)
    ),
    "no quote for the collar": Case(COLLAR, limit(450), Desk(), ("NO_QUOTE",)),
    "no ask for the collar": Case(COLLAR, limit(450), quoted(499, None), ("NO_QUOTE",)),
    "no quote for a stop": Case(COLLAR, stop(510), Desk(), ("NO_QUOTE",)),
    "an old quote for the collar": Case(
        COLLAR, limit(450), quoted(499, 500, seconds=-50.1), ("STALE_QUOTE",)
    ),
    "an old quote for a stop": Case(COLLAR, stop(510), quoted(499, 500, seconds=-50.1), ("STALE_QUOTE",)),
    "a crossed quote for the collar": Case(COLLAR, limit(450), quoted(500, 500), ("CROSSED_QUOTE",)),
    "a collar without the limit's price": Case(
        COLLAR, limit(None), Desk(quotes=FAIR), ("MISSING_LIMIT_PRICE", "MISSING_LIMIT_PRICE")
    ),
    "a collar without the stop's price": Case(
        COLLAR, stop(None), Desk(quotes=FAIR), ("MISSING_STOP_PRICE", "MISSING_STOP_PRICE")
    ),
    "a quote older than allowed": Case(AGE, market(), quoted(499, 500, seconds=4.999), ("STALE_QUOTE",)),
    "a quote that never had a time": Case(AGE, market(), Desk(quotes=NEVER_TOLD), ("NO_QUOTE",)),
    "no quote to be fresh": Case(AGE, market(), Desk(), ("NO_QUOTE", "NO_QUOTE")),
    "a quote that is delayed": Case(AGE, market(), quoted(499, 500, delayed=True), ("DELAYED_QUOTE",)),
    "a quote that is locked": Case(AGE, market(), quoted(500, 500), ("CROSSED_QUOTE",)),
    "a quote that is crossed": Case(SPREAD, market(), quoted(501, 500), ("CROSSED_QUOTE",)),
    "a spread beyond its limit": Case(SPREAD, market(), quoted("999.49", "1000.50"), ("WIDE_SPREAD",)),
    "no quote for the spread": Case(SPREAD, market(), Desk(), ("NO_QUOTE", "NO_QUOTE")),
    "the fourth order within a second": Case(
        RATE,
        market(),
        Desk(earlier=[done("a", seconds=9.1), done("b", seconds=9.2), done("c", seconds=9.3)]),
        ("ORDER_RATE",),
    ),
    "the same order within the window": Case(
        REPEAT,
        limit(450),
        Desk(earlier=[done("a", seconds=5.01, limit_price=450)]),
        ("DUPLICATE_ECONOMICS",),
    ),
    "the same order while the first works": Case(
        REPEAT,
        market(account="DU1"),
        Desk(open_orders=[working("a", seconds=9.0, order_type="MARKET", limit_price=None)]),
        ("DUPLICATE_ECONOMICS",),
    ),
    "the fourth open order": Case(OPEN_ORDERS, market(), Desk(open_orders=many(3)), ("MAX_OPEN_ORDERS",)),
    "the twenty-first buy of a contract": Case(
        {}, market(), Desk(open_orders=many(20)), ("MAX_OPEN_ORDERS_PER_SIDE",)
    ),
    "the twenty-first sale of a contract": Case(
        {}, market(**SELL), Desk(open_orders=many(20, **SELL)), ("MAX_OPEN_ORDERS_PER_SIDE",)
    ),
    "a sale of one more than is held": Case(
        LONG_ONLY, market(quantity=101, **SELL), Desk(held={"SPY": 100}), ("SHORT_SALE",)
    ),
    "a sale of what another order sells": Case(
        LONG_ONLY,
        market(**SELL),
        Desk(held={"SPY": 100}, open_orders=[working("s", quantity=1, **SELL)]),
        ("SHORT_SALE",),
    ),
    "a sale of what is only ordered": Case(
        LONG_ONLY, market(**SELL), Desk(open_orders=[working("b", quantity=100)]), ("SHORT_SALE",)
    ),
    "a sale from a short position": Case(LONG_ONLY, market(**SELL), Desk(held={"SPY": -1}), ("SHORT_SALE",)),
    "an own sale at our bid": Case(
        NO_CROSS,
        limit("450.00"),
        Desk(open_orders=[working("s", limit_price="450.00", **SELL)]),
        ("SELF_CROSS",),
    ),
    "an own bid at our sale": Case(
        NO_CROSS,
        limit("450.00", **SELL),
        Desk(open_orders=[working("b", limit_price="450.00")]),
        ("SELF_CROSS",),
    ),
    "an own sale at any price for a market order": Case(
        NO_CROSS, market(), Desk(open_orders=[working("s", limit_price=900, **SELL)]), ("SELF_CROSS",)
    ),
    "an own market order in flight": Case(
        NO_CROSS,
        limit(1, account="DU1"),
        Desk(open_orders=[working("s", order_type="MARKET", limit_price=None, **SELL)]),
        ("SELF_CROSS",),
    ),
    "a symbol that is not on the list": Case(
        {"allowed_symbols": ["QQQ"]}, market(), Desk(), ("SYMBOL_NOT_ALLOWED",)
    ),
    "an allowed symbol on another contract's number": Case(
        {"allowed_symbols": ["QQQ"]},
        market(symbol="QQQ", con_id=SPY.con_id),
        Desk(),
        ("SYMBOL_NOT_ALLOWED",),
    ),
    "a blocked symbol beats the list of allowed ones": Case(
        {"allowed_symbols": ["SPY"], "blocked_symbols": ["SPY"]}, market(), Desk(), ("BLOCKED_SYMBOL",)
    ),
    "a blocked symbol behind a contract number": Case(
        {"blocked_symbols": ["SPY"]}, market(symbol=None, con_id=SPY.con_id), Desk(), ("BLOCKED_SYMBOL",)
    ),
    "a blocked contract number behind a symbol": Case(
        {"blocked_symbols": [SPY.con_id]}, market(), Desk(), ("BLOCKED_SYMBOL",)
    ),
    "a blocked symbol in other letters": Case(
        {"blocked_symbols": "gme, spy"}, market(), Desk(), ("BLOCKED_SYMBOL",)
    ),
    "a security type that is not on the list": Case(
        {"allowed_sec_types": ["STK"]},
        market(symbol="ES", sec_type="STK", quantity=1, con_id=ES.con_id),
        Desk(marks={"ES": 5000.0}),
        ("SEC_TYPE_NOT_ALLOWED",),
    ),
}
