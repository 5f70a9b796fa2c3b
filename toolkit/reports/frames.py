"""
Orders, fills and reports as pandas frames, for analysis.

The numbers are float64, near enough for statistics; the exact ones are in the states. Every frame
has the same columns and dtypes whatever it holds; none at all is the same frame without rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import pandas as pd

from toolkit.orders.events import Decision
from toolkit.orders.numbers import exact
from toolkit.orders.state import Execution, OrderState
from toolkit.reports.slippage import arrival_mid, arrival_quote, arrival_slippage_bps, slippage_bps
from toolkit.reports.table import FLAG, NUMBER, TEXT, TIME, WHOLE, Column, Schema, build

SIDES: Final = {"BOT": "BUY", "SLD": "SELL"}
"""The broker's word for an execution -> the direction of an intent."""


class Fill(NamedTuple):
    """One effective execution and the order it belongs to."""

    order: OrderState
    execution: Execution


def side_of(fill: Fill) -> str:
    """BUY or SELL, by the broker's word for the execution."""
    return SIDES.get(fill.execution.side, fill.order.direction)


def _commission(fill: Fill) -> Decimal | None:
    charged = fill.order.commissions.get(fill.execution.exec_id)
    return None if charged is None else charged.amount


ORDERS: Final[Schema] = {
    "intent_id": Column(TEXT, "index", lambda order: order.intent_id),
    "received_at": Column(TIME, "UTC", lambda order: order.received_at),
    "symbol": Column(TEXT, "", lambda order: order.symbol),
    "side": Column(TEXT, "BUY or SELL", lambda order: order.direction),
    "quantity": Column(NUMBER, "shares or contracts", lambda order: order.quantity),
    "filled_quantity": Column(NUMBER, "shares or contracts", lambda order: order.filled_quantity),
    "remaining_quantity": Column(NUMBER, "shares or contracts", lambda order: order.remaining_quantity),
    "order_type": Column(TEXT, "MARKET, LIMIT, ...", lambda order: _of_intent(order, "order_type")),
    "limit_price": Column(NUMBER, "price units", lambda order: _of_intent(order, "limit_price")),
    "stop_price": Column(NUMBER, "price units", lambda order: _of_intent(order, "stop_price")),
    "tif": Column(TEXT, "DAY, GTC, ...", lambda order: _of_intent(order, "tif")),
    "arrival_bid": Column(NUMBER, "price units", lambda order: arrival_quote(order)[0]),
    "arrival_ask": Column(NUMBER, "price units", lambda order: arrival_quote(order)[1]),
    "avg_fill_price": Column(
        NUMBER, "price units", lambda order: order.avg_fill_price if order.filled_quantity else None
    ),
    "slippage_bps": Column(NUMBER, "bps of the arrival mid, positive = cost", arrival_slippage_bps),
    "notional": Column(NUMBER, "currency", lambda order: order.filled_value * order.multiplier),
    "commission": Column(NUMBER, "currency, NaN until known", lambda order: order.known_commission),
    "currency": Column(TEXT, "", lambda order: _of_intent(order, "currency")),
    "multiplier": Column(NUMBER, "currency per price unit", lambda order: order.multiplier),
    "status": Column(TEXT, "OrderStatus", lambda order: order.status.value),
    "final": Column(FLAG, "", lambda order: order.final),
    "broker_status": Column(TEXT, "the broker's word", lambda order: order.broker_status),
    "reason_code": Column(TEXT, "", lambda order: order.reason_code),
    "reason": Column(TEXT, "", lambda order: order.reason),
    "strategy_id": Column(TEXT, "", lambda order: _of_intent(order, "strategy_id")),
    "signal_strength": Column(NUMBER, "the strategy's", lambda order: _of_intent(order, "signal_strength")),
    "account": Column(TEXT, "", lambda order: order.account),
    "order_id": Column(WHOLE, "", lambda order: order.order_id),
    "perm_id": Column(WHOLE, "", lambda order: order.perm_id or None),
    "created_at": Column(TIME, "UTC", lambda order: _of_intent(order, "created_at")),
    "accepted_at": Column(TIME, "UTC", lambda order: order.accepted_at),
    "sent_at": Column(TIME, "UTC", lambda order: order.sent_at),
    "acked_at": Column(TIME, "UTC", lambda order: order.acked_at),
    "first_fill_at": Column(TIME, "UTC", lambda order: order.first_fill_at),
    "last_fill_at": Column(TIME, "UTC", lambda order: order.last_fill_at),
    "paper": Column(FLAG, "", lambda order: order.paper),
}

FILLS: Final[Schema] = {
    "exec_id": Column(TEXT, "index", lambda fill: fill.execution.exec_id),
    "time": Column(TIME, "UTC", lambda fill: fill.execution.time),
    "intent_id": Column(TEXT, "", lambda fill: fill.order.intent_id),
    "symbol": Column(TEXT, "", lambda fill: fill.order.symbol),
    "side": Column(TEXT, "BUY or SELL", side_of),
    "shares": Column(NUMBER, "shares or contracts", lambda fill: fill.execution.shares),
    "price": Column(NUMBER, "price units", lambda fill: fill.execution.price),
    "notional": Column(
        NUMBER,
        "currency",
        lambda fill: fill.execution.shares * fill.execution.price * fill.order.multiplier,
    ),
    "commission": Column(NUMBER, "currency, NaN until known", _commission),
    "currency": Column(TEXT, "", lambda fill: _of_intent(fill.order, "currency")),
    "multiplier": Column(NUMBER, "currency per price unit", lambda fill: fill.order.multiplier),
    "arrival_mid": Column(NUMBER, "price units", lambda fill: arrival_mid(fill.order)),
    "slippage_bps": Column(
        NUMBER,
        "bps of the arrival mid, positive = cost",
        lambda fill: slippage_bps(side_of(fill), fill.execution.price, arrival_mid(fill.order)),
    ),
    "exchange": Column(TEXT, "venue", lambda fill: fill.execution.exchange),
    "liquidity": Column(TEXT, "add or remove", lambda fill: fill.execution.liquidity),
    "strategy_id": Column(TEXT, "", lambda fill: _of_intent(fill.order, "strategy_id")),
    "account": Column(TEXT, "", lambda fill: fill.order.account),
    "order_id": Column(WHOLE, "", lambda fill: fill.order.order_id),
    "recovered": Column(FLAG, "learnt from a later request", lambda fill: fill.execution.recovered),
    "paper": Column(FLAG, "", lambda fill: fill.order.paper),
}

REPORTS: Final[Schema] = {
    "execution_id": Column(TEXT, "index", lambda report: report["execution_id"]),
    "intent_id": Column(TEXT, "", lambda report: report["intent_id"]),
    "report_seq": Column(WHOLE, "1, 2, ... per intent", lambda report: report.get("report_seq")),
    "event": Column(TEXT, "", lambda report: report.get("event")),
    "status": Column(TEXT, "OrderStatus", lambda report: report.get("status")),
    "final": Column(FLAG, "", lambda report: bool(report.get("final"))),
    "symbol": Column(TEXT, "", lambda report: report.get("symbol")),
    "side": Column(TEXT, "BUY or SELL", lambda report: report.get("side")),
    "quantity": Column(NUMBER, "shares or contracts", lambda report: _number(report.get("quantity"))),
    "filled_quantity": Column(NUMBER, "shares or contracts", lambda report: report.get("filled_quantity")),
    "remaining_quantity": Column(
        NUMBER, "shares or contracts", lambda report: report.get("remaining_quantity")
    ),
    "avg_fill_price": Column(NUMBER, "price units", lambda report: report.get("avg_fill_price") or None),
    "last_shares": Column(NUMBER, "shares or contracts", lambda report: _last_fill(report, "shares")),
    "last_price": Column(NUMBER, "price units", lambda report: _last_fill(report, "price")),
    "commission": Column(NUMBER, "currency, NaN until known", lambda report: report.get("commission")),
    "currency": Column(TEXT, "", lambda report: report.get("currency")),
    "reason_code": Column(TEXT, "", lambda report: report.get("reason_code")),
    "reason": Column(TEXT, "", lambda report: report.get("rejection_reason") or report.get("reason")),
    "strategy_id": Column(TEXT, "", lambda report: report.get("strategy_id")),
    "order_id": Column(WHOLE, "", lambda report: report.get("ibkr_order_id")),
    "received_at": Column(TIME, "UTC", lambda report: _timestamp(report, "received")),
    "sent_at": Column(TIME, "UTC", lambda report: _timestamp(report, "sent")),
    "acked_at": Column(TIME, "UTC", lambda report: _timestamp(report, "acked")),
    "last_fill_at": Column(TIME, "UTC", lambda report: _timestamp(report, "last_fill")),
    "paper": Column(FLAG, "", lambda report: bool(report.get("paper"))),
}


class Verdict(NamedTuple):
    """One decision about an intent, and the intent."""

    order: OrderState
    at: datetime
    decision: Decision


DECISIONS: Final[Schema] = {
    "intent_id": Column(TEXT, "index", lambda verdict: verdict.order.intent_id),
    "at": Column(TIME, "UTC", lambda verdict: verdict.at),
    "symbol": Column(TEXT, "", lambda verdict: verdict.order.symbol),
    "side": Column(TEXT, "BUY or SELL", lambda verdict: verdict.order.direction),
    "quantity": Column(NUMBER, "shares or contracts", lambda verdict: verdict.order.quantity or None),
    "passed": Column(FLAG, "", lambda verdict: verdict.decision.passed),
    "code": Column(TEXT, "the reason, by name", lambda verdict: verdict.decision.code),
    "observed": Column(NUMBER, "in unit", lambda verdict: verdict.decision.observed),
    "limit": Column(NUMBER, "in unit", lambda verdict: verdict.decision.limit),
    "unit": Column(TEXT, "of observed and limit", lambda verdict: verdict.decision.unit),
    "price_source": Column(TEXT, "quote, limit, ...", lambda verdict: verdict.decision.price_source),
    "message": Column(TEXT, "one sentence", lambda verdict: verdict.decision.message),
    "limits_hash": Column(TEXT, "of the limits that passed it", lambda verdict: verdict.order.limits_hash),
    "strategy_id": Column(TEXT, "", lambda verdict: _of_intent(verdict.order, "strategy_id")),
}


def decisions_frame(states: Iterable[OrderState]) -> pd.DataFrame:
    """
    What was decided about each intent; index ``intent_id``, columns and units as in ``DECISIONS``.

    One row for an intent that passed, one per failed check for one that was refused.
    """
    return build(DECISIONS, [verdict for state in states for verdict in _verdicts(state)], "intent_id")


def _verdicts(state: OrderState) -> Iterable[Verdict]:
    if state.accepted_at is not None:
        yield Verdict(state, state.accepted_at, Decision(code="ACCEPTED", passed=True))
    if state.denied is not None:
        said = Decision(code=state.denied.code, message=state.denied.reason)
        for decision in state.denied.decisions or (said,):
            yield Verdict(state, state.denied.at, decision)


def orders_frame(states: Iterable[OrderState]) -> pd.DataFrame:
    """One row per order, in the order given; index ``intent_id``, columns and units as in ``ORDERS``."""
    return build(ORDERS, list(states), "intent_id")


def fills_frame(states: Iterable[OrderState]) -> pd.DataFrame:
    """
    One row per effective execution, oldest first; index ``exec_id``, columns and units as in ``FILLS``.

    Corrections have replaced what they correct.
    """
    return build(FILLS, fills_of(states), "exec_id")


def fills_of(states: Iterable[OrderState]) -> list[Fill]:
    """Every effective execution with its order, oldest first."""
    fills = [Fill(order, execution) for order in states for execution in order.executions.values()]
    return sorted(fills, key=lambda fill: fill.execution.time)


def reports_frame(reports: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """
    One row per execution report, as they came; index ``execution_id``, columns and units as in ``REPORTS``.

    A report that the bus delivered more than once is there once.
    """
    once = {report["execution_id"]: report for report in reports}
    return build(REPORTS, list(once.values()), "execution_id")


def _of_intent(order: OrderState, name: str) -> object:
    return None if order.intent is None else getattr(order.intent, name)


def _number(value: object) -> Decimal | None:
    # A refused intent's quantity is told in its own words, which may be no number.
    try:
        return exact(value)
    except ValueError:
        return None


def _last_fill(report: Mapping[str, Any], name: str) -> object:
    fill = report.get("last_fill")
    return None if fill is None else fill[name]


def _timestamp(report: Mapping[str, Any], name: str) -> object:
    return report.get("timestamps", {}).get(name)
