"""
A whole frame of intents judged at once, as if its rows were submitted one after the other right now.

What a row's words decide is judged once per kind of row, by the rules themselves. What its numbers
decide is worked out on whole columns, in exact integers. Rows that are approved count as accepted
and open for the rows after them. Whatever does not fit that picture is judged row by row, which is
slower and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.orders.events import Decision
from toolkit.risk import form, kinds
from toolkit.risk.alone import ALONE
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.columns import Bools, InexactError, row
from toolkit.risk.exposure import Book
from toolkit.risk.order import Order
from toolkit.risk.overlay import Overlay
from toolkit.risk.rules import RULES, Check
from toolkit.risk.tables import Outcome, Table
from toolkit.risk.together import TOGETHER

OWN_NUMBER: Final[dict[Check, str]] = {
    form.quantity_above_zero: "quantity",
    form.limit_price_given: "limit",
    form.stop_price_given: "stop",
}
"""Rules that show a row's own number, and which one."""
ROUNDS: Final = 64
"""Rounds in which what is surely approved and what is surely not must meet."""


def check(frame: pd.DataFrame, checker: SimpleRiskChecker, book: Book) -> pd.DataFrame:
    """
    The frame with the verdict of every limit in force on every row.

    Args:
        frame: one intent per row, columns as in ``OrderIntent``; ``intent_id`` is not needed.
        checker: whose limits hold, and whose own checks when it is a subclass.
        book: what is held, open and quoted; it stays as it is.

    Returns:
        A copy with these columns more: ``approved`` (bool); ``reason_codes`` (str, comma separated,
        in the order of ``rules.RULES``, empty when approved); ``observed`` and ``limit`` (float64)
        of the first reason, NaN where it has none.
    """
    checker = copy.copy(checker)  # the engine's own stays bound to the live book
    overlay = Overlay(book)
    checker.bind(overlay)
    plain = all(
        getattr(type(checker), name) is getattr(SimpleRiskChecker, name)
        for name in ("validate", "violations", "decisions")
    )
    verdict = None
    if plain:
        try:
            verdict = _judge_columns(frame, checker, overlay)
        except InexactError:
            verdict = None
    approved, codes, observed, limit = verdict or judge_rows(frame, checker, overlay)
    return frame.assign(approved=approved, reason_codes=codes, observed=observed, limit=limit)


Verdict = tuple[Bools, NDArray[np.object_], NDArray[np.float64], NDArray[np.float64]]


def judge_rows(frame: pd.DataFrame, checker: SimpleRiskChecker, overlay: Overlay) -> Verdict:
    """The four columns of ``check``, row by row; ``overlay`` is what ``checker`` is bound to."""
    failed: list[Sequence[Decision]] = []
    for number in range(len(frame)):
        raw = dict(row(frame, number))
        denials = checker.verdict(raw)
        failed.append(denials)
        if not denials:
            overlay.approve(Order.read(raw), f"row {number}")
    return (
        np.array([not denials for denials in failed], bool),
        np.array([",".join(dict.fromkeys(d.code for d in denials)) for denials in failed], object),
        np.array([_figure(denials, "observed") for denials in failed], np.float64),
        np.array([_figure(denials, "limit") for denials in failed], np.float64),
    )


def _figure(denials: Sequence[Decision], name: str) -> float:
    value = getattr(denials[0], name) if denials else None
    return float("nan") if value is None else float(value)


def _judge_columns(frame: pd.DataFrame, checker: SimpleRiskChecker, overlay: Overlay) -> Verdict:
    """The same on whole columns; InexactError where that is not possible."""
    columns = kinds.read(frame, checker, overlay)
    table, found = Table(columns, overlay), _Verdicts(columns)
    open_rows = {rule.check: _rows(columns, rule.check) for rule in RULES}
    alone = {check: _only(judge(table), open_rows[check]) for check, judge in ALONE.items()}
    stage_one = np.ones(len(frame), bool)
    for rule in RULES:
        stage_one &= ~found.by_words(rule.check)
    for outcome in alone.values():
        stage_one &= ~outcome.failed

    asked = [check for check in TOGETHER if open_rows[check].any()]

    def passing(approved: Bools) -> Bools:
        passes = stage_one.copy()
        for check in asked:
            passes &= ~(TOGETHER[check](table, approved).failed & open_rows[check])
        return passes

    approved = _settle(stage_one, passing)
    for rule in RULES:
        if rule.check in asked:
            found.add(rule.check, _only(TOGETHER[rule.check](table, approved), open_rows[rule.check]))
        else:
            found.add(rule.check, alone.get(rule.check))
    return approved, found.codes(), found.observed, found.limit


def _settle(possible: Bools, passing: Callable[[Bools], Bools]) -> Bools:
    """
    Which rows are approved one after the other.

    More rows before one only ever speak against it. So the rows that pass although all possible ones
    count are surely approved, those that fail although only the sure ones count are surely not, and
    each round has fewer in between.
    """
    for _ in range(ROUNDS):
        surely = passing(possible)
        still_possible = passing(surely)
        if bool((surely == still_possible).all()):
            return surely
        possible = still_possible
    raise InexactError


class _Verdicts:
    """Codes and figures of every row, rule by rule."""

    def __init__(self, columns: kinds.Columns) -> None:
        rows = len(columns.kind)
        self._columns = columns
        self._names = [""]
        self._codes: list[NDArray[np.int16]] = []
        self._denied = np.zeros(rows, bool)
        self.observed, self.limit = np.full(rows, np.nan), np.full(rows, np.nan)

    def by_words(self, check: Check) -> Bools:
        """Where a rule denies a row whatever its numbers are."""
        return np.array([self._denial(kind, check) is not None for kind in self._columns.kinds], bool)[
            self._columns.kind
        ]

    def add(self, check: Check, outcome: Outcome | None) -> None:
        """Take the next rule's verdicts: those that words decide, and those of ``outcome``."""
        kind = self._columns.kind
        denials = [self._denial(each, check) for each in self._columns.kinds]
        codes = np.array([0 if each is None else self._code(each.code) for each in denials], np.int16)[kind]
        observed, limit = (
            np.array([_figure([] if each is None else [each], name) for each in denials])[kind]
            for name in ("observed", "limit")
        )
        own = OWN_NUMBER.get(check)
        if own is not None:  # the figure observed is the row's own
            number = getattr(self._columns, own)
            observed = np.where(np.isnan(observed), np.nan, number.values / 10.0**number.decimals)
        if outcome is not None:
            codes = np.where(outcome.failed, np.int16(self._code(kinds.BY_NUMBERS[check])), codes)
            observed = np.where(outcome.failed, outcome.observed, observed)
            limit = np.where(outcome.failed, outcome.limit, limit)
        denied = codes > 0
        if not denied.any():
            return
        first = denied & ~self._denied
        self.observed[first], self.limit[first] = observed[first], limit[first]
        self._denied |= denied
        self._codes.append(codes)

    def codes(self) -> NDArray[np.object_]:
        """The codes of each row, comma separated, each once."""
        shown = np.full(len(self._denied), "", object)
        rows = np.flatnonzero(self._denied)
        if len(rows) == 0:
            return shown
        key = np.zeros(len(rows), np.int64)
        for codes in self._codes:
            paired = key * (len(self._names) + 1) + codes[rows]
            key = np.unique(paired, return_inverse=True)[1]
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        texts = [
            ",".join(dict.fromkeys(self._names[codes[rows[n]]] for codes in self._codes if codes[rows[n]]))
            for n in first
        ]
        shown[rows] = np.array(texts, object)[inverse]
        return shown

    def _denial(self, kind: kinds.Kind, check: Check) -> Decision | None:
        decision = kind.verdicts.get(check)
        if decision is None or decision.passed or kind.open_question(check):
            return None
        return decision

    def _code(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)


def _rows(columns: kinds.Columns, check: Check) -> Bools:
    """Rows on which a rule's verdict is open until their numbers are looked at."""
    return np.array([kind.open_question(check) for kind in columns.kinds], bool)[columns.kind]


def _only(outcome: Outcome, rows: Bools) -> Outcome:
    return outcome._replace(failed=outcome.failed & rows)
