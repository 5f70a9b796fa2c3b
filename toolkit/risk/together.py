"""Rules of ``kinds.BY_NUMBERS`` that add up the approved rows before each one, on whole columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from toolkit.risk import flow, size
from toolkit.risk.columns import Bools, Ints
from toolkit.risk.encounters import repeat, self_cross
from toolkit.risk.rules import Check
from toolkit.risk.tables import Outcome, Table


def _open(table: Table, approved: Bools) -> tuple[Ints, Ints]:
    """Open buys and sells of each row's contract before it."""
    quantity = np.where(approved, table.quantity, 0)
    buys = table.groups.sums_before(np.where(table.sign > 0, quantity, 0))
    sells = table.groups.sums_before(np.where(table.sign < 0, quantity, 0))
    return table.buys + buys, table.sells + sells


def _worths(table: Table, approved: Bools) -> tuple[tuple[Ints, Ints, Ints], tuple[Ints, Ints, Ints]]:
    """(gross, up, down) of each row's contract before it and with it."""
    buys, sells = _open(table, approved)
    prices_before = table.groups.highest_before(np.where(approved, table.dearest, 0))
    highest = np.maximum(table.highest, prices_before)
    before = _worth(table, buys, sells, highest)
    buys = buys + np.where(table.sign > 0, table.quantity, 0)
    sells = sells + np.where(table.sign < 0, table.quantity, 0)
    return before, _worth(table, buys, sells, np.maximum(highest, table.dearest))


def _worth(table: Table, buys: Ints, sells: Ints, highest: Ints) -> tuple[Ints, Ints, Ints]:
    mark = table.mark * table.factor
    worst = np.maximum(table.mark, highest) * table.factor
    up, down = table.position + buys, table.position - sells
    most = np.maximum(np.maximum(np.abs(up), np.abs(down)), np.abs(table.position))
    return most * worst, up * np.where(up > 0, worst, mark), down * np.where(down < 0, worst, mark)


def _exposure(table: Table, approved: Bools, which: int) -> Ints:
    before, after = _worths(table, approved)
    step = after[which] - before[which]
    added = np.where(approved, step, 0)
    before_all: Ints = np.cumsum(added) - added
    return table.total[which] + before_all + step


def _gross(table: Table, approved: Bools) -> Outcome:
    return table.at_most(_exposure(table, approved, 0), "max_gross_exposure", table.money_decimals)


def _net(table: Table, approved: Bools) -> Outcome:
    after = np.where(table.sign > 0, _exposure(table, approved, 1), _exposure(table, approved, 2))
    limit = table.limits("max_net_exposure", table.money_decimals)
    observed = after / 10.0**table.money_decimals
    return Outcome(after * table.sign > limit, observed, table.shown("max_net_exposure"))


def _position_after(table: Table, approved: Bools) -> Outcome:
    buys, sells = _open(table, approved)
    after = table.position + np.where(table.sign > 0, buys + table.quantity, -(sells + table.quantity))
    limit = table.limits("max_position", table.quantity_decimals)
    observed = after / 10.0**table.quantity_decimals
    return Outcome(after * table.sign > limit, observed, table.shown("max_position"))


def _short_sale(table: Table, approved: Bools) -> Outcome:
    sells = _open(table, approved)[1] + table.quantity
    held = np.maximum(table.position, 0)
    unit = 10.0**table.quantity_decimals
    return Outcome((sells > held) & (table.sign < 0), sells / unit, held / unit)


def _open_orders(table: Table, approved: Bools) -> Outcome:
    return _count(table, flow.open_orders_within_limit, "max_open_orders", _before(approved))


def _open_per_side(table: Table, approved: Bools) -> Outcome:
    buys = table.groups.sums_before((approved & (table.sign > 0)).astype(np.int64))
    sells = table.groups.sums_before((approved & (table.sign < 0)).astype(np.int64))
    return _count(
        table,
        flow.open_orders_per_side_within_limit,
        "max_open_orders_per_side",
        np.where(table.sign > 0, buys, sells),
    )


def _rate(table: Table, approved: Bools) -> Outcome:
    return _count(table, flow.rate_within_limit, "max_orders_per_second", _before(approved))


def _per_day(table: Table, approved: Bools) -> Outcome:
    before = table.groups.sums_before(approved.astype(np.int64))
    return _count(table, flow.orders_per_day_within_limit, "max_orders_per_day", before)


def _count(table: Table, check: Check, name: str, before: Ints) -> Outcome:
    """A rule that counts orders: its count on one row alone, and the rows before each."""
    alone = table.by_kind(lambda k: int(k.observed(check)) if k.open_question(check) else 0)
    return table.at_most(alone + before, name, 0)


def _before(approved: Bools) -> Ints:
    """How many approved rows come before each one."""
    return np.cumsum(approved) - approved


TOGETHER: Final[dict[Check, Callable[[Table, Bools], Outcome]]] = {
    size.gross_exposure_within_limit: _gross,
    size.net_exposure_within_limit: _net,
    size.position_within_limit: _position_after,
    size.no_short_sale: _short_sale,
    flow.no_self_cross: self_cross,
    flow.open_orders_within_limit: _open_orders,
    flow.open_orders_per_side_within_limit: _open_per_side,
    flow.rate_within_limit: _rate,
    flow.no_repeat: repeat,
    flow.orders_per_day_within_limit: _per_day,
}
"""Rule -> its outcome on every row when of the rows before each one the approved ones are open."""
