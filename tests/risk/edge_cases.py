"""The same two tables as ``cases``, for what a small mistake in a rule would change and nothing else."""

from __future__ import annotations

from tests.risk.cases import (
    AGE,
    COLLAR,
    FAIR,
    FLAT_UNKNOWN,
    LONG_ONLY,
    NO_CROSS,
    RATE,
    REPEAT,
    SELL,
    SPREAD,
    Case,
    limit,
    many,
    market,
    quoted,
    stop_limit,
)
from tests.risk.day_cases import HOURS, OPEN_ONLY
from tests.risk.desk import Desk, done, working

SOLD = working("s", direction="SELL", limit_price=500)
TWIN = done("m", seconds=9.5, order_type="MARKET", limit_price=None)

INSIDE = {
    "a collar around a quote as old as allowed": Case(
        {"max_quote_age_s": 120, **COLLAR}, limit(450), quoted(499, 500, seconds=-90.0)
    ),
    "an order of the largest quantity": Case({"max_order_quantity": 100}, market(), Desk()),
    "the last open buy of a contract": Case(
        {"max_open_orders_per_side": 3}, market(), Desk(open_orders=many(2))
    ),
    "gross exposure at its limit": Case({"max_gross_exposure": 50_000}, market(), Desk()),
    "orders a full second ago no longer count": Case(
        {**RATE, **REPEAT}, market(), Desk(earlier=[done(f"o{n}", seconds=9.0) for n in range(3)])
    ),
    "a repeat after the full window": Case({"repeat_window_s": "0.5"}, market(), Desk(earlier=[TWIN])),
    "an order in the second of the opening": Case(OPEN_ONLY, market(), Desk(described=HOURS, seconds=0.0)),
    "a buy is no short sale, whatever else is on sale": Case(LONG_ONLY, market(), Desk(open_orders=[SOLD])),
}

OUTSIDE = {
    "half a quote is missed by all that want it": Case(
        {**AGE, **COLLAR}, limit(450), quoted(499, None), ("NO_QUOTE",) * 3
    ),
    "an old quote is told once, whatever else wants it": Case(
        {**AGE, **COLLAR}, limit(450), quoted(499, 500, seconds=4.9), ("STALE_QUOTE",)
    ),
    "an order of one more than the largest quantity": Case(
        {"max_order_quantity": 99}, market(), Desk(), ("MAX_ORDER_QUANTITY",)
    ),
    "one open buy of a contract too many": Case(
        {"max_open_orders_per_side": 3}, market(), Desk(open_orders=many(3)), ("MAX_OPEN_ORDERS_PER_SIDE",)
    ),
    "a direction that is none": Case({}, market(direction="HOLD"), Desk(), ("BAD_DIRECTION",) * 2),
    "an order type that nobody knows": Case({}, market(order_type="PEG"), Desk(), ("BAD_ORDER_TYPE",)),
    "positions that nobody told": Case({}, market(), FLAT_UNKNOWN, ("NO_POSITIONS",)),
    "a trigger of zero is no price to lay a collar around": Case(
        COLLAR, stop_limit(0, 396, **SELL), Desk(quotes=FAIR), ("MISSING_STOP_PRICE", "PRICE_COLLAR")
    ),
    "a trigger below zero is none either": Case(
        COLLAR, stop_limit(-1, 396, **SELL), Desk(quotes=FAIR), ("MISSING_STOP_PRICE", "PRICE_COLLAR")
    ),
    "a quantity of zero": Case({}, market(quantity=0), Desk(), ("BAD_QUANTITY",)),
    "a quantity that is no number": Case(
        {"max_order_quantity": 100}, market(quantity="lots"), Desk(), ("BAD_QUANTITY",) * 3
    ),
    "a limit price of zero": Case({}, limit(0), Desk(), ("MISSING_LIMIT_PRICE",)),
    "a market order meets any price, whatever its own says": Case(
        NO_CROSS, market(limit_price=1), Desk(open_orders=[SOLD]), ("SELF_CROSS",)
    ),
    "a limit order without a limit meets any price": Case(
        NO_CROSS, limit(None), Desk(open_orders=[SOLD]), ("MISSING_LIMIT_PRICE", "SELF_CROSS")
    ),
    "a quote with one side has no spread": Case(SPREAD, market(), quoted(499, None), ("NO_QUOTE",) * 2),
}
