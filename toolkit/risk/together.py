"""Rules of ``kinds.BY_NUMBERS`` that add up the approved rows before each one, on whole columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from toolkit.risk import flow, size
from toolkit.risk.ahead import Ahead
from toolkit.risk.columns import EXACT_INT, Ints, scaled
from toolkit.risk.context import Context
from toolkit.risk.encounters import repeat, self_cross
from toolkit.risk.kinds import Kind
from toolkit.risk.limits import OWN_RATE
from toolkit.risk.rules import Check
from toolkit.risk.tables import Outcome, whole


def _gross(ahead: Ahead) -> Outcome:
    return ahead.table.at_most(ahead.exposure(0), "max_gross_exposure", ahead.table.money_decimals)


def _net(ahead: Ahead) -> Outcome:
    table = ahead.table
    after = np.where(table.sign > 0, ahead.exposure(1), ahead.exposure(2))
    limit = table.limits("max_net_exposure", table.money_decimals)
    return Outcome(after * table.sign > limit, after, "max_net_exposure", 10.0**table.money_decimals)


def _position_after(ahead: Ahead) -> Outcome:
    table = ahead.table
    change = np.where(table.sign > 0, ahead.buys + table.quantity, -(ahead.sells + table.quantity))
    after = ahead.position + change
    limit = table.limits("max_position", table.quantity_decimals)
    return Outcome(after * table.sign > limit, after, "max_position", 10.0**table.quantity_decimals)


def _position_share(ahead: Ahead) -> Outcome:
    table = ahead.table

    def most(kind: Kind) -> int:
        limit, value = kind.limits.numbers.get("max_position_pct_nav"), kind.context.profit.value
        if limit is None or value is None:
            return EXACT_INT
        return min(EXACT_INT, scaled(limit * value / 100, table.money_decimals))

    after = np.where(table.sign > 0, ahead.own(1), -ahead.own(2))
    value = table.floats("net value", lambda k: float(k.context.profit.value or 1))
    shown = after / 10.0**table.money_decimals / value * 100
    return Outcome(after > table.by_kind("share of net value", most), shown, "max_position_pct_nav")


def _located(ahead: Ahead) -> Outcome:
    table = ahead.table
    shares = table.by_kind("shares to lend", lambda k: _lendable(k, table.quantity_decimals))
    short = ahead.sells + table.quantity - np.maximum(ahead.position, 0)
    return Outcome((short > shares) & (table.sign < 0), short, shares, 10.0**table.quantity_decimals)


def _lendable(kind: Kind, decimals: int) -> int:
    """Shares that may be sold short; as many as can be where nothing is borrowed."""
    shares = kind.context.quote.shortable
    if shares is None or kind.instrument is None or kind.instrument.sec_type != "STK":
        return EXACT_INT
    return min(EXACT_INT, scaled(shares, decimals))


def _short_sale(ahead: Ahead) -> Outcome:
    table = ahead.table
    sells, held = ahead.sells + table.quantity, np.maximum(ahead.position, 0)
    return Outcome((sells > held) & (table.sign < 0), sells, held, 10.0**table.quantity_decimals)


def _open_orders(ahead: Ahead) -> Outcome:
    return _count(ahead, "max_open_orders", ahead.orders, lambda now: now.open_orders)


def _open_per_side(ahead: Ahead) -> Outcome:
    before = np.where(ahead.table.sign > 0, ahead.orders_of(1), ahead.orders_of(-1))
    return _count(ahead, "max_open_orders_per_side", before, lambda now: now.same_side)


def _rate(ahead: Ahead) -> Outcome:
    return _count(ahead, "max_orders_per_second", ahead.orders, lambda now: now.orders_this_second)


def _per_day(ahead: Ahead) -> Outcome:
    before = ahead.orders_of(1) + ahead.orders_of(-1)
    return _count(ahead, "max_orders_per_day", before, lambda now: now.orders_today)


def _own_rate(ahead: Ahead) -> Outcome:
    return _count(ahead, OWN_RATE, ahead.orders_of_strategy, lambda now: now.own_this_second)


def _quantity_per_day(ahead: Ahead) -> Outcome:
    table = ahead.table
    so_far = table.by_kind(
        "quantity so far", lambda k: whole(k.context.quantity_today, table.quantity_decimals)
    )
    after = so_far + ahead.approved_quantity + table.quantity
    return table.at_most(after, "max_quantity_per_day", table.quantity_decimals)


def _count(ahead: Ahead, name: str, before: Ints, so_far: Callable[[Context], int]) -> Outcome:
    """A rule that counts orders: those that there are, the rows before each, and the row itself."""
    table = ahead.table
    return table.at_most(table.by_kind(f"{name} so far", lambda k: so_far(k.context)) + before + 1, name, 0)


TOGETHER: Final[dict[Check, Callable[[Ahead], Outcome]]] = {
    size.gross_exposure_within_limit: _gross,
    size.net_exposure_within_limit: _net,
    size.position_within_limit: _position_after,
    size.position_share_within_limit: _position_share,
    size.short_sale_located: _located,
    size.no_short_sale: _short_sale,
    flow.no_self_cross: self_cross,
    flow.open_orders_within_limit: _open_orders,
    flow.open_orders_per_side_within_limit: _open_per_side,
    flow.rate_within_limit: _rate,
    flow.own_rate_within_limit: _own_rate,
    flow.no_repeat: repeat,
    flow.orders_per_day_within_limit: _per_day,
    flow.quantity_per_day_within_limit: _quantity_per_day,
}
"""Rule -> its outcome on every row, given what stands before each."""
