"""
What positions need as margin, as parts of their value.

Stocks by Regulation T's simple form: half of the value to open, a quarter (long) or 30 % (short) to
keep. Futures a flat part of the value, about what exchanges ask for index futures. Options that are
bought are paid in full; those that are sold need their value and a fifth of the strike.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from toolkit.gateway.instruments import Instrument

ZERO = Decimal(0)


class Rates(NamedTuple):
    """Margin per USD of value; ``each_short`` in USD is needed for each short contract besides."""

    long_initial: Decimal
    long_keep: Decimal
    short_initial: Decimal
    short_keep: Decimal
    each_short: Decimal = ZERO

    def needed(self, position: Decimal, value: Decimal) -> tuple[Decimal, Decimal]:
        """Initial and maintenance margin of a signed position with a signed value."""
        if position >= 0:
            return value * self.long_initial, value * self.long_keep
        besides = -position * self.each_short
        return besides - value * self.short_initial, besides - value * self.short_keep


STOCK = Rates(Decimal("0.5"), Decimal("0.25"), Decimal("0.5"), Decimal("0.30"))
FUTURE = Rates(Decimal("0.06"), Decimal("0.05"), Decimal("0.06"), Decimal("0.05"))
_PAID = Decimal(1)
_OF_STRIKE = Decimal("0.2")


def rates_of(instrument: Instrument) -> Rates:
    """The rates that apply to an instrument."""
    if instrument.sec_type == "FUT":
        return FUTURE
    if instrument.sec_type == "OPT":
        return Rates(_PAID, _PAID, _PAID, _PAID, instrument.strike * instrument.units * _OF_STRIKE)
    return STOCK
