"""
Every check, in the order in which denials are reported.

Each is a plain function ``check(order, context) -> Decision | None`` that reads no clock and no
socket: the denial with its sentence, or None when the order passes. Whatever a check needs to know
is listed beside it; an order of which that is not known is denied by that check with a code of its
own. All that are in force are evaluated, and all failures are reported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from toolkit.orders.events import Decision
from toolkit.risk import calendar, flow, form, loss, prices, size
from toolkit.risk.catalogue import BY_NAME
from toolkit.risk.context import Context
from toolkit.risk.limits import OWN_RATE, Limits
from toolkit.risk.order import Order
from toolkit.risk.verdicts import (
    Need,
    contract_known,
    contract_known_if_bound,
    positions_known,
    quantity_and_side_readable,
    side_readable,
)

Check = Callable[[Order, Context], Decision | None]


class Rule(NamedTuple):
    """
    One check.

    Attributes:
        limits: any of them in force puts the check in force; none: it always is.
        needs: what has to be known before the check is asked.
        needs_book: whether it looks at account or market, so that an unbound checker leaves it out.
    """

    check: Check
    limits: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    needs_book: bool = True


NAMES: Final = (contract_known_if_bound,)
CONTRACT: Final = (contract_known,)
ORDER: Final = (quantity_and_side_readable,)
SIDE: Final = (contract_known, side_readable)
MEETING: Final = (contract_known, quantity_and_side_readable)
SIZE: Final = (quantity_and_side_readable, contract_known, positions_known)

RULES: Final = (
    Rule(form.quantity_above_zero, needs_book=False),
    Rule(form.quantity_within_limit, ("max_order_quantity",), needs_book=False),
    Rule(form.order_type_known, needs_book=False),
    Rule(form.limit_price_given, needs_book=False),
    Rule(form.stop_price_given, needs_book=False),
    Rule(form.symbol_not_blocked, ("blocked_symbols",), NAMES, needs_book=False),
    Rule(form.symbol_allowed, ("allowed_symbols",), NAMES, needs_book=False),
    Rule(form.sec_type_allowed, ("allowed_sec_types",), NAMES, needs_book=False),
    Rule(prices.quote_fresh, ("max_quote_age_s",)),
    Rule(prices.quote_uncrossed, ("max_quote_age_s", "max_spread_bps")),
    Rule(prices.spread_within_limit, ("max_spread_bps",)),
    Rule(prices.price_within_collar, ("price_collar_bps",), ORDER),
    Rule(prices.price_within_ticks, ("price_collar_ticks",), ORDER),
    Rule(prices.stop_beyond_quote, ("price_collar_bps",), ORDER),
    Rule(prices.move_within_limit, ("max_move_bps",)),
    Rule(calendar.market_open, ("allow_closed_market",), CONTRACT),
    Rule(calendar.expiry_far_enough, ("min_days_to_expiry",), CONTRACT),
    Rule(size.quantity_is_usual, ("fat_finger_multiple",), ORDER),
    Rule(size.order_notional, ("max_order_notional",), SIZE),
    Rule(size.large_order_approved, ("approve_above",), SIZE),
    Rule(size.gross_exposure_within_limit, ("max_gross_exposure",), SIZE),
    Rule(size.net_exposure_within_limit, ("max_net_exposure",), SIZE),
    Rule(loss.daily_loss_within_limit, ("max_daily_loss",), SIZE),
    Rule(loss.drawdown_within_limit, ("max_drawdown",), SIZE),
    Rule(size.margin_left, ("min_excess_liquidity",)),
    Rule(size.position_within_limit, ("max_position",), SIZE),
    Rule(size.position_share_within_limit, ("max_position_pct_nav",), SIZE),
    Rule(size.short_sale_located, ("allow_unlocated_short",), SIZE),
    Rule(size.no_short_sale, ("allow_short",), SIZE),
    Rule(flow.no_self_cross, ("allow_self_cross",), MEETING),
    Rule(flow.open_orders_within_limit, ("max_open_orders",)),
    Rule(flow.open_orders_per_side_within_limit, ("max_open_orders_per_side",), SIDE),
    Rule(flow.rate_within_limit, ("max_orders_per_second",)),
    Rule(flow.own_rate_within_limit, (OWN_RATE,)),
    Rule(flow.no_repeat, ("repeat_window_s",), MEETING),
    Rule(flow.orders_per_day_within_limit, ("max_orders_per_day",), CONTRACT),
    Rule(flow.quantity_per_day_within_limit, ("max_quantity_per_day",), MEETING),
    Rule(flow.fills_within_limit, ("max_fills_per_minute",), CONTRACT),
    Rule(flow.efficient, ("max_order_efficiency_ratio",)),
)


class RuleSet(NamedTuple):
    """The rules that some limits put in force, and their checks alone."""

    rules: tuple[Rule, ...]
    checks: tuple[Check, ...]


def judge(rule: Rule, order: Order, context: Context) -> Decision | None:
    """The denial for what one check needs and nobody knows, or else its own verdict."""
    for need in rule.needs:
        denial = need(order, context, rule.limits[0])
        if denial is not None:
            return denial
    return rule.check(order, context)


def passed(rule: Rule, context: Context) -> Decision:
    """What is told of a check that denied nothing: its name, and the limit that was kept."""
    if not rule.limits:
        return Decision(code=rule.check.__name__.upper(), passed=True)
    name = next(name for name in rule.limits if name in context.limits.in_force)
    limit, known = context.limits.numbers.get(name), BY_NAME.get(name)
    return Decision(code=name.upper(), passed=True, limit=limit, unit="" if known is None else known.unit)


def denials(rules: RuleSet, order: Order, context: Context) -> list[Decision]:
    """Why the order may not go; empty when it may."""
    known = context.line is not None and order.quantity is not None and order.sign
    found = []
    if known or not context.bound:  # no need can be missing then, and asking for each would be waste
        for check in rules.checks:
            denial = check(order, context)
            if denial is not None:
                found.append(denial)
    else:
        for rule in rules.rules:
            denial = judge(rule, order, context)
            if denial is not None:
                found.append(denial)
    return found


def in_force(limits: Limits, *, bound: bool) -> RuleSet:
    """The rules that these limits put in force, for a checker with or without a book."""
    rules = tuple(
        rule
        for rule in RULES
        if (bound or not rule.needs_book) and (not rule.limits or not limits.in_force.isdisjoint(rule.limits))
    )
    return RuleSet(rules, tuple(rule.check for rule in rules))
