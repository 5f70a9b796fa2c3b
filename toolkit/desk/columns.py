"""The columns of the blotter's tables, in the order in which a trader reads them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Column(NamedTuple):
    """
    One column.

    Attributes:
        title: the heading, with the unit.
        kind: how it is drawn: time, text, number, symbol, side, fill, quote, status, age, id, note or action.
        width: px, at least.
        rank: 1 is always shown; where there is no room the highest go first.
    """

    title: str
    kind: str
    width: int
    rank: int = 1


_TIME: Final = Column("Time", "time", 94)
_SYMBOL: Final = Column("Symbol", "symbol", 56)
_SIDE: Final = Column("Side", "side", 52)
_STRATEGY: Final = Column("Strategy", "text", 66, 4)
_INTENT: Final = Column("Intent", "id", 60, 5)

ORDERS: Final = (
    _TIME,
    _SYMBOL,
    _SIDE,
    Column("Qty", "number", 52),
    Column("Filled", "fill", 50),
    Column("Type", "text", 64, 3),
    Column("Limit", "number", 58),
    Column("Stop", "number", 54, 3),
    Column("TIF", "text", 38, 4),
    Column("Bid / ask", "quote", 108, 2),
    Column("Avg price", "number", 68, 3),
    Column("Slip bps", "number", 58, 3),
    Column("Status", "status", 118),
    Column("Age", "age", 50, 2),
    _STRATEGY,
    _INTENT,
    Column("Actions", "action", 122),
)
REFUSED: Final = (
    _TIME,
    _SYMBOL,
    _SIDE,
    Column("Qty", "number", 62),
    Column("Type", "text", 66, 3),
    Column("Limit", "number", 66, 2),
    Column("Status", "status", 86),
    Column("Code", "text", 152, 2),
    Column("Reason", "note", 260),
    _STRATEGY,
    _INTENT,
)
FILLS: Final = (
    _TIME,
    _SYMBOL,
    _SIDE,
    Column("Shares", "number", 74),
    Column("Price", "number", 82),
    Column("Venue", "text", 84),
    Column("Commission", "number", 100),
    Column("Slip bps", "number", 66),
    _STRATEGY,
    Column("Intent", "id", 120, 2),
)
POSITIONS: Final = (
    Column("Symbol", "symbol", 120),
    Column("Position", "number", 84),
    Column("Avg cost", "number", 90, 2),
    Column("Mark", "number", 90),
    Column("Market value", "number", 130),
    Column("Unrealised", "number", 120),
    Column("Realised", "number", 120, 2),
    Column("Working buys", "number", 100),
    Column("Working sells", "number", 100),
)

COLUMNS: Final = {"orders": ORDERS, "refused": REFUSED, "fills": FILLS, "positions": POSITIONS}
"""Table name -> its columns"""
