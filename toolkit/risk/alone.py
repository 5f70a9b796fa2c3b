"""Rules of ``kinds.BY_NUMBERS`` that look at one row's numbers alone, on whole columns."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import numpy as np

from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP
from toolkit.risk import form, prices, size
from toolkit.risk.columns import EXACT_INT, Ints, guard, scaled
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

    usual = table.floats("usual", lambda k: float(k.context.usual_quantity or 1))
    observed = table.quantity / 10.0**table.quantity_decimals / usual
    return Outcome(table.quantity > table.by_kind("most", most), observed, "fat_finger_multiple")


def _collar(table: Table) -> Outcome:
    reference = _reference(table)
    limits = [kind.limits.numbers.get("price_collar_bps", Decimal(0)) for kind in table.kinds]
    decimals = decimals_of(limits)
    limit = table.by_kind(
        "collar", lambda k: whole(k.limits.numbers.get("price_collar_bps", Decimal(0)), decimals)
    )
    guard(int(np.abs(table.limit).max(initial=0)) * BPS * 10**decimals * 2)
    guard(int(limit.max(initial=0)) * int(reference.max(initial=0)))
    moved = (table.limit - reference) * table.sign * BPS
    failed = (moved * 10**decimals > limit * reference) & table.flags("limits", _needs_limit)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Outcome(failed, moved / reference, "price_collar_bps")


def _collar_ticks(table: Table) -> Outcome:
    def most(kind: Kind) -> int:
        limit = kind.limits.numbers.get("price_collar_ticks")
        if limit is None or kind.instrument is None:
            return EXACT_INT
        return min(EXACT_INT, scaled(limit * kind.instrument.min_tick, table.price_decimals))

    beyond = (table.limit - _reference(table)) * table.sign
    failed = (beyond > table.by_kind("most beyond", most)) & table.flags("limits", _needs_limit)
    tick = table.floats("tick", lambda k: float(k.instrument.min_tick if k.instrument else 1))
    return Outcome(failed, beyond / 10.0**table.price_decimals / tick, "price_collar_ticks")


def _reference(table: Table) -> Ints:
    """What a limit is held against, as ``prices.price_within_collar`` says."""
    touch = table.touch()
    stops = table.flags("stops", _needs_stop) & (table.stop > 0)
    return np.where(stops & ((table.stop - touch) * table.sign > 0), table.stop, touch)


def _stop_side(table: Table) -> Outcome:
    touch = table.touch()
    failed = ((table.stop - touch) * table.sign < 0) & table.flags("stops", _needs_stop)
    return Outcome(failed, table.stop, touch, 10.0**table.price_decimals)


def _notional(table: Table) -> Outcome:
    return table.at_most(_money(table), "max_order_notional", table.money_decimals)


def _approved(table: Table) -> Outcome:
    return table.at_most(_money(table), "approve_above", table.money_decimals)


def _money(table: Table) -> Ints:
    touch = table.touch()
    touch = np.where(touch > 0, touch, table.marks[table.contract])
    price = np.maximum(table.dearest, touch)
    price = np.where((table.sign > 0) & table.has_limit, table.limit, price)
    return table.quantity * price * table.factor


def _needs_stop(kind: Kind) -> bool:
    return kind.order.order_type in NEEDS_STOP


def _needs_limit(kind: Kind) -> bool:
    return kind.order.order_type in NEEDS_LIMIT


ALONE: Final[dict[Check, Callable[[Table], Outcome]]] = {
    form.quantity_within_limit: _quantity_within_limit,
    size.quantity_is_usual: _quantity_is_usual,
    prices.price_within_collar: _collar,
    prices.price_within_ticks: _collar_ticks,
    prices.stop_beyond_quote: _stop_side,
    size.order_notional: _notional,
    size.large_order_approved: _approved,
}
"""Rule -> its outcome on every row."""
