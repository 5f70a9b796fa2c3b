"""
What the blotter shows, as plain rows of text: orders, refusals, fills and positions.

Pure. The live table and the static one are drawn from the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from toolkit.desk.account import Holding
from toolkit.desk.words import bps, clock, milliseconds, money, number, price
from toolkit.orders.contract import Instrument
from toolkit.orders.state import OrderState, OrderStatus, execution_root
from toolkit.reports.frames import Fill, side_of
from toolkit.reports.slippage import arrival_mid, arrival_slippage_bps, slippage_bps

Row = dict[str, Any]
"""``id``, ``at`` (sort key, ms since 1970), ``cells`` (text per column), and what the cells cannot say."""
ContractOf = Callable[[OrderState], Instrument | None]
"""Gives the contract of an order, None while the broker has not described it."""

STATUS: Final[Mapping[OrderStatus, tuple[str, str, str]]] = {
    OrderStatus.PENDING_SUBMIT: ("…", "Pending submit", "wait"),
    OrderStatus.PRE_SUBMITTED: ("○", "Pre-submitted", "live"),
    OrderStatus.SUBMITTED: ("●", "Submitted", "live"),
    OrderStatus.PARTIALLY_FILLED: ("◐", "Partially filled", "live"),
    OrderStatus.FILLED: ("✓", "Filled", "done"),
    OrderStatus.CANCELLED: ("✕", "Cancelled", "off"),
    OrderStatus.PENDING_CANCEL: ("◌", "Pending cancel", "wait"),
    OrderStatus.REJECTED: ("⊘", "Rejected", "bad"),
    OrderStatus.UNKNOWN: ("?", "Unknown", "alarm"),
}
"""Status -> icon, word, tone."""


def order_row(order: OrderState, contract_of: ContractOf) -> Row:
    """One order."""
    intent = order.intent
    quantity, filled = order.quantity, order.filled_quantity
    instrument = contract_of(order)
    unknown = order.status is OrderStatus.UNKNOWN
    stoppable = order.working and order.status is not OrderStatus.PENDING_CANCEL
    return {
        **_common(order),
        "con": order.con_id,
        "working": order.working,
        "unknown": unknown,
        "cancellable": stoppable,
        "amendable": stoppable and not unknown and intent is not None and order.change is None,
        "change": _change(order),
        "filled": float(filled / quantity) if quantity else 0.0,
        "cells": [
            clock(order.received_at, instrument),
            order.symbol,
            order.direction,
            number(quantity),
            number(filled),
            "" if intent is None else intent.order_type.replace("_", " "),
            price(None if intent is None else intent.limit_price, instrument),
            price(None if intent is None else intent.stop_price, instrument),
            "" if intent is None else intent.tif,
            "",
            price(order.avg_fill_price if filled else None, instrument, finer=2),
            bps(arrival_slippage_bps(order)),
            _status(order)[1],
            "",
            "" if intent is None else intent.strategy_id,
            order.intent_id,
            "",
        ],
    }


def refused_row(order: OrderState, target: OrderState | None, contract_of: ContractOf) -> Row:
    """
    One intent that we denied or the broker rejected, with the reason.

    Args:
        order: it.
        target: the order that it was to change or to cancel; None for an intent of a new order.
        contract_of: gives an order's contract, None while it is not known.
    """
    intent, raw, named = order.intent, order.raw, order if target is None else target
    instrument = contract_of(named)
    return {
        **_common(order),
        "side": named.direction,
        "cells": [
            clock(order.received_at, instrument),
            named.symbol,
            named.direction,
            str(raw.get("quantity") or "")
            if intent is None or not intent.quantity
            else number(intent.quantity),
            (str(raw.get("order_type", "")) if target is None else _action(order)).replace("_", " "),
            price(None if intent is None else intent.limit_price, instrument),
            _status(order)[1],
            order.reason_code,
            order.reason,
            str(raw.get("strategy_id", "")),
            order.intent_id,
        ],
    }


def fill_row(fill: Fill, contract_of: ContractOf) -> Row:
    """One execution, with its commission once that is known."""
    order, execution = fill
    instrument = contract_of(order)
    charged = order.commissions.get(execution.exec_id)
    slippage = slippage_bps(side_of(fill), execution.price, arrival_mid(order))
    known = charged is not None and charged.amount is not None
    return {
        "id": execution_root(execution.exec_id),
        "at": milliseconds(execution.time),
        "side": side_of(fill),
        "intent": order.intent_id,
        "cells": [
            clock(execution.time, instrument),
            order.symbol,
            side_of(fill),
            number(execution.shares),
            price(execution.price, instrument),
            execution.exchange,
            money(charged.amount, charged.currency) if charged is not None and known else "not yet",
            bps(slippage),
            "" if order.intent is None else order.intent.strategy_id,
            order.intent_id,
        ],
    }


def position_row(
    held: Holding, instrument: Instrument | None, locks: Mapping[str, str], currency: str
) -> Row:
    """
    One position in the broker's words, and what open orders may still do to it.

    Args:
        held: it.
        instrument: its contract as the broker describes it; None: as the position names it.
        locks: symbol -> why no new order of it may be sent.
        currency: of the account, in which the broker tells profits.
    """
    position = held.position
    symbol, con_id = position.instrument.symbol, position.instrument.con_id
    instrument = instrument or position.instrument
    quantity = position.quantity
    return {
        "id": f"{position.account}/{con_id}",
        "at": 0,
        "note": locks.get(symbol, ""),
        "cells": [
            symbol,
            number(quantity),
            price(position.average_cost if quantity else None, instrument, finer=2),
            price(position.mark, instrument, finer=2),
            money(held.market_value, position.instrument.currency),
            money(position.unrealized_pnl, currency),
            money(position.realized_pnl, currency),
            number(held.working_buys),
            number(held.working_sells),
        ],
    }


def tables(
    orders: Iterable[OrderState], order_of: Callable[[str], OrderState | None], contract_of: ContractOf
) -> dict[str, list[Row]]:
    """
    Table name -> its rows, for these orders; positions have a function of their own.

    Args:
        orders: CANCEL and REPLACE intents too, which are shown when they were refused.
        order_of: gives an order by its intent id: the one that such an intent names.
        contract_of: gives an order's contract, None while it is not known.
    """
    found: dict[str, list[Row]] = {"orders": [], "refused": [], "fills": []}
    for order in orders:
        target = None if order.intent is None else order_of(order.intent.target_intent_id)
        if order.intent is None or order.intent.action == "NEW":
            found["orders"].append(order_row(order, contract_of))
        if order.status is OrderStatus.REJECTED:
            found["refused"].append(refused_row(order, target, contract_of))
        found["fills"] += [fill_row(Fill(order, one), contract_of) for one in order.executions.values()]
    return found


def _common(order: OrderState) -> Row:
    icon, _, tone = _status(order)
    return {
        "id": order.intent_id,
        "at": milliseconds(order.received_at),
        "side": order.direction,
        "icon": icon,
        "tone": tone,
        "note": order.reason,
    }


def _status(order: OrderState) -> tuple[str, str, str]:
    if order.denied is not None and order.status is OrderStatus.REJECTED:
        return "⊘", "Denied", "bad"
    return STATUS[order.status]


def _action(order: OrderState) -> str:
    assert order.intent is not None  # it names a target
    return {"REPLACE": "change", "CANCEL": "cancel"}[order.intent.action]


def _change(order: OrderState) -> str:
    """How the last change of its terms stands: pending, refused, done, or ``""`` when there was none."""
    if order.change is not None:
        return "pending"
    if order.refused_change is not None:
        return "refused"
    return "" if order.original is None else "done"
