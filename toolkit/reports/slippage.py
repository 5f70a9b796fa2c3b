"""What an order cost against the quote it met, in basis points: positive is a cost."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.state import OrderState

BPS = 10_000
SIGNS = {"BUY": 1, "SELL": -1}


def arrival_quote(state: OrderState) -> tuple[Decimal | None, Decimal | None]:
    """
    Bid and ask that the order met, in price units; None where there is none.

    The quote that the risk checks saw, or, when they had none, the one the intent was decided on.
    Both sides come from the same quote.
    """
    if state.bid is not None and state.ask is not None:
        return state.bid, state.ask
    if state.intent is not None:
        return state.intent.arrival_bid, state.intent.arrival_ask
    return None, None


def arrival_mid(state: OrderState) -> Decimal | None:
    """Half way between bid and ask of ``arrival_quote``, in price units; None unless both are there."""
    bid, ask = arrival_quote(state)
    return None if bid is None or ask is None else (bid + ask) / 2


def slippage_bps(direction: str, price: Decimal, mid: Decimal | None) -> float | None:
    """
    ``s (price - mid) / mid`` in bps, s = +1 for a BUY and -1 for a SELL: positive is a cost.

    None when there is no mid to compare with, or no direction.
    """
    sign = SIGNS.get(direction)
    if mid is None or sign is None or not mid:
        return None
    return float(sign * (price - mid) / mid * BPS)


def arrival_slippage_bps(state: OrderState) -> float | None:
    """An order's average fill price against its arrival mid, in bps; None without fills or a quote."""
    if not state.filled_quantity:
        return None
    return slippage_bps(state.direction, state.avg_fill_price, arrival_mid(state))
