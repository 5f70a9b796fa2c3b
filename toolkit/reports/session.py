"""
A journal's orders as the four frames that execution measures are taken from.

The benchmarks are what the engine knew: the quote that risk saw and the one at the send, which are
journaled with the order, and the quotes that were recorded while orders worked and for five minutes
after. Nothing is filled in from elsewhere: an order without a benchmark has none, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from toolkit.orders.apply import apply
from toolkit.orders.events import Accepted, AnyEvent, Executed, Quoted, Sent
from toolkit.orders.state import OrderState
from toolkit.reports import tca
from toolkit.reports.frames import FILLS as FRAME
from toolkit.reports.frames import Fill
from toolkit.reports.table import NUMBER, TEXT, TIME, WHOLE, Column, Schema, build

UNCONFIRMED: Final = pd.Timedelta(15, "s")
"""A quote that was not confirmed for so long is a benchmark no more; the recorder repeats it every 5 s."""


class Slice(NamedTuple):
    """
    One order, and what the journal tells about it beyond its state.

    Attributes:
        accepted, sent: the facts with the quotes of those moments; None while there are none.
        heard: execution id -> when we heard of it, UTC.
        ended_at: when it became final, UTC; None while it is open.
    """

    state: OrderState
    accepted: Accepted | None
    sent: Sent | None
    heard: dict[str, datetime]
    ended_at: datetime | None

    @property
    def parent_id(self) -> str:
        """The order that this one is a slice of, else its own id."""
        intent = self.state.intent
        return str((intent and intent.extra.get("parent_id")) or self.state.intent_id)

    def heard_at(self, fill: Fill) -> datetime:
        """When it filled: live fills when we heard of them, since the broker's clock has whole seconds."""
        execution = fill.execution
        return execution.time if execution.recovered else self.heard[execution.exec_id]


class Parent(NamedTuple):
    """An order as it was decided on: one intent, or all slices of one."""

    parent_id: str
    symbol: str
    slices: list[Slice]

    @property
    def first(self) -> Slice:
        """The slice that was decided on first."""
        return min(self.slices, key=decided_at)

    @property
    def decision(self) -> tuple[str, float | None]:
        """Where the quote at the decision came from, and its mid in price units."""
        first = self.first
        intent, accepted = first.state.intent, first.accepted
        if intent is not None and intent.arrival_bid and intent.arrival_ask:
            return "intent", float((intent.arrival_bid + intent.arrival_ask) / 2)
        mid = mid_of(accepted)
        if accepted is None or mid is None:
            return "none", None
        held = accepted.quote_at is not None and accepted.quote_at <= decided_at(first)
        return "decision" if held else "risk", mid


def _of_fill(name: str) -> Column:
    """A column of ``fills_frame``."""
    column = FRAME[name]
    return column._replace(value=lambda pair: column.value(pair[1]))


PARENTS: Final[Schema] = {
    "parent_id": Column(TEXT, "", lambda parent: parent.parent_id),
    "symbol": Column(
        TEXT, "with the contract's number where a symbol has several", lambda parent: parent.symbol
    ),
    "side": Column(TEXT, "BUY or SELL", lambda parent: parent.first.state.direction),
    "qty": Column(
        NUMBER, "shares or contracts", lambda parent: sum(one.state.quantity for one in parent.slices)
    ),
    "ts_intent": Column(TIME, "UTC", lambda parent: decided_at(parent.first)),
    "ts_end": Column(
        TIME, "UTC, NaT while open", lambda parent: _last(one.ended_at for one in parent.slices)
    ),
    "multiplier": Column(NUMBER, "currency per price unit", lambda parent: parent.first.state.multiplier),
    "decision_price": Column(NUMBER, "mid, price units", lambda parent: parent.decision[1]),
    "decision_quote": Column(
        TEXT,
        "intent: it came with it; decision: held at that moment; risk: the first after it; none",
        lambda parent: parent.decision[0],
    ),
    "strategy_id": Column(TEXT, "", lambda parent: parent.first.state.intent.strategy_id),
    "order_type": Column(TEXT, "MARKET, LIMIT, ...", lambda parent: parent.first.state.intent.order_type),
    "hour": Column(WHOLE, "of the intent, UTC", lambda parent: decided_at(parent.first).hour),
    "account": Column(TEXT, "", lambda parent: parent.first.state.account),
    "currency": Column(TEXT, "of the money", lambda parent: parent.first.state.intent.currency),
}
CHILDREN: Final[Schema] = {
    "order_id": Column(TEXT, "the intent's id", lambda one: one.state.intent_id),
    "parent_id": Column(TEXT, "", lambda one: one.parent_id),
    "qty": Column(NUMBER, "shares or contracts", lambda one: one.state.quantity),
    "ts_risk": Column(TIME, "UTC, the verdict", lambda one: one.state.accepted_at),
    "ts_submit": Column(TIME, "UTC, on the socket", lambda one: one.state.sent_at),
    "ts_ack": Column(TIME, "UTC, the broker's first answer", lambda one: one.state.acked_at),
    "arrival_price": Column(NUMBER, "mid at the send, price units", lambda one: mid_of(one.sent)),
}
FILLS: Final[Schema] = {
    "exec_id": Column(TEXT, "", lambda pair: pair[1].execution.exec_id),
    "order_id": Column(TEXT, "the intent's id", lambda pair: pair[0].state.intent_id),
    "ts": Column(TIME, "UTC, when it was heard", lambda pair: pair[0].heard_at(pair[1])),
    "qty": Column(NUMBER, "shares or contracts", lambda pair: pair[1].execution.shares),
    "price": Column(NUMBER, "price units", lambda pair: pair[1].execution.price),
    **{name: _of_fill(name) for name in ("commission", "side", "exchange", "liquidity")},
}
QUOTES: Final[Schema] = {
    "ts": Column(TIME, "UTC", itemgetter(0)),
    "symbol": Column(TEXT, "as the parents have it", itemgetter(1)),
    "bid": Column(NUMBER, "price units", itemgetter(2)),
    "ask": Column(NUMBER, "price units", itemgetter(3)),
    "bid_size": Column(NUMBER, "shares or contracts", itemgetter(4)),
    "ask_size": Column(NUMBER, "shares or contracts", itemgetter(5)),
}
LABELS: Final = (
    "symbol",
    "side",
    "strategy_id",
    "order_type",
    "hour",
    "account",
    "currency",
    "decision_quote",
)
"""What the measures of a parent can be grouped by."""


@dataclass(frozen=True, slots=True)
class Trading:
    """
    What was traded, as ``toolkit.reports.tca.measure`` takes it; columns as in the schemas of this file.

    Attributes:
        parents: orders that passed risk, with all their slices.
        children: their slices.
        fills: effective executions.
        quotes: what is known of the market around them; no sides where a quote was not confirmed.
    """

    parents: pd.DataFrame
    children: pd.DataFrame
    fills: pd.DataFrame
    quotes: pd.DataFrame

    def executed(self) -> pd.DataFrame:
        """The fills as pictures take them: as ``fills_frame`` has them, at the time they were heard of."""
        names = {"ts": "time", "qty": "shares", "order_id": "intent_id"}
        owners = self.children.set_index("order_id")["parent_id"]
        labels = self.parents.set_index("parent_id")[["symbol", "currency", "multiplier", "strategy_id"]]
        fills = self.fills.join(owners, on="order_id").join(labels, on="parent_id").rename(columns=names)
        return fills.assign(notional=fills["shares"] * fills["price"] * fills["multiplier"])

    def measures(self, level: str = "parent") -> pd.DataFrame:
        """One row per parent, or per child: ``LABELS``, then the columns of ``tca.measure``."""
        found = tca.measure(self.parents, self.children, self.fills, self.quotes, level=level)
        labels = self.parents.set_index("parent_id")[list(LABELS)]
        if level == "child":
            labels = self.children.set_index("order_id")[["parent_id"]].join(labels, on="parent_id")
        return labels.join(found)

    def fill_measures(self) -> pd.DataFrame:
        """One row per fill: ``tca.measure_fills``, with ``exchange``, ``liquidity`` and the ``LABELS``."""
        found = tca.measure_fills(self.parents, self.children, self.fills, self.quotes)
        venues = self.fills.set_index("exec_id")[["exchange", "liquidity"]]
        labels = self.parents.set_index("parent_id")[list(LABELS)]
        return found.join(venues).join(labels, on="parent_id")


def trading_of(
    events: Iterable[AnyEvent], recorded: Sequence[Any] = (), *, since: datetime | None = None
) -> Trading:
    """
    What a journal's history traded.

    Args:
        events: oldest first.
        recorded: quotes with ``con_id``, ``at`` (UTC), ``bid``, ``ask``, ``bid_size``, ``ask_size``; see
            ``toolkit.journal.quotes.read_quotes``.
        since: leave out orders that were decided on before this moment, UTC; None: all orders.
    """
    slices = [one for one in slices_of(events) if one.state.intent and one.state.intent.action == "NEW"]
    names = _names({one.state.con_id: one.state.symbol for one in slices if one.accepted})
    families: dict[str, list[Slice]] = {}
    for one in slices:
        families.setdefault(one.parent_id, []).append(one)
    parents = [
        # What risk refused of a parent is part of what was wanted.
        Parent(parent_id, names[passed[0].state.con_id], some)
        for parent_id, some in families.items()
        if (passed := [one for one in some if one.accepted])
        and (since is None or min(map(decided_at, some)) >= since)
    ]
    children = [one for parent in parents for one in parent.slices]
    fills = [
        (one, Fill(one.state, execution)) for one in children for execution in one.state.executions.values()
    ]
    known = [row for one in children for row in _snapshots(one, names)]
    known += [(q.at, names[q.con_id], *q[3:]) for q in recorded if q.con_id in names]
    return Trading(
        parents=_frame(PARENTS, parents),
        children=_frame(CHILDREN, children),
        fills=_frame(FILLS, fills).sort_values("ts", kind="stable", ignore_index=True),
        quotes=_with_gaps(_frame(QUOTES, known)),
    )


def slices_of(events: Iterable[AnyEvent]) -> list[Slice]:
    """Every order of a history, oldest first, with the facts that measures need beyond its state."""
    found: dict[str, Slice] = {}
    for event in events:
        before = found.get(event.intent_id)
        state = apply(None if before is None else before.state, event)
        after = before or Slice(state, None, None, {}, None)
        ended_at = (after.ended_at or event.at) if state.final else None
        after = after._replace(state=state, ended_at=ended_at)
        match event:
            case Accepted():
                after = after._replace(accepted=event)
            case Sent():
                after = after._replace(sent=event)
            case Executed():
                after.heard[event.exec_id] = event.at
        found[event.intent_id] = after
    return list(found.values())


def decided_at(one: Slice) -> datetime:
    """When an intent was decided on, UTC."""
    assert one.state.intent is not None
    return one.state.intent.created_at


def mid_of(fact: Quoted | None) -> float | None:
    """Mid of the quote in a fact, price units; None without both sides, or when it was a delayed one."""
    if fact is None or fact.delayed or fact.bid is None or fact.ask is None:
        return None
    return float((fact.bid + fact.ask) / 2)


def _last(times: Iterable[datetime | None]) -> datetime | None:
    known = list(times)
    return None if None in known else max(time for time in known if time is not None)


def _names(symbols: Mapping[int, str]) -> dict[int, str]:
    """Contract number -> a name that no other contract here has."""
    shared = list(symbols.values())
    return {
        con_id: symbol if shared.count(symbol) == 1 else f"{symbol} {con_id}"
        for con_id, symbol in symbols.items()
    }


def _snapshots(one: Slice, names: Mapping[int, str]) -> list[tuple[Any, ...]]:
    """The quotes that were journaled with an order, as of those moments."""
    return [
        (fact.at, names[one.state.con_id], fact.bid, fact.ask, fact.bid_size, fact.ask_size)
        for fact in (one.accepted, one.sent)
        if fact is not None and mid_of(fact) is not None
    ]


def _frame(schema: Schema, rows: Sequence[Any]) -> pd.DataFrame:
    """As ``build``, with every column a column."""
    index = next(iter(schema))
    return build(schema, rows, index).reset_index()


def _with_gaps(quotes: pd.DataFrame) -> pd.DataFrame:
    """Quotes in time order, with a row of no quote wherever one stood unconfirmed for too long."""
    quotes = quotes.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)
    same = quotes["symbol"].eq(quotes["symbol"].shift(-1))
    lapsed = quotes[same & (quotes["ts"].shift(-1) - quotes["ts"] > UNCONFIRMED)]
    figures = ["bid", "ask", "bid_size", "ask_size"]
    gaps = lapsed.assign(ts=lapsed["ts"] + UNCONFIRMED, **dict.fromkeys(figures, np.nan))
    return pd.concat([quotes, gaps]).sort_values("ts", kind="stable", ignore_index=True)
