"""The same two tables as ``cases``, for limits on shares to borrow, net value, ticks and a day's quantity."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tests.risk.cases import FAIR, SELL, Case, limit, market, quoted, stop_limit
from tests.risk.day_cases import DAY, THREE, made
from tests.risk.desk import Desk, done, working

LOCATED = {"allow_unlocated_short": False}
TICKS = {"price_collar_ticks": 5}
SHARE = {"max_position_pct_nav": 50}
PER_DAY = {"max_quantity_per_day": 400}
OWN_RATE = {"strategies": {"carry": {"max_orders_per_second": 1}}}
EARLIER = [done("a", seconds=9.5, strategy_id="carry"), done("b", seconds=9.6, strategy_id="value")]
RAISED = working("a", quantity=100)


def to_lend(shares: int | None, **more: Any) -> Desk:
    """A desk that the broker would lend so many SPY."""
    told = None if shares is None else Decimal(shares)
    return Desk(quotes={"SPY": replace(FAIR["SPY"], shortable=told)}, **more)


def worth(value: int | None, **more: Any) -> Desk:
    """A desk with so much net liquidation value."""
    return Desk(profit=made(values=() if value is None else (value,)), **more)


INSIDE = {
    "a short sale of all that the broker has to lend": Case(LOCATED, market(**SELL), to_lend(100)),
    "a sale of what is held needs nobody to lend it": Case(
        LOCATED, market(**SELL), to_lend(None, held={"SPY": 100})
    ),
    "a purchase needs nobody to lend it": Case(LOCATED, market(), to_lend(None, held={"SPY": -50})),
    "what is sold short already has been lent": Case(
        LOCATED, market(**SELL), to_lend(100, held={"SPY": -50})
    ),
    "nobody lends a future": Case(LOCATED, market(symbol="ES", quantity=1, **SELL), Desk(marks={"ES": 1.0})),
    "a buy limit five ticks beyond the ask": Case(TICKS, limit("500.06"), Desk(quotes=FAIR)),
    "a sell limit five ticks beyond the bid": Case(TICKS, limit("499.94", **SELL), Desk(quotes=FAIR)),
    "a market order has no ticks to count": Case(TICKS, market(), Desk()),
    "a stop limit five ticks beyond its trigger": Case(TICKS, stop_limit(600, "600.05"), Desk(quotes=FAIR)),
    "half of the net liquidation value": Case(SHARE, market(), worth(100_000)),
    "half of it in a short position": Case(SHARE, market(**SELL), worth(100_000)),
    "a sale from beyond the share": Case(SHARE, market(**SELL), worth(100_000, held={"SPY": 400})),
    "a sale without any value to go by": Case(SHARE, market(**SELL), worth(None, held={"SPY": 100})),
    "the last units of the day": Case(PER_DAY, market(), Desk(facts=THREE)),
    "yesterday's units no longer count": Case(PER_DAY, market(quantity=400), Desk(facts=THREE, seconds=DAY)),
    "a change counts what it adds": Case(
        {"max_quantity_per_day": 150},
        market(quantity=150, action="REPLACE", target_intent_id="a"),
        Desk(open_orders=[RAISED]),
    ),
    "another strategy's second": Case(
        {"strategies": {"carry": {"max_orders_per_second": 2}}},
        market(strategy_id="carry"),
        Desk(earlier=EARLIER),
    ),
    "a strategy's second is over": Case(
        OWN_RATE, market(strategy_id="carry"), Desk(earlier=[done("a", seconds=9.0, strategy_id="carry")])
    ),
}

OUTSIDE = {
    "one share more than the broker has to lend": Case(
        LOCATED, market(quantity=101, **SELL), to_lend(100), ("NOT_SHORTABLE",)
    ),
    "what another order sells short has to be lent too": Case(
        LOCATED,
        market(**SELL),
        to_lend(100, open_orders=[working("s", quantity=1, **SELL)]),
        ("NOT_SHORTABLE",),
    ),
    "a short sale of which nobody told": Case(LOCATED, market(**SELL), to_lend(None), ("SHORTABLE_UNKNOWN",)),
    "a short sale without any quote": Case(LOCATED, market(**SELL), Desk(), ("SHORTABLE_UNKNOWN",)),
    "a buy limit six ticks beyond the ask": Case(
        TICKS, limit("500.07"), Desk(quotes=FAIR), ("PRICE_COLLAR_TICKS",)
    ),
    "a sell limit six ticks beyond the bid": Case(
        TICKS, limit("499.93", **SELL), Desk(quotes=FAIR), ("PRICE_COLLAR_TICKS",)
    ),
    "a stop limit six ticks beyond its trigger": Case(
        TICKS, stop_limit(600, "600.06"), Desk(quotes=FAIR), ("PRICE_COLLAR_TICKS",)
    ),
    "no quote to count ticks from": Case(TICKS, limit(450), quoted(499, None), ("NO_QUOTE",)),
    "no limit to count ticks to": Case(
        TICKS, limit(None), Desk(quotes=FAIR), ("MISSING_LIMIT_PRICE", "MISSING_LIMIT_PRICE")
    ),
    "more than half of the net liquidation value": Case(
        SHARE, market(), worth(99_999), ("MAX_POSITION_PCT_NAV",)
    ),
    "more than half of it in a short position": Case(
        SHARE, market(**SELL), worth(99_999), ("MAX_POSITION_PCT_NAV",)
    ),
    "a value that nobody told to share in": Case(SHARE, market(), Desk(), ("NO_NAV",)),
    "a value of nothing to share in": Case(SHARE, market(), worth(0), ("NO_NAV",)),
    "a position that has no price to share in": Case(
        SHARE, market(), worth(10**6, marks={}), ("NO_PRICE", "NO_PRICE")
    ),
    "a unit too many for the day": Case(
        PER_DAY, market(quantity=101), Desk(facts=THREE), ("QUANTITY_PER_DAY",)
    ),
    "a change that adds a unit too many": Case(
        {"max_quantity_per_day": 150},
        market(quantity=151, action="REPLACE", target_intent_id="a"),
        Desk(open_orders=[RAISED]),
        ("QUANTITY_PER_DAY",),
    ),
    "a strategy's second order within its second": Case(
        OWN_RATE, market(strategy_id="carry"), Desk(earlier=EARLIER), ("ORDER_RATE",)
    ),
    "a strategy counts towards the account's orders too": Case(
        {"max_orders_per_second": 2, "strategies": {"carry": {"max_orders_per_second": 5}}},
        market(strategy_id="carry"),
        Desk(earlier=EARLIER),
        ("ORDER_RATE",),
    ),
}
