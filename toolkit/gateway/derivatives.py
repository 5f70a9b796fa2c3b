"""
Futures and options that are listed on a day, and more pairs of currencies against the dollar.

Contract ids are invented (all above 900,000,000) and depend on the contract alone, so a contract
keeps its id from day to day. Expiries are simplified: the third Friday for index futures and
options, the 20th of the month before (or the weekday before that) for crude oil, the 27th likewise
for gold. Increments of futures and options are those of their exchanges, from memory.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from toolkit.gateway.instruments import TELUS, Increments, Instrument, Universe

MONTH_CODES = "FGHJKMNQUVXZ"
QUARTERS = (3, 6, 9, 12)
EVERY_MONTH = tuple(range(1, 13))
NEAREST_EXPIRY = timedelta(days=7)
STRIKES_EACH_SIDE = 8
_ANNUAL_VOLATILITY = 0.2


class Future(NamedTuple):
    """A product of a futures exchange; prices in USD."""

    symbol: str
    name: str
    exchange: str
    multiplier: int
    tick: Decimal
    rule: int
    price: Decimal
    months: tuple[int, ...]
    listed: int


FUTURES = (
    Future("ES", "E-mini S&P 500", "CME", 50, Decimal("0.25"), 67, Decimal(5400), QUARTERS, 2),
    Future("NQ", "E-mini NASDAQ 100", "CME", 20, Decimal("0.25"), 67, Decimal(19000), QUARTERS, 2),
    Future("CL", "Light Sweet Crude Oil", "NYMEX", 1000, Decimal("0.01"), 32, Decimal(70), EVERY_MONTH, 3),
    Future("GC", "Gold", "COMEX", 100, Decimal("0.1"), 34, Decimal(2500), EVERY_MONTH, 3),
)
PENNY: Increments = ((Decimal(0), Decimal("0.01")),)
PENNY_THEN_NICKEL: Increments = ((Decimal(0), Decimal("0.01")), (Decimal(3), Decimal("0.05")))
OPTION_RULES = {"SPY": (109, PENNY), "AAPL": (110, PENNY_THEN_NICKEL)}
OPTION_EXCHANGES = "SMART,CBOE,ISE,PHLX,AMEX,BOX"
PAIRS = (("GBP", "British Pound", "1.27"), ("AUD", "Australian Dollar", "0.66"),
         ("NZD", "New Zealand Dollar", "0.60"))  # fmt: skip


def universe_of(day: date) -> Universe:
    """All that a gateway trades on a day: the shipped stocks, currencies, futures and options."""
    stocks = Universe()
    listed = [
        row for symbol in OPTION_RULES for stock in stocks.find(symbol=symbol) for row in options(stock, day)
    ]
    return Universe((*stocks, TELUS, *pairs(), *futures(day), *listed))


def futures(day: date) -> list[Instrument]:
    """The contracts nearest to expiry, a few of each product."""
    return [
        _future(number, product, year, month)
        for number, product in enumerate(FUTURES)
        for year, month in _months(product, day)
    ]


def options(underlying: Instrument, day: date) -> list[Instrument]:
    """Calls and puts of two monthly expiries, at strikes 5 USD apart around the reference price."""
    middle = round(underlying.reference_price / 5)
    expiries = [third_friday(*month) for month in _following(day, EVERY_MONTH)]
    return [
        _option(underlying, expiry, strike, right, day)
        for expiry in [expiry for expiry in expiries if expiry - day >= NEAREST_EXPIRY][:2]
        for strike in range(max(1, middle - STRIKES_EACH_SIDE), middle + STRIKES_EACH_SIDE + 1)
        for right in "CP"
    ]


def pairs() -> list[Instrument]:
    """Currencies against the dollar, beside EUR.USD."""
    step = Decimal("0.00005")
    return [
        Instrument(
            con_id=900_200_000 + number,
            symbol=symbol,
            long_name=name,
            sec_type="CASH",
            exchange="IDEALPRO",
            local_symbol=f"{symbol}.USD",
            trading_class=f"{symbol}.USD",
            market_rule_id=239,
            increments=((Decimal(0), step),),
            min_tick=step,
            reference_price=Decimal(price),
            valid_exchanges="IDEALPRO",
        )
        for number, (symbol, name, price) in enumerate(PAIRS)
    ]


def third_friday(year: int, month: int) -> date:
    """The third Friday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def _following(day: date, months: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(year, month) for year in (day.year, day.year + 1) for month in months
            if (year, month) >= (day.year, day.month)]  # fmt: skip


def _months(product: Future, day: date) -> list[tuple[int, int]]:
    return [month for month in _following(day, product.months) if _last_day(product, *month) >= day][
        : product.listed
    ]


def _last_day(product: Future, year: int, month: int) -> date:
    if product.exchange == "CME":
        return third_friday(year, month)
    if product.symbol == "GC":
        last = date(year, month, 27)
    else:
        last = (date(year, month, 1) - timedelta(days=1)).replace(day=20)
    while last.weekday() >= 5:
        last -= timedelta(days=1)
    return last


def _future(number: int, product: Future, year: int, month: int) -> Instrument:
    local = f"{product.symbol}{MONTH_CODES[month - 1]}{year % 10}"
    return Instrument(
        con_id=910_000_000 + number * 10_000 + (year - 2000) * 12 + month,
        symbol=product.symbol,
        long_name=product.name,
        sec_type="FUT",
        exchange=product.exchange,
        local_symbol=local,
        trading_class=product.symbol,
        market_rule_id=product.rule,
        increments=((Decimal(0), product.tick),),
        min_tick=product.tick,
        multiplier=str(product.multiplier),
        reference_price=product.price,
        valid_exchanges=product.exchange,
        expiry=f"{_last_day(product, year, month):%Y%m%d}",
        contract_month=f"{year}{month:02}",
    )


def _option(underlying: Instrument, expiry: date, step: int, right: str, day: date) -> Instrument:
    rule, increments = OPTION_RULES[underlying.symbol]
    strike = Decimal(step * 5)
    days = (expiry - date(2000, 1, 1)).days
    number = list(OPTION_RULES).index(underlying.symbol)
    return Instrument(
        con_id=920_000_000 + number * 20_000_000 + days * 1_000 + (step * 2 + (right == "P")) % 1_000,
        symbol=underlying.symbol,
        long_name=underlying.long_name,
        sec_type="OPT",
        local_symbol=f"{underlying.symbol:<6}{expiry:%y%m%d}{right}{int(strike * 1000):08}",
        trading_class=underlying.symbol,
        market_rule_id=rule,
        increments=increments,
        min_tick=Decimal("0.01"),
        multiplier="100",
        reference_price=_worth(underlying.reference_price, strike, right, (expiry - day).days, increments),
        valid_exchanges=OPTION_EXCHANGES,
        expiry=f"{expiry:%Y%m%d}",
        contract_month=f"{expiry:%Y%m}",
        strike=strike,
        right=right,
        under_con_id=underlying.con_id,
    )


def _worth(spot: Decimal, strike: Decimal, right: str, days: int, increments: Increments) -> Decimal:
    """Intrinsic value and a time value that shrinks away from the money, on the price grid."""
    inside = spot - strike if right == "C" else strike - spot
    deviation = float(spot) * _ANNUAL_VOLATILITY * (days / 365) ** 0.5
    time_value = 0.4 * deviation * 2.0 ** -((float(inside) / deviation) ** 2)
    price = max(inside, Decimal(0)) + Decimal(str(round(time_value, 2)))
    step = [step for edge, step in increments if price >= edge][-1]
    return max(price // step * step, step)
