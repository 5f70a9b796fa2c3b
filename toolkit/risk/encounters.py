"""Rows of a frame that meet other orders: repeats of one, or the other side of one."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np

from toolkit.risk.ahead import LIVE_CODES, Ahead, places
from toolkit.risk.columns import Bools, InexactError, Ints, joined, recoded
from toolkit.risk.running import Grouping
from toolkit.risk.tables import Floats, Outcome, Table, type_code

MOST_TWINS: Final = 200
"""Earlier orders that every row is compared with; with more of them rows are judged one by one."""


def repeat(ahead: Ahead) -> Outcome:
    """The same order again within its window, as ``flow.no_repeat`` sees it."""
    table = ahead.table
    windows = _windows(table)
    meant = table.flags("meant", lambda k: k.order.repeat_allowed)
    twins = Grouping(table.economics).sums_before(ahead.approved.astype(np.int64)) > 0
    twins |= ahead.base.seen[table.economics]
    age = np.where(twins & (windows > 0), 0.0, np.inf)
    for seconds, same in _earlier(table):
        age = np.where(same & (seconds < windows), np.minimum(age, seconds), age)
    return Outcome(np.isfinite(age) & ~meant, age, windows)


def economics(table: Table) -> Ints:
    """Rows with the same account, contract, side, quantity, type and prices have the same code."""
    return joined(
        [
            (places(table), len(table.accounts) * len(table.position)),
            (table.sign + 1, 3),
            (table.types, int(table.types.max(initial=0)) + 1),
            recoded(table.quantity),
            recoded(table.limit * 2 + table.has_limit),
            recoded(table.stop * 2 + table.has_stop),
        ]
    )[0]


def _windows(table: Table) -> Floats:
    return table.floats("windows", lambda k: float(k.limits.numbers.get("repeat_window_s", Decimal(0))))


def _earlier(table: Table) -> list[tuple[float, Bools]]:
    """Seconds since earlier orders were accepted, with the rows that repeat each."""
    recent = {state.intent_id: state for kind in table.kinds for state in kind.context.recent}
    if len(recent) > MOST_TWINS:
        raise InexactError
    now = table.book.now()
    found = []
    for state in recent.values():
        intent, accepted_at = state.intent, state.accepted_at
        if intent is None or accepted_at is None or state.con_id not in table.places:
            continue
        account = table.accounts.get(intent.account or table.book.account, -1)
        same = (
            (table.contract == table.places[state.con_id])
            & (table.sign == intent.sign)
            & (table.account == account)
            & (table.types == type_code(intent.order_type))
            & (table.quantity == _near(intent.quantity, table.quantity_decimals))
        )
        for price, column, known in (
            (intent.limit_price, table.limit, table.has_limit),
            (intent.stop_price, table.stop, table.has_stop),
        ):
            same &= ~known if price is None else known & (column == _near(price, table.price_decimals))
        found.append(((now - accepted_at).total_seconds(), same))
    return found


def self_cross(ahead: Ahead) -> Outcome:
    """An own order of the other side that would be met, as ``flow.no_self_cross`` sees it."""
    table, base = ahead.table, ahead.base
    live = np.isin(table.types, LIVE_CODES)
    at = places(table)
    groups = Grouping(at)
    bids, offers = base.limits(table)
    counted = ahead.approved & live
    buying, selling = counted & (table.sign > 0), counted & (table.sign < 0)
    highest_bid = np.maximum(base.bids[at], groups.highest_before(np.where(buying, bids, 0)))
    # The lowest offer is the highest distance from the roof.
    reach = groups.highest_before(np.where(selling, base.roof + 1 - offers, 0))
    lowest_offer = base.roof + 1 - np.maximum(base.reach[at], reach)
    crosses = np.where(table.sign > 0, bids >= lowest_offer, offers <= highest_bid)
    has_other = np.where(table.sign > 0, lowest_offer <= base.roof, highest_bid > 0)
    shown = np.where(table.has_limit, table.limit / 10.0**table.price_decimals, np.nan)
    return Outcome(crosses & has_other & live, shown, np.full(len(shown), np.nan))


def _near(price: Decimal, decimals: int) -> int:
    """A number of another order in units of ``10 ** -decimals``; -1 when no row can have it."""
    shifted = price.scaleb(decimals)
    return int(shifted) if shifted == int(shifted) else -1
