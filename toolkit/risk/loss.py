"""Checks of the day's losses: beyond a limit only orders that reduce a position go."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.limits import Limits
from toolkit.risk.order import Order
from toolkit.risk.profit import Profit

SENTENCES: Final = {
    "max_daily_loss": "today's loss is",
    "max_drawdown": "the account has fallen from the day's highest value by",
}
"""Limit -> how its denial begins."""


def losses_of(profit: Profit) -> dict[str, Decimal | None]:
    """Limit -> what counts against it now; None while the broker has not told."""
    return {"max_daily_loss": profit.loss, "max_drawdown": profit.drawdown}


def daily_loss_within_limit(order: Order, context: Context) -> Decision | None:
    """Today's loss is at most ``max_daily_loss``, or the order reduces a position."""
    denial = _judge("max_daily_loss", context.profit.loss, context.limits, context.currency)
    return None if denial is None or _reduces(order, context) else denial


def drawdown_within_limit(order: Order, context: Context) -> Decision | None:
    """The fall from the day's highest value is at most ``max_drawdown``, or the order reduces a position."""
    denial = _judge("max_drawdown", context.profit.drawdown, context.limits, context.currency)
    return None if denial is None or _reduces(order, context) else denial


def breaches(profit: Profit, limits: Limits, currency: str = "") -> list[Decision]:
    """The limits on losses that are passed, or that cannot be measured; empty while all is well."""
    verdicts = (
        _judge(name, observed, limits, currency)
        for name, observed in losses_of(profit).items()
        if name in limits.numbers
    )
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


def _judge(name: str, observed: Decimal | None, limits: Limits, currency: str) -> Decision | None:
    limit = limits.numbers[name]
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
