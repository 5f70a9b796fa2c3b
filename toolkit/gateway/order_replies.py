"""What the gateway says of orders and fills, by name: values -> one frame."""

from __future__ import annotations

from functools import lru_cache

from toolkit.gateway.events import CommissionCharged, Executed, MarginPreview, Order, OrderUpdated
from toolkit.gateway.fields import UNSET_DOUBLE, number, timestamp
from toolkit.gateway.order_form import (
    ClientOrder,
    Section,
    completed_order_fields,
    open_order_fields,
    open_order_head,
    open_order_rest,
)
from toolkit.gateway.replies import contract_fields, plain
from toolkit.gateway.wire import frame

_STATUS = "\x01"  # stands in for the status; no client can send it in an order


def open_order(version: int, order: Order, status: str) -> bytes:
    """An order as its client sent it, and its status."""
    moving = (order.quantity, order.order_id, order.stop_price if order.trails else None)
    before, after = _around_status(order, order.raw, version, moving)
    length = len(before) + len(status) + len(after)
    return length.to_bytes(4, "big") + before + status.encode("ascii") + after


def what_if(version: int, order: Order, preview: MarginPreview) -> bytes:
    """The answer to a what-if: the order as its client sent it, and what it would mean."""
    now = _now(order) | {"status": "PreSubmitted"} | _margins(preview)
    return frame(open_order_fields(order.raw.form(), version, now))


def completed_order(version: int, order: Order) -> bytes:
    """An order that has ended."""
    now = _now(order) | {
        "status": order.status,
        "filledQuantity": number(order.filled),
        "completedTime": timestamp(order.completed_at) if order.completed_at else "",
        "completedStatus": plain(order.completed_status),
    }
    return frame(completed_order_fields(order.raw.form(), version, now))


def order_status(update: OrderUpdated) -> bytes:
    """How far an order has come."""
    order = update.order
    return frame(
        (
            "3",
            str(order.order_id),
            update.status,
            number(update.filled),
            number(update.remaining),
            number(update.avg_fill_price),
            str(order.perm_id),
            str(order.parent_id),
            number(update.last_fill_price),
            str(order.client_id),
            update.why_held,
            "0",  # mktCapPrice
        )
    )


def open_order_end() -> bytes:
    """No more working orders."""
    return frame(("53", "1"))


def completed_orders_end() -> bytes:
    """No more completed orders."""
    return frame(("102",))


def execution(version: int, req_id: int, fill: Executed) -> bytes:
    """One fill; ``req_id`` is -1 for a live one."""
    fields = [
        "11",
        str(req_id),
        str(fill.order_id),
        *contract_fields(fill.instrument, fill.order.exchange),
        fill.exec_id,
        timestamp(fill.time),
        fill.account,
        fill.exchange,
        fill.side,
        number(fill.shares),
        number(fill.price),
        str(fill.perm_id),
        str(fill.client_id),
        "0",  # liquidation
        number(fill.cum_qty),
        number(fill.avg_price),
        fill.order_ref,
        "",  # evRule
        "",  # evMultiplier
        "",  # modelCode
        str(fill.liquidity),
    ]
    if version >= 178:
        fields.append("0")  # pendingPriceRevision
    return frame(fields)


def executions_end(req_id: int) -> bytes:
    """No more executions."""
    return frame(("55", "1", str(req_id)))


def commission(charge: CommissionCharged) -> bytes:
    """What one fill cost, and what it realised (unset when it closed nothing)."""
    pnl = UNSET_DOUBLE if charge.realized_pnl is None else number(charge.realized_pnl)
    return frame(
        (
            "59",
            "1",
            charge.exec_id,
            number(charge.commission),
            charge.currency,
            pnl,
            UNSET_DOUBLE,  # yield
            "",  # yieldRedemptionDate
        )
    )


@lru_cache(maxsize=512)
def _around_status(order: Order, received: ClientOrder, version: int, _moving: object) -> tuple[bytes, bytes]:
    """
    The payload of openOrder before and after the status.

    An order is told several times within moments, and nothing else in this long message changes
    then: the broker's own facts are settled with its permId, a change brings a new form, and what
    others may change is part of the key: the quantity (its group), the id (binding), a trailing stop.
    """
    form = received.form()
    trailed = number(order.stop_price) if order.trails else ""
    before, after = _rest_around_status(form.rest, version, trailed)
    return _payload(open_order_head(form, _now(order))) + before, after


@lru_cache(maxsize=512)
def _rest_around_status(rest: Section, version: int, trailed: str) -> tuple[bytes, bytes]:
    now = {"status": _STATUS, "trailStopPrice": trailed} if trailed else {"status": _STATUS}
    before, _, after = _payload(open_order_rest(rest, version, now)).partition(_STATUS.encode())
    return before, after


def _payload(fields: list[str]) -> bytes:
    return frame(fields)[4:]


def _now(order: Order) -> dict[str, str]:
    """What the exchange knows better than the client's own form."""
    instrument = order.instrument
    trail = {"trailStopPrice": number(order.stop_price)} if order.trails else {}
    if order.order_type == "TRAIL LIMIT":
        trail["lmtPrice"] = number(order.limit_price)
    return trail | {
        "orderId": str(order.order_id),
        "clientId": str(order.client_id),
        "permId": str(order.perm_id),
        "account": order.account,
        "totalQuantity": number(order.quantity),
        "conId": str(instrument.con_id),
        "symbol": instrument.symbol,
        "secType": instrument.sec_type,
        "expiry": instrument.expiry,
        "strike": number(instrument.strike),
        "right": instrument.right,
        "multiplier": instrument.multiplier,
        "currency": instrument.currency,
        "localSymbol": instrument.local_symbol,
        "tradingClass": instrument.trading_class,
    }


def _margins(preview: MarginPreview) -> dict[str, str]:
    return {
        "initMarginBefore": number(preview.init_margin_before),
        "initMarginChange": number(preview.init_margin_change),
        "initMarginAfter": number(preview.init_margin_after),
        "maintMarginBefore": number(preview.maint_margin_before),
        "maintMarginChange": number(preview.maint_margin_change),
        "maintMarginAfter": number(preview.maint_margin_after),
        "equityWithLoanBefore": number(preview.equity_with_loan_before),
        "equityWithLoanChange": number(preview.equity_with_loan_change),
        "equityWithLoanAfter": number(preview.equity_with_loan_after),
        "commission": number(preview.commission),
        "commissionCurrency": preview.currency,
        "warningText": plain(preview.warning),
    }
