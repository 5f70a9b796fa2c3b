"""
What can be traded on the paper gateway: a shipped table of US stocks, ETFs and EUR.USD.

Reference prices are round, plausible and synthetic; contract ids are real for AAPL, AMZN and
EUR.USD and stable inventions for the rest.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """
    One contract, with the facts that a contract-details reply and an order check need.

    Attributes:
        increments: market rule as (from price, increment) pairs, ascending, prices in ``currency``.
        reference_price: where a synthetic market starts, in ``currency``.
        valid_exchanges: comma-separated, ``SMART`` first for stocks.
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
    increments: tuple[tuple[Decimal, Decimal], ...] = (
        (Decimal(0), Decimal("0.0001")),
        (Decimal(1), Decimal("0.01")),
    )
    min_tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    price_magnifier: int = 1
    multiplier: str = ""
    reference_price: Decimal = Decimal(100)
    valid_exchanges: str = ""
    time_zone_id: str = "US/Eastern"
    stock_type: str = ""
    category: str = ""


class Universe:
    """The instruments a gateway knows, found by id, symbol or pattern."""

    def __init__(self, instruments: list[Instrument] | None = None) -> None:
        raise NotImplementedError

    def find(
        self,
        con_id: int = 0,
        symbol: str = "",
        sec_type: str = "",
        exchange: str = "",
        currency: str = "",
        primary_exchange: str = "",
        local_symbol: str = "",
    ) -> list[Instrument]:
        """Every instrument that fits all given fields; empty means error 200."""
        raise NotImplementedError

    def search(self, pattern: str) -> list[Instrument]:
        """Instruments whose symbol starts with, or whose name contains, the pattern."""
        raise NotImplementedError

    def market_rule(self, rule_id: int) -> tuple[tuple[Decimal, Decimal], ...] | None:
        """Price increments of a market rule, None when no instrument uses it."""
        raise NotImplementedError
