"""
A whole frame of intents judged at once, as if its rows were submitted one after the other right now.

What a row's words decide is judged once per kind of row, by the rules themselves. What its numbers
decide is worked out on whole columns, in exact integers. Rows that are approved count as accepted
and open for the rows after them. Whatever does not fit that picture is judged row by row, which is
slower and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.orders.events import Decision
from toolkit.risk import flow, kinds
from toolkit.risk.ahead import Ahead, Base
from toolkit.risk.alone import ALONE
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.columns import Bools, InexactError, row
from toolkit.risk.denials import Denials, open_questions
from toolkit.risk.encounters import economics
from toolkit.risk.exposure import Book
from toolkit.risk.order import Order
from toolkit.risk.overlay import Overlay
from toolkit.risk.rules import Check
from toolkit.risk.settle import settle
from toolkit.risk.tables import Outcome, Table
from toolkit.risk.together import TOGETHER

BLOCK: Final = 1 << 16
"""Rows that are worked on at a time: few enough for a processor's cache."""


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
        for name in ("validate", "violations")
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
    table, denials = Table(columns, overlay), Denials(columns)
    questions = _Questions(columns)
    if flow.no_repeat in questions.together:
        table.economics = economics(table)
    approved, base = np.zeros(len(frame), bool), Base.of(table)
    for start in range(0, len(frame), BLOCK):
        rows = slice(start, start + BLOCK)
        block = table.take(rows)
        alone = questions.alone_outcomes(block)
        possible = denials.rules[rows] == 0
        for outcome in alone.values():
            possible &= ~outcome.failed
        approved[rows], after = settle(block, base, possible, questions.passing)
        denials.take(rows, {**alone, **questions.outcomes(Ahead(block, base, approved[rows]))})
        base = after
    return approved, denials.codes(), denials.observed, denials.limit


class _Questions:
    """The rules whose verdicts the numbers of some kinds of row decide."""

    def __init__(self, columns: kinds.Columns) -> None:
        asked = {check: open_questions(columns, check) for check in kinds.BY_NUMBERS}
        self._open = {check: each for check, each in asked.items() if each.any()}
        self.alone = [check for check in ALONE if check in self._open]
        self.together = [check for check in TOGETHER if check in self._open]
        self._last: tuple[Ahead, dict[Check, Outcome]] | None = None

    def alone_outcomes(self, table: Table) -> dict[Check, Outcome]:
        """What each rule says that looks at a row alone."""
        return {check: self._only(check, ALONE[check](table), table) for check in self.alone}

    def outcomes(self, ahead: Ahead) -> dict[Check, Outcome]:
        """What each rule says that looks at the rows before."""
        if self._last is not None:  # settling ends with the very question that is asked next
            last, found = self._last
            if (
                last.table is ahead.table
                and last.base is ahead.base
                and np.array_equal(last.approved, ahead.approved)
            ):
                return found
        found = {check: self._only(check, TOGETHER[check](ahead), ahead.table) for check in self.together}
        self._last = ahead, found
        return found

    def passing(self, ahead: Ahead) -> Bools:
        """Which rows pass all of them."""
        passes = np.ones(len(ahead.table), bool)
        for outcome in self.outcomes(ahead).values():
            passes &= ~outcome.failed
        return passes

    def _only(self, check: Check, outcome: Outcome, table: Table) -> Outcome:
        return outcome._replace(failed=outcome.failed & self._open[check][table.kind])
