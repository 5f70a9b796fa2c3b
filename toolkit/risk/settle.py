"""Which rows of a frame are approved when each is judged after the ones before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from toolkit.risk.ahead import Ahead, Base
from toolkit.risk.columns import Bools
from toolkit.risk.tables import Table

ROUNDS: Final = 3
"""Rounds before rows that are still open are halved; one row needs one."""


def settle(
    table: Table, base: Base, possible: Bools, passing: Callable[[Ahead], Bools]
) -> tuple[Bools, Base]:
    """
    Decide every row of a table.

    More rows before one only ever speak against it. So the rows that pass although all possible ones
    count are surely approved, those that fail although only the sure ones count are surely not, and
    each round has fewer in between. Where many rows compete for little, that goes better in halves,
    the first of which is part of the base of the second.

    Args:
        table: the rows.
        base: what is open before the first of them.
        possible: rows that nothing else speaks against.
        passing: which rows pass, given what stands before each.

    Returns:
        Which rows are approved, and the base of whatever follows.
    """
    for _ in range(ROUNDS):
        surely = possible & passing(Ahead(table, base, possible))
        if np.array_equal(surely, possible):
            return surely, base.plus(table, surely)
        still_possible = possible & passing(Ahead(table, base, surely))
        if np.array_equal(surely, still_possible):
            return surely, base.plus(table, surely)
        possible = still_possible
    approved = np.zeros(len(table), bool)
    rows = np.flatnonzero(possible)
    # Up to the first row that is not sure nothing is open any more, and that row itself did pass.
    first = int(np.argmin(surely[rows])) + 1
    settled, rest = rows[:first], rows[first:]
    approved[settled] = True
    base = base.plus(table, approved)
    middle = (len(rest) + 1) // 2
    for half in (rest[:middle], rest[middle:]):
        if len(half):
            approved[half], base = settle(table.take(half), base, np.ones(len(half), bool), passing)
    return approved, base
