"""What a book answers: fills, and changes of an order's state without one."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from toolkit.gateway.ladder import BookOrder, State
from toolkit.gateway.ticks import Size


class Fill(NamedTuple):
    """``quantity`` of an order traded at ``price`` (units of 1e-8); liquidity add or remove."""

    order: BookOrder
    time: datetime
    quantity: Size
    price: int
    liquidity: str


class Moved(NamedTuple):
    """An order changed its state without a fill; ``reason`` says why it was cancelled."""

    order: BookOrder
    time: datetime
    state: State
    reason: str = ""


Outcome = Fill | Moved
