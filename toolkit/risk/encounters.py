"""Rows of a frame that meet other orders: repeats of one, or the other side of one."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np

from toolkit.orders.intent import ORDER_TYPES
from toolkit.risk.columns import Bools, InexactError, Ints, guard
from toolkit.risk.kinds import Kind
from toolkit.risk.running import Grouping
from toolkit.risk.tables import Outcome, Table, whole

LIVE: Final = ("MARKET", "LIMIT")
MOST_TWINS: Final = 200
"""Earlier orders that every row is compared with; with more of them rows are judged one by one."""


def repeat(table: Table, approved: Bools) -> Outcome:
    """The same order again within its window, as ``flow.no_repeat`` sees it."""
    windows = table.floats(lambda k: float(k.limits.numbers.get("repeat_window_s", Decimal(0))))
    meant = table.flags(lambda k: k.order.repeat_allowed)
    key = _economics(table)
    twin_before = Grouping(key).sums_before(approved.astype(np.int64)) > 0
    age = np.where(twin_before & (windows > 0), 0.0, np.inf)
    for seconds, same in _earlier(table):
        age = np.where(same & (seconds < windows), np.minimum(age, seconds), age)
    return Outcome(np.isfinite(age) & ~meant, age, windows)


def _economics(table: Table) -> Ints:
    """Rows with the same account, contract, side, quantity, type and prices have the same code."""
    sides = (table.account() * 3 + table.sign + 1) * (len(table.ids) + 1) + table.contract + 1
    key: Ints = np.unique(sides * (len(ORDER_TYPES) + 1) + _types(table), return_inverse=True)[1]
    for column in (
        table.quantity,
        table.limit * 2 + table.has_limit,
        table.stop * 2 + table.has_stop,
    ):
        codes = np.unique(column, return_inverse=True)[1]
        guard((int(key.max(initial=0)) + 1) * (int(codes.max(initial=0)) + 1))
        key = np.unique(key * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1]
    return key


def _earlier(table: Table) -> list[tuple[float, Bools]]:
    """Seconds since earlier orders were accepted, with the rows that repeat each."""
    recent = {state.intent_id: state for kind in table.kinds for state in kind.context.recent}
    if len(recent) > MOST_TWINS:
        raise InexactError
    now = table.book.now()
    found = []
    for state in recent.values():
        intent, accepted_at = state.intent, state.accepted_at
        if intent is None or accepted_at is None or state.con_id not in table.ids:
            continue
        same = (
            (table.contract == table.ids.index(state.con_id))
            & (table.sign == intent.sign)
            & (table.account() == table.account_code(intent.account))
            & (_types(table) == _type_code(intent.order_type))
            & (table.quantity == _near(intent.quantity, table.quantity_decimals))
        )
        for price, column, known in (
            (intent.limit_price, table.limit, table.has_limit),
            (intent.stop_price, table.stop, table.has_stop),
        ):
            same &= ~known if price is None else known & (column == _near(price, table.price_decimals))
        found.append(((now - accepted_at).total_seconds(), same))
    return found


def self_cross(table: Table, approved: Bools) -> Outcome:
    """An own order of the other side that would be met, as ``flow.no_self_cross`` sees it."""
    live = np.isin(_types(table), [_type_code(word) for word in LIVE])
    market = _types(table) == _type_code("MARKET")
    own = _own_orders(table)
    roof = 1 + max(int(table.limit.max(initial=0)), *(price for _, _, price in own if price), 0)
    # Above every price there is: what a market order would pay.
    offers = np.where(market | ~table.has_limit, 0, table.limit)
    bids = np.where(market | ~table.has_limit, roof, table.limit)
    groups = Grouping(table.account() * (len(table.ids) + 1) + table.contract + 1)
    counted = approved & live
    highest_bid = groups.highest_before(np.where(counted & (table.sign > 0), bids, 0))
    # The lowest offer is the highest distance from the roof.
    reach = groups.highest_before(np.where(counted & (table.sign < 0), roof + 1 - offers, 0))
    best: dict[tuple[int, int, int], int] = {}
    for place, sign, price in own:
        distance = (roof if price is None else price) if sign > 0 else roof + 1 - (price or 0)
        best[*place, sign] = max(best.get((*place, sign), 0), distance)
    highest_bid = np.maximum(highest_bid, table.by_kind(lambda kind: best.get((*_place(table, kind), 1), 0)))
    reach = np.maximum(reach, table.by_kind(lambda kind: best.get((*_place(table, kind), -1), 0)))
    lowest_offer = roof + 1 - reach
    crosses = np.where(table.sign > 0, bids >= lowest_offer, offers <= highest_bid)
    has_other = np.where(table.sign > 0, lowest_offer <= roof, highest_bid > 0)
    shown = np.where(table.has_limit, table.limit / 10.0**table.price_decimals, np.nan)
    return Outcome(crosses & has_other & live, shown, np.full(len(shown), np.nan))


def _own_orders(table: Table) -> list[tuple[tuple[int, int], int, int | None]]:
    """Open orders that may meet others: (contract and account), side, limit; None for the market."""
    return [
        (
            (table.ids.index(con_id), table.account_code(state.intent.account)),
            state.intent.sign,
            None
            if state.intent.order_type == "MARKET" or state.intent.limit_price is None
            else whole(state.intent.limit_price, table.price_decimals),
        )
        for con_id in table.ids
        for state in table.book.exposure.orders(con_id)
        if state.intent is not None and state.intent.order_type in LIVE
    ]


def _place(table: Table, kind: Kind) -> tuple[int, int]:
    contract = -1 if kind.instrument is None else table.ids.index(kind.instrument.con_id)
    return contract, table.account_code(kind.order.account)


def _types(table: Table) -> Ints:
    return table.by_kind(lambda kind: _type_code(kind.order.order_type))


def _type_code(word: str) -> int:
    return ORDER_TYPES.index(word) if word in ORDER_TYPES else len(ORDER_TYPES)


def _near(price: Decimal, decimals: int) -> int:
    """A number of another order in units of ``10 ** -decimals``; -1 when no row can have it."""
    shifted = price.scaleb(decimals)
    return int(shifted) if shifted == int(shifted) else -1
