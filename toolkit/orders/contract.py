"""What an intent's contract turned out to be at the broker."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """
    One tradeable contract, as the broker's contract details describe it.

    Attributes:
        con_id: the broker's number, unique.
        min_tick: smallest price step anywhere, in price units; market rules may ask for coarser ones.
        multiplier: currency units per price unit and contract, 1 for stocks.
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


class Quote(msgspec.Struct, frozen=True):
    """
    Best bid and ask in price units, sizes in units of the contract; None where there is none.

    Attributes:
        at: when its last tick arrived, UTC; None before the first.
        delayed: whether that tick came late on purpose, as exchanges give prices away.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    at: datetime | None = None
    delayed: bool = False

    @property
    def mid(self) -> Decimal | None:
        """Half way between bid and ask, in price units; None unless both are there."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2
