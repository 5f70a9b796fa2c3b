"""How much of the account's own limits is used up, from sums that are kept anyway."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from toolkit.risk.exposure import Book
from toolkit.risk.limits import RATE_WINDOW
from toolkit.risk.line import Worth
from toolkit.risk.loss import losses_of


def used_by_account(
    book: Book, worth: Worth | None, open_orders: int, more: int = 0
) -> Iterator[tuple[str, Decimal | None]]:
    """
    Name and use of every limit that is about the whole account; None where it cannot be measured.

    Args:
        book: what was asked of the broker before, and what the account made today.
        worth: of all positions and open orders; None when one of them has no price.
        open_orders: that may still trade.
        more: orders that are to be added to those of the last second.
    """
    yield "max_gross_exposure", None if worth is None else worth.gross
    yield "max_net_exposure", None if worth is None else max(worth.up, -worth.down)
    yield from losses_of(book.profit).items()
    yield "max_open_orders", Decimal(open_orders)
    recent = book.history.accepted_within(RATE_WINDOW, book.now())
    yield "max_orders_per_second", Decimal(recent + more)
    yield "max_order_efficiency_ratio", book.history.efficiency(book.now(), one_more=False)
