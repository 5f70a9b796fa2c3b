"""What an intent's contract turned out to be at the broker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.orders.hours import Session

IDENTITY: Final[Mapping[str, Any]] = {
    "symbol": "",
    "sec_type": "STK",
    "exchange": "SMART",
    "primary_exchange": "",
    "currency": "USD",
    "expiry": "",
    "strike": None,
    "right": "",
    "multiplier": None,
}
"""What identifies an intent's contract without a number, with the defaults of an intent."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """
    One tradeable contract, as the broker's contract details describe it.

    Attributes:
        con_id: the broker's number, unique.
        min_tick: smallest price step anywhere, in price units; market rules may ask for coarser ones.
        multiplier: currency units per price unit and contract, 1 for stocks.
        expiry: last trading day; None for what has none, or when the broker did not say.
        time_zone: name of the exchange's time zone (``US/Eastern``); ``""`` when the broker did not say.
        regular_hours, all_hours: sessions of the coming days, the second with those outside regular
            hours; None when the broker did not say.
    """

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchange: str = "SMART"
    primary_exchange: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    multiplier: Decimal = Decimal(1)
    min_tick: Decimal = Decimal("0.01")
    expiry: date | None = None
    time_zone: str = ""
    regular_hours: tuple[Session, ...] | None = None
    all_hours: tuple[Session, ...] | None = None


class Quote(msgspec.Struct, frozen=True):
    """
    Best bid and ask in price units, sizes in units of the contract; None where there is none.

    Attributes:
        at: when its last tick arrived, UTC; None before the first.
        close: last price of the day before, in price units; None when the broker did not tell it.
        delayed: whether that tick came late on purpose, as exchanges give prices away.
        shortable: shares that the broker has to lend to short sellers; None when it did not tell.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    at: datetime | None = None
    delayed: bool = False
    close: Decimal | None = None
    shortable: Decimal | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What a fact remembers of it: the fields of ``toolkit.orders.events.Quoted``."""
        return {
            "bid": self.bid,
            "ask": self.ask,
            "bid_size": self.bid_size,
            "ask_size": self.ask_size,
            "quote_at": self.at,
            "delayed": self.delayed,
        }

    @property
    def mid(self) -> Decimal | None:
        """Half way between bid and ask, in price units; None unless both are there."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2
