"""Checks of the day's losses: beyond a limit only orders that reduce a position go."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.limits import Limits
from toolkit.risk.line import ZERO
from toolkit.risk.order import Order
from toolkit.risk.profit import Profit


def daily_loss(profit: Profit) -> Decimal | None:
    """Today's loss, 0 for a gain; None while the broker has not told."""
    return None if profit.daily is None else max(-profit.daily, ZERO)


def drawdown(profit: Profit) -> Decimal | None:
    """The fall from the day's highest value; None while the broker has not told."""
    return profit.drawdown


LOSSES: Final = {"max_daily_loss": daily_loss, "max_drawdown": drawdown}
"""Limit -> what counts against it."""
SENTENCES: Final = {
    "max_daily_loss": "today's loss is",
    "max_drawdown": "the account has fallen from the day's highest value by",
}
"""Limit -> how its denial begins."""


def daily_loss_within_limit(order: Order, context: Context) -> Decision | None:
    """Today's loss is at most ``max_daily_loss``, or the order reduces a position."""
    return _within(order, context, "max_daily_loss")


def drawdown_within_limit(order: Order, context: Context) -> Decision | None:
    """The fall from the day's highest value is at most ``max_drawdown``, or the order reduces a position."""
    return _within(order, context, "max_drawdown")


def breaches(profit: Profit, limits: Limits, currency: str = "") -> list[Decision]:
    """The limits on losses that are passed, or that cannot be measured; empty while all is well."""
    verdicts = (_judge(profit, limits, currency, name) for name in LOSSES if name in limits.numbers)
    return [verdict for verdict in verdicts if verdict is not None]


def watch(profit: Profit, limits: Callable[[], Limits], on_breach: Callable[[Decision], None]) -> None:
    """
    Have ``on_breach`` called whenever a figure comes in that is beyond a limit.

    It is called again with every such figure: whoever latches it does so once.

    Args:
        profit: what is watched.
        limits: gives those in force.
        on_breach: takes the verdict.
    """

    def look() -> None:
        for verdict in breaches(profit, limits()):
            if verdict.observed is not None:
                on_breach(verdict)

    profit.listeners.append(look)


def _within(order: Order, context: Context, name: str) -> Decision | None:
    if _reduces(order, context):
        return None
    return _judge(context.profit, context.limits, context.currency, name)


def _judge(profit: Profit, limits: Limits, currency: str, name: str) -> Decision | None:
    observed, limit = LOSSES[name](profit), limits.numbers[name]
    if observed is None:
        return Decision(
            code="NO_PNL",
            message=f"{name} cannot be checked: the broker has not told what the account made today.",
        )
    if observed <= limit:
        return None
    return Decision(
        code=name.upper(),
        message=f"{SENTENCES[name]} {observed:,.2f} {currency}, above {name} {limit:,f}; only orders that "
        "reduce a position may go.",
        observed=observed,
        limit=limit,
        unit=currency,
    )


def _reduces(order: Order, context: Context) -> bool:
    """Whether all open orders of this side, this one included, lead at most to a flat position."""
    line = context.line
    assert line is not None
    if order.sign > 0:
        return line.position < 0 and line.position + line.buys <= 0
    return line.position > 0 and line.position - line.sells >= 0
