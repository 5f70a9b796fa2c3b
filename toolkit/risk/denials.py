"""What is said of every row of a frame: which rules deny it, and what the first of them saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from toolkit.orders.events import Decision
from toolkit.risk import form
from toolkit.risk.columns import Bools, Ints, firsts, joined, recoded
from toolkit.risk.kinds import BY_NUMBERS, Columns, Kind
from toolkit.risk.rules import RULES, Check
from toolkit.risk.tables import Floats, Outcome

OWN_NUMBER: Final[dict[Check, str]] = {
    form.quantity_above_zero: "quantity",
    form.limit_price_given: "limit",
    form.stop_price_given: "stop",
}
"""Rules that show a row's own number, and which one."""
CHECKS: Final = tuple(rule.check for rule in RULES)


class Denials:
    """
    The verdicts of every row.

    Attributes:
        rules: of each row, one bit for each rule that denies it, the first rule the lowest.
        observed, limit: of each row's first denial; NaN where it has none.
    """

    def __init__(self, columns: Columns) -> None:
        rows = len(columns.kind)
        self._columns = columns
        self._said = [[_said(kind, check) for kind in columns.kinds] for check in CHECKS]
        by_words = np.zeros(len(columns.kinds), np.int64)
        for number, said in enumerate(self._said):
            by_words |= np.array([decision is not None for decision in said], np.int64) << number
        self.rules: Ints = by_words[columns.kind]
        self.observed, self.limit = np.full(rows, np.nan), np.full(rows, np.nan)

    def take(self, rows: slice, outcomes: Mapping[Check, Outcome]) -> None:
        """Take what the numbers of some rows say, and the figures of their first denials."""
        denied = self.rules[rows]
        for number, check in enumerate(CHECKS):
            outcome = outcomes.get(check)
            if outcome is not None and outcome.failed.any():
                denied = denied | (outcome.failed.astype(np.int64) << number)
        self.rules[rows] = denied
        first = denied & -denied
        for number, check in enumerate(CHECKS):
            if not int(np.bitwise_or.reduce(first)) >> number & 1:
                continue
            found = np.flatnonzero(first == 1 << number)
            observed, limit = self._figures(rows.start + found, number)
            outcome = outcomes.get(check)
            if outcome is not None:
                failed = outcome.failed[found]
                observed = np.where(failed, outcome.observed[found] / outcome.scale, observed)
                limit = np.where(failed, self._limit(outcome, rows.start, found), limit)
            self.observed[rows.start + found], self.limit[rows.start + found] = observed, limit

    def codes(self) -> NDArray[np.object_]:
        """The codes of each row, comma separated, each once."""
        shown = np.full(len(self.rules), "", object)
        rows = np.flatnonzero(self.rules)
        if len(rows) == 0:
            return shown
        kind = self._columns.kind[rows]
        key, _ = joined([recoded(self.rules[rows]), (kind, len(self._columns.kinds))])
        texts = [self._text(int(self.rules[rows[n]]), int(kind[n])) for n in firsts(key)]
        shown[rows] = np.array(texts, object)[key]
        return shown

    def _text(self, denied: int, kind: int) -> str:
        codes = []
        for number, check in enumerate(CHECKS):
            if denied >> number & 1:
                said = self._said[number][kind]
                codes.append(BY_NUMBERS[check] if said is None else said.code)
        return ",".join(dict.fromkeys(codes))

    def _figures(self, rows: Ints, number: int) -> tuple[Floats, Floats]:
        """What words alone have a rule say of some rows."""
        kind, said = self._columns.kind[rows], self._said[number]
        observed = np.array([_figure(each, "observed") for each in said])[kind]
        limit = np.array([_figure(each, "limit") for each in said])[kind]
        own = OWN_NUMBER.get(CHECKS[number])
        if own is not None:  # the figure observed is the row's own
            column = getattr(self._columns, own)
            observed = np.where(np.isnan(observed), np.nan, column.values[rows] / 10.0**column.decimals)
        return observed, limit

    def _limit(self, outcome: Outcome, start: int, found: Ints) -> Floats:
        if not isinstance(outcome.limit, str):
            figures: Floats = outcome.limit[found] / outcome.scale
            return figures
        name = outcome.limit
        limits = [float(kind.limits.numbers.get(name, "nan")) for kind in self._columns.kinds]
        return np.array(limits)[self._columns.kind[start + found]]


def open_questions(columns: Columns, check: Check) -> Bools:
    """On which kinds a rule's verdict is open until a row's numbers are looked at."""
    return np.array([kind.open_question(check) for kind in columns.kinds], bool)


def _said(kind: Kind, check: Check) -> Decision | None:
    """The denial of a rule whatever a row's numbers are."""
    decision = kind.verdicts.get(check)
    return None if kind.open_question(check) else decision


def _figure(decision: Decision | None, name: str) -> float:
    value = None if decision is None else getattr(decision, name)
    return float("nan") if value is None else float(value)
