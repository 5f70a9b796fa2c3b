"""The kinds of row in a frame of intents: rows that differ in their numbers alone are judged once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from toolkit.orders.contract import IDENTITY, Instrument
from toolkit.orders.events import Decision
from toolkit.risk import flow, form, loss, prices, size
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.columns import InexactError, Ints, Numbers, firsts, flags, joined, numbers, row, words
from toolkit.risk.context import Context
from toolkit.risk.limits import Limits
from toolkit.risk.order import Order
from toolkit.risk.overlay import Overlay
from toolkit.risk.rules import Check, judge

CONTRACT: Final[Mapping[str, Any]] = {"con_id": 0, **IDENTITY}
"""Fields of a row that name its contract, with what an empty one means."""
WORDS: Final[Mapping[str, Any]] = {
    **CONTRACT,
    "strategy_id": "",
    "account": "",
    "direction": "",
    "order_type": "",
    "tif": "DAY",
}
"""Fields of a row that are names, with what an empty one means."""

BY_NUMBERS: Final[dict[Check, str]] = {
    form.quantity_within_limit: "MAX_ORDER_QUANTITY",
    size.quantity_is_usual: "FAT_FINGER",
    prices.price_within_collar: "PRICE_COLLAR",
    prices.price_within_ticks: "PRICE_COLLAR_TICKS",
    prices.stop_beyond_quote: "STOP_WRONG_SIDE",
    size.order_notional: "MAX_ORDER_NOTIONAL",
    size.large_order_approved: "NEEDS_APPROVAL",
    size.gross_exposure_within_limit: "MAX_GROSS_EXPOSURE",
    size.net_exposure_within_limit: "MAX_NET_EXPOSURE",
    size.position_within_limit: "MAX_POSITION",
    size.position_share_within_limit: "MAX_POSITION_PCT_NAV",
    size.short_sale_located: "NOT_SHORTABLE",
    size.no_short_sale: "SHORT_SALE",
    flow.no_self_cross: "SELF_CROSS",
    flow.open_orders_within_limit: "MAX_OPEN_ORDERS",
    flow.open_orders_per_side_within_limit: "MAX_OPEN_ORDERS_PER_SIDE",
    flow.rate_within_limit: "ORDER_RATE",
    flow.own_rate_within_limit: "ORDER_RATE",
    flow.no_repeat: "DUPLICATE_ECONOMICS",
    flow.orders_per_day_within_limit: "ORDERS_PER_DAY",
    flow.quantity_per_day_within_limit: "QUANTITY_PER_DAY",
}
"""Rules that a row's numbers, or the rows before it, decide; with the code that is theirs."""


class Kind(NamedTuple):
    """
    Rows with the same words.

    Attributes:
        order, instrument, limits, context: of one of them.
        verdicts: what every rule in force says of it, None when it passes.
    """

    order: Order
    instrument: Instrument | None
    limits: Limits
    context: Context
    verdicts: dict[Check, Decision | None]

    def open_question(self, check: Check) -> bool:
        """Whether a rule's verdict on other rows of the kind depends on their numbers."""
        if check not in self.verdicts or check not in BY_NUMBERS:
            return False
        verdict = self.verdicts[check]
        return verdict is None or verdict.code == BY_NUMBERS[check]


class Columns(NamedTuple):
    """
    The rows of a frame.

    Attributes:
        kind: which of ``kinds`` each row is.
        quantity, limit, stop: as written.
    """

    kind: Ints
    kinds: list[Kind]
    quantity: Numbers
    limit: Numbers
    stop: Numbers


def read(frame: pd.DataFrame, checker: SimpleRiskChecker, book: Overlay) -> Columns:
    """
    Sort the rows of a frame by kind, and let the rules judge one of each.

    Raises:
        InexactError: numbers do not fit into 64-bit integers, or rows name approvals, each good for one.
    """
    if "approval" in frame and frame["approval"].notna().any():
        raise InexactError
    quantity, limit, stop = (numbers(frame, name) for name in ("quantity", "limit_price", "stop_price"))
    codes: list[tuple[Ints, int]] = []
    for name, default in WORDS.items():
        column, values = words(frame, name, default)
        codes.append((column, len(values)))
    codes += [(flags(frame, name).astype(np.int64), 2) for name in ("outside_rth", "allow_repeat")]
    for each in (quantity, limit, stop):
        codes.append((each.known.astype(np.int64) + (each.known & (each.values > 0)), 3))
    kind, _ = joined(codes)
    rows = [_judge(frame, int(n), checker, book) for n in firsts(kind)]
    return Columns(kind, rows, quantity, limit, stop)


def _judge(frame: pd.DataFrame, number: int, checker: SimpleRiskChecker, book: Overlay) -> Kind:
    raw = row(frame, number)
    order, instrument = Order.read(raw), book.instrument(raw)
    limits = checker.limits_of(order, instrument)
    context = Context.of(order, book, instrument, limits)
    if loss.breaches(context.profit, limits):
        raise InexactError  # what still passes depends on the position, row by row
    borrowed = order.sign < 0 and instrument is not None and instrument.sec_type == "STK"
    if borrowed and "allow_unlocated_short" in limits.in_force and context.quote.shortable is None:
        raise InexactError  # and so does what needs shares that nobody told of
    if "max_position_pct_nav" in limits.in_force and not context.profit.value:
        raise InexactError  # or a value that nobody told
    verdicts = {rule.check: judge(rule, order, context) for rule in checker.rules(limits).rules}
    return Kind(order, instrument, limits, context, verdicts)
