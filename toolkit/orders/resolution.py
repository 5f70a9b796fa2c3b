"""
How a person settles an order of which nobody can tell what became of it.

Pure. Only an unknown order can be settled by hand, and the broker's own word overrules it later.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from toolkit.errors import ConfigError
from toolkit.orders.events import AnyEvent, Executed, Resolved
from toolkit.orders.state import OrderState, OrderStatus

OUTCOMES: Final = ("not-placed", "cancelled", "filled")


def resolution(
    state: OrderState,
    outcome: str,
    *,
    by: str,
    reason: str,
    now: datetime,
    quantity: Decimal | None = None,
    price: Decimal | None = None,
) -> list[AnyEvent]:
    """
    The facts that settle an unknown order.

    Args:
        state: the order.
        outcome: one of ``OUTCOMES``; what of a ``filled`` order is not filled counts as cancelled.
        by: who says so.
        reason: why.
        now: UTC.
        quantity: for ``filled``, what was filled that no execution told, in units of the contract;
            None: all that remains.
        price: for ``filled``, its average price, in price units.

    Raises:
        ConfigError: the order is not unknown, or something is missing or does not fit.
    """
    name = f"Intent {state.intent_id}"
    if outcome not in OUTCOMES:
        raise ConfigError(f"An order cannot be settled as {outcome!r}; choose {', '.join(OUTCOMES)}.")
    if not by.strip() or not reason.strip():
        raise ConfigError("Settling an order by hand needs a name and a reason; they are journaled.")
    if state.status is not OrderStatus.UNKNOWN:
        raise ConfigError(
            f"{name} is {state.status.value}, not Unknown; only an unknown order is settled by hand."
        )
    if outcome == "not-placed" and state.filled_quantity:
        raise ConfigError(f"{name} was placed: {state.filled_quantity} of it are filled; use cancelled.")
    if outcome != "filled" and (quantity is not None or price is not None):
        raise ConfigError(f"A quantity and a price belong to filled, not to {outcome}.")
    settled = Resolved(intent_id=state.intent_id, at=now, outcome=outcome, by=by, reason=reason)
    if outcome != "filled":
        return [settled]
    shares = state.remaining_quantity if quantity is None else quantity
    if price is None or price <= 0:
        raise ConfigError(f"{name} cannot be settled as filled without the price that was paid.")
    if not 0 < shares <= state.remaining_quantity:
        raise ConfigError(
            f"{name} has {state.remaining_quantity} left to fill; {shares} cannot have been filled."
        )
    fill = Executed(
        intent_id=state.intent_id,
        at=now,
        exec_id=f"resolved-{state.intent_id}.{int(now.timestamp() * 1000)}.01",
        shares=shares,
        price=price,
        side="BOT" if state.direction == "BUY" else "SLD",
        time=now,
        perm_id=state.perm_id,
        recovered=True,
    )
    return [fill, settled]
