"""The same two tables as ``cases``, for limits on the day's history, the calendar and the day before."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from tests import builders
from tests.risk.cases import UNRESOLVED, Case, market, quoted
from tests.risk.desk import ES, SPY, Desk, ordered
from toolkit.risk.margin import Margin
from toolkit.risk.profit import Profit

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
REGULAR = (builders.at(0), builders.at(6.5 * HOUR))
EARLY = (builders.at(-5.5 * HOUR), builders.at(10.5 * HOUR))
HOURS = {"SPY": replace(SPY, regular_hours=(REGULAR,), all_hours=(EARLY,))}
EXPIRING = {"ES": replace(ES, expiry=date(2026, 1, 12))}
OPEN_ONLY = {"allow_closed_market": False}
EXPIRY = {"min_days_to_expiry": 7}
MOVE = {"max_move_bps": 500}
FAT = {"fat_finger_multiple": 10}
PER_DAY = {"max_orders_per_day": 3}
FILLS = {"max_fills_per_minute": 2}
RATIO = {"max_order_efficiency_ratio": 4}
PRICED = {"ES": 1.0}
USUAL = [fact for n in range(5) for fact in ordered(f"o{n}", quantity=10, strategy_id="carry")]
THREE = [fact for n in range(3) for fact in ordered(f"o{n}")]
TWO_FILLS = [
    *ordered("f", strategy_id="carry"),
    builders.executed(50, exec_id="1.01", intent_id="f", seconds=5.0),
    builders.executed(50, exec_id="2.01", intent_id="f", seconds=6.0),
]
CANCELLED = [*ordered("a"), *ordered("b"), builders.cancel_requested(intent_id="a"), builders.sent("a")]
ONE_FILLED = [*(fact for n in range(8) for fact in ordered(f"o{n}")), builders.executed(intent_id="o1")]

LOSS = {"max_daily_loss": 5000}
DRAWDOWN = {"max_drawdown": 5000}


def made(daily: str | None = None, values: tuple[int, ...] = ()) -> Profit:
    """What the broker told: the day's profit, and net liquidation values one after the other."""
    profit = Profit()
    for value in values:
        profit.tell_value(Decimal(value), builders.at(0))
    profit.tell_daily(None if daily is None else Decimal(daily))
    return profit


FALLEN = (100_000, 102_000, 96_999)

LIQUIDITY = {"min_excess_liquidity": 10_000}


def left(excess: object, initial: object = 1000) -> Desk:
    """A desk to which the broker has told what the order would leave."""
    equity = Decimal(str(excess)) + 5000
    told = Margin(equity=equity, initial=Decimal(str(initial)), maintenance=Decimal(5000))
    return Desk(margins={builders.INTENT_ID: told})


INSIDE = {
    "an order that leaves just enough liquidity": Case(LIQUIDITY, market(), left(10_000)),
    "an order whose initial margin takes all equity": Case(LIQUIDITY, market(), left(10_000, 15_000)),
    "an order about which the broker need not be asked": Case(LIQUIDITY, market(), Desk()),
    "a loss at its limit": Case(LOSS, market(), Desk(profit=made("-5000"))),
    "a day with a gain": Case({"max_daily_loss": 0}, market(), Desk(profit=made("5000"))),
    "a sell that reduces after a loss": Case(
        LOSS, market(direction="SELL"), Desk(held={"SPY": 100}, profit=made("-9000"))
    ),
    "a buy that reduces without any figure": Case(LOSS, market(), Desk(held={"SPY": -100})),
    "a drawdown at its limit": Case(DRAWDOWN, market(), Desk(profit=made(values=(102_000, 97_000)))),
    "a sell that reduces after a fall": Case(
        DRAWDOWN, market(direction="SELL"), Desk(held={"SPY": 100}, profit=made(values=FALLEN))
    ),
    "an order while the session is open": Case(OPEN_ONLY, market(), Desk(described=HOURS)),
    "an order outside regular hours that asks for it": Case(
        OPEN_ONLY, market(outside_rth=True), Desk(described=HOURS, seconds=7 * HOUR)
    ),
    "an order for the open": Case(OPEN_ONLY, market(tif="OPG"), Desk(described=HOURS, seconds=-HOUR)),
    "a future with a week left": Case(
        EXPIRY, market(symbol="ES", quantity=1), Desk(described=EXPIRING, marks=PRICED)
    ),
    "a stock never expires": Case(EXPIRY, market(), Desk()),
    "a move at its limit": Case(MOVE, market(), quoted("524.99", "525.01", close=500)),
    "ten times the usual quantity": Case(FAT, market(quantity=100, strategy_id="carry"), Desk(facts=USUAL)),
    "nothing is usual for a new strategy": Case(
        FAT, market(quantity=1000, strategy_id="new"), Desk(facts=USUAL)
    ),
    "the third order of the day": Case({"max_orders_per_day": 4}, market(), Desk(facts=THREE)),
    "yesterday's orders no longer count": Case(PER_DAY, market(), Desk(facts=THREE, seconds=DAY)),
    "fills a minute ago no longer count": Case(
        FILLS, market(strategy_id="carry"), Desk(facts=TWO_FILLS, seconds=5.0 + MINUTE)
    ),
    "another strategy's fills": Case(FILLS, market(strategy_id="value"), Desk(facts=TWO_FILLS)),
    "a ratio at its limit": Case({"max_order_efficiency_ratio": 5}, market(), Desk(facts=CANCELLED)),
    "one filled order halves the ratio": Case(
        {"max_order_efficiency_ratio": "4.5"}, market(), Desk(facts=ONE_FILLED)
    ),
}

OUTSIDE = {
    "an order whose initial margin the broker left out": Case(
        LIQUIDITY,
        market(),
        Desk(margins={builders.INTENT_ID: Margin(equity=Decimal(20_000), maintenance=Decimal(0))}),
        ("MARGIN_UNKNOWN",),
    ),
    "an order that leaves too little liquidity": Case(LIQUIDITY, market(), left("9999.99"), ("MARGIN",)),
    "an order beyond its initial margin": Case(LIQUIDITY, market(), left(10_000, 15_001), ("MARGIN",)),
    "an order that the broker would refuse": Case(
        LIQUIDITY, market(), Desk(margins={builders.INTENT_ID: Margin(refusal="no")}), ("MARGIN",)
    ),
    "an order about which the broker does not answer": Case(
        LIQUIDITY, market(), Desk(margins={builders.INTENT_ID: Margin()}), ("MARGIN_UNKNOWN",)
    ),
    "a loss beyond its limit": Case(LOSS, market(), Desk(profit=made("-5000.01")), ("MAX_DAILY_LOSS",)),
    "a loss that nobody told": Case(LOSS, market(), Desk(), ("NO_PNL",)),
    "a sell through zero after a loss": Case(
        LOSS, market(direction="SELL"), Desk(held={"SPY": 99}, profit=made("-9000")), ("MAX_DAILY_LOSS",)
    ),
    "a buy through zero after a loss": Case(
        LOSS, market(), Desk(held={"SPY": -99}, profit=made("-9000")), ("MAX_DAILY_LOSS",)
    ),
    "a buy of more after a loss": Case(
        LOSS, market(), Desk(held={"SPY": 100}, profit=made("-9000")), ("MAX_DAILY_LOSS",)
    ),
    "a drawdown beyond its limit": Case(
        DRAWDOWN, market(), Desk(profit=made(values=FALLEN)), ("MAX_DRAWDOWN",)
    ),
    "a value that nobody told": Case(DRAWDOWN, market(), Desk(), ("NO_PNL",)),
    "an order after the close": Case(
        OPEN_ONLY, market(), Desk(described=HOURS, seconds=6.5 * HOUR), ("MARKET_CLOSED",)
    ),
    "an order before the first session": Case(
        OPEN_ONLY, market(), Desk(described=HOURS, seconds=-1.0), ("MARKET_CLOSED",)
    ),
    "an order outside all hours": Case(
        OPEN_ONLY, market(outside_rth=True), Desk(described=HOURS, seconds=-6 * HOUR), ("MARKET_CLOSED",)
    ),
    "hours that the broker did not tell": Case(OPEN_ONLY, market(), Desk(), ("NO_HOURS",)),
    "hours that are used up": Case(OPEN_ONLY, market(), Desk(described=HOURS, seconds=DAY), ("NO_HOURS",)),
    "hours of a contract that is not resolved": Case(OPEN_ONLY, market(), UNRESOLVED, ("NO_CONTRACT",) * 3),
    "a future six days before its end": Case(
        EXPIRY,
        market(symbol="ES", quantity=1),
        Desk(described=EXPIRING, marks=PRICED, seconds=DAY),
        ("EXPIRY_SOON",),
    ),
    "a future whose end is not known": Case(
        EXPIRY, market(symbol="ES", quantity=1), Desk(marks=PRICED), ("NO_EXPIRY",)
    ),
    "a rise beyond its limit": Case(MOVE, market(), quoted("525.00", "525.02", close=500), ("PRICE_MOVE",)),
    "a fall beyond its limit": Case(MOVE, market(), quoted("474.98", "475.00", close=500), ("PRICE_MOVE",)),
    "no close to compare with": Case(MOVE, market(), quoted(499, 500), ("NO_CLOSE",)),
    "no quote to compare with the close": Case(MOVE, market(), Desk(), ("NO_QUOTE",)),
    "more than ten times the usual quantity": Case(
        FAT, market(quantity=101, strategy_id="carry"), Desk(facts=USUAL), ("FAT_FINGER",)
    ),
    "the fourth order of the day": Case(PER_DAY, market(), Desk(facts=THREE), ("ORDERS_PER_DAY",)),
    "a strategy that runs in circles": Case(
        FILLS, market(strategy_id="carry"), Desk(facts=TWO_FILLS), ("REPEATED_EXECUTION",)
    ),
    "a ratio beyond its limit": Case(RATIO, market(), Desk(facts=CANCELLED), ("ORDER_EFFICIENCY",)),
    "a ratio beyond its limit in spite of a fill": Case(
        RATIO, market(), Desk(facts=ONE_FILLED), ("ORDER_EFFICIENCY",)
    ),
}
