"""
Every check, in the order in which denials are reported.

Each is a plain function ``rule(order, context) -> Decision`` that reads no clock and no socket, and
denies with a code of its own when an input is missing. All that are in force are evaluated, and all
failures are reported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from toolkit.orders.events import Decision
from toolkit.risk import calendar, flow, form, loss, prices, size
from toolkit.risk.context import Context
from toolkit.risk.limits import Limits
from toolkit.risk.order import Order

Check = Callable[[Order, Context], Decision]


class Rule(NamedTuple):
    """
    One check.

    Attributes:
        limits: any of them in force puts the check in force; none: it always is.
        needs_book: whether it looks at account or market, so that an unbound checker leaves it out.
    """

    check: Check
    limits: tuple[str, ...] = ()
    needs_book: bool = True


RULES: Final = (
    Rule(form.quantity_above_zero, needs_book=False),
    Rule(form.quantity_within_limit, ("max_order_quantity",), needs_book=False),
    Rule(form.order_type_known, needs_book=False),
    Rule(form.limit_price_given, needs_book=False),
    Rule(form.stop_price_given, needs_book=False),
    Rule(form.symbol_not_blocked, ("blocked_symbols",), needs_book=False),
    Rule(form.symbol_allowed, ("allowed_symbols",), needs_book=False),
    Rule(form.sec_type_allowed, ("allowed_sec_types",), needs_book=False),
    Rule(prices.quote_fresh, ("max_quote_age_s",)),
    Rule(prices.quote_uncrossed, ("max_quote_age_s", "max_spread_bps")),
    Rule(prices.spread_within_limit, ("max_spread_bps",)),
    Rule(prices.price_within_collar, ("price_collar_bps",)),
    Rule(prices.stop_beyond_quote, ("price_collar_bps",)),
    Rule(prices.move_within_limit, ("max_move_bps",)),
    Rule(calendar.market_open, ("allow_closed_market",)),
    Rule(calendar.expiry_far_enough, ("min_days_to_expiry",)),
    Rule(size.quantity_is_usual, ("fat_finger_multiple",)),
    Rule(size.order_notional, ("max_order_notional",)),
    Rule(size.large_order_approved, ("approve_above",)),
    Rule(size.gross_exposure_within_limit, ("max_gross_exposure",)),
    Rule(size.net_exposure_within_limit, ("max_net_exposure",)),
    Rule(loss.daily_loss_within_limit, ("max_daily_loss",)),
    Rule(loss.drawdown_within_limit, ("max_drawdown",)),
    Rule(size.margin_left, ("min_excess_liquidity",)),
    Rule(size.position_within_limit, ("max_position",)),
    Rule(size.no_short_sale, ("allow_short",)),
    Rule(flow.no_self_cross, ("allow_self_cross",)),
    Rule(flow.open_orders_within_limit, ("max_open_orders",)),
    Rule(flow.open_orders_per_side_within_limit, ("max_open_orders_per_side",)),
    Rule(flow.rate_within_limit, ("max_orders_per_second",)),
    Rule(flow.no_repeat, ("repeat_window_s",)),
    Rule(flow.orders_per_day_within_limit, ("max_orders_per_day",)),
    Rule(flow.fills_within_limit, ("max_fills_per_minute",)),
    Rule(flow.efficient, ("max_order_efficiency_ratio",)),
)


def in_force(limits: Limits, *, bound: bool) -> tuple[Check, ...]:
    """The checks that these limits put in force, for a checker with or without a book."""
    return tuple(
        rule.check
        for rule in RULES
        if (bound or not rule.needs_book) and (not rule.limits or not limits.in_force.isdisjoint(rule.limits))
    )
