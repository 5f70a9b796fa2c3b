"""Running sums within groups of rows: what the rows before each one add up to."""

from __future__ import annotations

from typing import Final

import numpy as np

from toolkit.risk.columns import Ints, guard

SMALL: Final = np.iinfo(np.int16).max


class Grouping:
    """
    Rows by group, in their own order within each.

    Args:
        groups: the group of each row, 0 or more.
    """

    def __init__(self, groups: Ints) -> None:
        if int(groups.max(initial=0)) <= SMALL:
            groups = groups.astype(np.int16)  # which numpy sorts by radix, not by comparison
        self._order = np.argsort(groups, kind="stable")
        sorted_groups = groups[self._order]
        changes = np.ones(len(groups), bool)
        changes[1:] = sorted_groups[1:] != sorted_groups[:-1]
        self._starts: Ints = np.flatnonzero(changes).astype(np.int64)
        lengths = np.diff(np.r_[self._starts, len(groups)])
        self._segment = np.repeat(np.arange(len(self._starts), dtype=np.int64), lengths)

    def sums_before(self, values: Ints) -> Ints:
        """Of each row: the sum over the rows of its group before it."""
        ordered = values[self._order]
        before = np.cumsum(ordered) - ordered
        out: Ints = np.empty_like(before)
        out[self._order] = before - before[self._starts][self._segment]
        return out

    def highest_before(self, values: Ints) -> Ints:
        """
        Of each row: the highest value among the rows of its group before it, 0 when there is none.

        Args:
            values: 0 or more; 0 counts as none.

        Raises:
            InexactError: the values are too large for the number of groups.
        """
        ordered = values[self._order]
        step = int(ordered.max(initial=0)) + 1
        guard(step * (len(self._starts) + 1))
        lifted = ordered + self._segment * step
        highest = np.maximum.accumulate(lifted)
        before = np.concatenate(([0], highest[:-1])) - self._segment * step
        out: Ints = np.empty_like(before)
        out[self._order] = np.maximum(before, 0)
        return out
