"""
What can be traded on the paper gateway: a shipped table of US stocks and ETFs, and EUR.USD.

Reference prices are round, plausible and synthetic. Contract ids below 900,000,000 are the real
ones; those above are stable inventions. Holding no licence to anybody's symbol directory, the table
names well-known companies only; :meth:`Universe.from_csv` takes any other.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from toolkit.errors import GatewayError

Increments = tuple[tuple[Decimal, Decimal], ...]

US_STOCK_INCREMENTS: Increments = (
    (Decimal(0), Decimal("0.0001")),
    (Decimal(1), Decimal("0.01")),
)
US_STOCK_EXCHANGES = (
    "SMART,AMEX,NYSE,CBOE,CHX,ARCA,ISLAND,DRCTEDGE,BEX,BATS,BYX,EDGEA,EDGX,IEX,NYSENAT,LTSE,MEMX,"
    "PEARL,PSX,NASDAQ"
)
_COLUMNS = ("con_id", "symbol", "long_name", "primary_exchange", "reference_price")


class Instrument(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """
    One contract, with the facts that a contract-details reply and an order check need.

    Equal to itself alone: there is one of each, so what is worked out for it can be remembered.

    Attributes:
        increments: market rule as (from price, increment) pairs, ascending, prices in ``currency``.
        reference_price: where a synthetic market starts, in ``currency``.
        valid_exchanges: comma-separated, the default ``exchange`` first.
        multiplier: of futures and options, empty elsewhere.
        expiry: last trading day of futures and options as YYYYMMDD; ``contract_month`` as YYYYMM.
        strike, right: of options; the right is C or P.
        under_con_id: what an option is on.
    """

    con_id: int
    symbol: str
    long_name: str
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    market_rule_id: int = 26
    increments: Increments = US_STOCK_INCREMENTS
    min_tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    price_magnifier: int = 1
    multiplier: str = ""
    reference_price: Decimal = Decimal(100)
    valid_exchanges: str = US_STOCK_EXCHANGES
    time_zone_id: str = "US/Eastern"
    stock_type: str = ""
    category: str = ""
    expiry: str = ""
    contract_month: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    under_con_id: int = 0

    @property
    def units(self) -> Decimal:
        """What a price is multiplied by to get the worth of one share or contract."""
        return Decimal(self.multiplier or 1)

    @property
    def increment(self) -> Decimal:
        """Price increment at the reference price."""
        return [step for edge, step in self.increments if self.reference_price >= edge][-1]


EUR_USD = Instrument(
    con_id=12087792,
    symbol="EUR",
    long_name="European Monetary Union Euro",
    sec_type="CASH",
    exchange="IDEALPRO",
    local_symbol="EUR.USD",
    trading_class="EUR.USD",
    market_rule_id=239,
    increments=((Decimal(0), Decimal("0.00005")),),
    min_tick=Decimal("0.00005"),
    reference_price=Decimal("1.1"),
    valid_exchanges="IDEALPRO",
)


TELUS = Instrument(  # a namesake of AT&T: "T" alone is ambiguous, here as there
    con_id=900_100_001,
    symbol="T",
    long_name="TELUS Corp",
    primary_exchange="TSE",
    currency="CAD",
    local_symbol="T",
    trading_class="T",
    market_rule_id=3001,
    increments=((Decimal(0), Decimal("0.005")), (Decimal("0.5"), Decimal("0.01"))),
    reference_price=Decimal(22),
    valid_exchanges="SMART,TSE",
    stock_type="COMMON",
    category="Communications",
)


class Universe:
    """
    The instruments a gateway knows, found by id, symbol or pattern.

    Args:
        instruments: any; the shipped table and EUR.USD when left out.

    Raises:
        GatewayError: when a contract id comes twice.
    """

    def __init__(self, instruments: Iterable[Instrument] | None = None) -> None:
        self._by_id: dict[int, Instrument] = {}
        self._by_symbol: dict[tuple[str, str], list[Instrument]] = {}
        """(symbol, security type, or empty for all) -> instruments"""
        for instrument in shipped() if instruments is None else instruments:
            if instrument.con_id in self._by_id:
                raise GatewayError(
                    f"Contract id {instrument.con_id} ({instrument.symbol}) is listed twice; give "
                    f"each instrument its own."
                )
            self._by_id[instrument.con_id] = instrument
            for sec_type in ("", instrument.sec_type):
                self._by_symbol.setdefault((instrument.symbol, sec_type), []).append(instrument)

    @classmethod
    def from_csv(cls, path: str | Path) -> Universe:
        """
        US stocks from a file with the columns of the shipped table.

        Needed: con_id, symbol, long_name, primary_exchange, reference_price (USD); optional:
        stock_type, category.

        Raises:
            GatewayError: naming the file and line that cannot be used.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise GatewayError(f"The symbol table {path} cannot be read: {error}.") from error
        return cls(_stocks(text, str(path)))

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, con_id: int) -> Instrument | None:
        """The instrument with that contract id."""
        return self._by_id.get(con_id)

    def find(
        self,
        con_id: int = 0,
        symbol: str = "",
        sec_type: str = "",
        exchange: str = "",
        currency: str = "",
        primary_exchange: str = "",
        local_symbol: str = "",
        expiry: str = "",
        strike: Decimal | None = None,
        right: str = "",
        multiplier: str = "",
        trading_class: str = "",
    ) -> list[Instrument]:
        """
        Every instrument that fits all given fields; empty means error 200.

        An ``expiry`` is a day (YYYYMMDD) or a contract month (YYYYMM); a strike of 0 fits all.
        """
        symbol = symbol.upper()
        if con_id:
            found = self._by_id.get(con_id)
            candidates = [found] if found else []
        elif symbol:
            candidates = self._by_symbol.get((symbol, sec_type), [])
        elif local_symbol:
            candidates = list(self._by_id.values())
        else:
            return []
        return [
            instrument
            for instrument in candidates
            if (not symbol or instrument.symbol == symbol)
            and (not sec_type or instrument.sec_type == sec_type)
            and (not exchange or exchange in instrument.valid_exchanges.split(","))
            and (not currency or instrument.currency == currency)
            and (not primary_exchange or instrument.primary_exchange == primary_exchange)
            and (not local_symbol or instrument.local_symbol == local_symbol)
            and (not expiry or expiry in (instrument.expiry, instrument.contract_month))
            and (not strike or instrument.strike == strike)
            and (not right or instrument.right == right[:1].upper())
            and (not multiplier or instrument.multiplier == multiplier)
            and (not trading_class or instrument.trading_class == trading_class)
        ]

    def named(self, name: str) -> Instrument | None:
        """
        The one instrument that people mean by a name: a local symbol (ESZ6, EUR.USD), or a symbol.

        A symbol is that of the stock quoted in USD first, then of whatever else it is unique for.
        """
        stocks = self.find(symbol=name, sec_type="STK", currency="USD")
        for found in (stocks, self.find(local_symbol=name), self.find(symbol=name)):
            if len(found) == 1:
                return found[0]
        return None

    def search(self, pattern: str, limit: int = 16) -> list[Instrument]:
        """Symbols that start with the pattern, shortest first, then names that contain it."""
        wanted = pattern.strip().upper()
        if not wanted:
            return []
        # As the broker does: underlyings are found, not each of their futures and options.
        plain = [i for i in self._by_id.values() if not i.expiry]
        starts = [i for i in plain if i.symbol.startswith(wanted)]
        starts.sort(key=lambda i: (len(i.symbol), i.symbol))
        named = [i for i in plain if wanted in i.long_name.upper()]
        return list(dict.fromkeys(starts + named))[:limit]

    def market_rule(self, rule_id: int) -> Increments | None:
        """Price increments of a market rule, None when no instrument uses it."""
        for instrument in self._by_id.values():
            if instrument.market_rule_id == rule_id:
                return instrument.increments
        return None


@cache
def shipped() -> tuple[Instrument, ...]:
    """The shipped table and EUR.USD."""
    text = files("toolkit.gateway").joinpath("symbols.csv").read_text(encoding="utf-8")
    return (*_stocks(text, "symbols.csv"), EUR_USD)


def _stocks(text: str, name: str) -> list[Instrument]:
    rows = csv.DictReader(text.splitlines())
    missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise GatewayError(f"The symbol table {name} lacks the columns {', '.join(missing)}.")
    return [_stock(row, f"{name} line {rows.line_num}") for row in rows]


def _stock(row: dict[str, str], where: str) -> Instrument:
    try:
        con_id, price = int(row["con_id"]), Decimal(row["reference_price"])
    except (TypeError, ValueError, InvalidOperation) as error:
        raise GatewayError(f"{where}: con_id and reference_price must be numbers.") from error
    if con_id <= 0 or not price.is_finite() or price <= 0 or not row["symbol"]:
        raise GatewayError(f"{where}: symbol, con_id and reference_price must be given, above 0.")
    symbol = row["symbol"]
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        long_name=row["long_name"],
        primary_exchange=row["primary_exchange"],
        local_symbol=symbol,
        trading_class="NMS" if row["primary_exchange"] == "NASDAQ" else symbol,
        reference_price=price,
        stock_type=row.get("stock_type") or "",
        category=row.get("category") or "",
    )
