"""Rules of ``kinds.BY_NUMBERS`` that look at one row's numbers alone, on whole columns."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import numpy as np

from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP
from toolkit.risk import form, prices, size
from toolkit.risk.columns import EXACT_INT, guard, scaled
from toolkit.risk.kinds import Kind
from toolkit.risk.rules import Check
from toolkit.risk.tables import Outcome, Table, decimals_of, whole

BPS: Final = 10_000


def _quantity_within_limit(table: Table) -> Outcome:
    return table.at_most(table.quantity, "max_order_quantity", table.quantity_decimals)


def _quantity_is_usual(table: Table) -> Outcome:
    def most(kind: Kind) -> int:
        multiple, usual = kind.limits.numbers.get("fat_finger_multiple"), kind.context.usual_quantity
        if multiple is None or usual is None:
            return EXACT_INT
        return min(EXACT_INT, scaled(multiple * usual, table.quantity_decimals))

    usual = table.floats(lambda k: float(k.context.usual_quantity or 1))
    observed = table.quantity / 10.0**table.quantity_decimals / usual
    return Outcome(table.quantity > table.by_kind(most), observed, table.shown("fat_finger_multiple"))


def _collar(table: Table) -> Outcome:
    touch = np.where(table.sign > 0, table.ask, table.bid)
    stops = table.flags(lambda k: k.order.order_type in NEEDS_STOP) & table.has_stop
    beyond_touch = (table.stop - touch) * table.sign > 0
    reference = np.where(stops & beyond_touch, table.stop, touch)
    limits = [kind.limits.numbers.get("price_collar_bps", Decimal(0)) for kind in table.kinds]
    decimals = decimals_of(limits)
    limit = np.array([whole(each, decimals) for each in limits], np.int64)[table.kind]
    guard(int(np.abs(table.limit).max(initial=0)) * BPS * 10**decimals * 2)
    guard(int(limit.max(initial=0)) * int(reference.max(initial=0)))
    moved = (table.limit - reference) * table.sign * BPS
    failed = (moved * 10**decimals > limit * reference) & table.flags(
        lambda k: k.order.order_type in NEEDS_LIMIT
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return Outcome(failed, moved / reference, table.shown("price_collar_bps"))


def _stop_side(table: Table) -> Outcome:
    touch = np.where(table.sign > 0, table.ask, table.bid)
    failed = ((table.stop - touch) * table.sign < 0) & table.flags(lambda k: k.order.order_type in NEEDS_STOP)
    unit = 10.0**table.price_decimals
    return Outcome(failed, table.stop / unit, touch / unit)


def _notional(table: Table) -> Outcome:
    touch = np.where(table.sign > 0, table.ask, table.bid)
    touch = np.where(touch > 0, touch, table.mark)
    price = np.maximum(table.dearest, touch)
    price = np.where((table.sign > 0) & table.has_limit, table.limit, price)
    return table.at_most(table.quantity * price * table.factor, "max_order_notional", table.money_decimals)


ALONE: Final[dict[Check, Callable[[Table], Outcome]]] = {
    form.quantity_within_limit: _quantity_within_limit,
    size.quantity_is_usual: _quantity_is_usual,
    prices.price_within_collar: _collar,
    prices.stop_beyond_quote: _stop_side,
    size.order_notional: _notional,
}
"""Rule -> its outcome on every row."""
