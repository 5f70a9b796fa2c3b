"""What an order would leave of the account's margin, as the broker answers before it is placed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from toolkit.orders.events import Decision


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """
    The broker's answer about an order that was not placed; account currency.

    The broker leaves out what it cannot work out (hazard H40): that is None, never 0. ``Margin()`` is
    what is known when no answer came.

    Attributes:
        equity: with loan value, after the order.
        initial, maintenance: margin needed after the order.
        refusal: why the broker would not take the order, "" when it would.
        commission: what the broker expects to charge, at most, in ``commission_currency``.
    """

    equity: Decimal | None = None
    initial: Decimal | None = None
    maintenance: Decimal | None = None
    refusal: str = ""
    commission: Decimal | None = None
    commission_currency: str = ""

    @property
    def excess(self) -> Decimal | None:
        """Excess liquidity after the order; None when it is not known."""
        if self.equity is None or self.maintenance is None:
            return None
        return self.equity - self.maintenance


def enough_margin(margin: Margin, floor: Decimal, currency: str = "") -> Decision | None:
    """
    Excess liquidity after the order is at least ``floor``, and equity covers the initial margin.

    Denied as MARGIN when it is not or when the broker would refuse the order, as MARGIN_UNKNOWN when
    the broker has not told.
    """
    if margin.refusal:
        return Decision(code="MARGIN", message=f"the broker would refuse it: {margin.refusal}.")
    excess = margin.excess
    if excess is None or margin.equity is None or margin.initial is None:
        return Decision(
            code="MARGIN_UNKNOWN", message="the broker has not told what margin the order would leave."
        )
    if margin.equity < margin.initial:
        return Decision(
            code="MARGIN",
            message=f"it needs {margin.initial:,.2f} {currency} of initial margin, and equity is "
            f"{margin.equity:,.2f}.",
            observed=margin.initial,
            limit=margin.equity,
            unit=currency,
        )
    if excess >= floor:
        return None
    return Decision(
        code="MARGIN",
        message=f"it would leave {excess:,.2f} {currency} of excess liquidity, below {floor:,f}.",
        observed=excess,
        limit=floor,
        unit=currency,
    )
