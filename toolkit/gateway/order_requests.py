"""Orders: what clients ask about them, and what they are told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from toolkit.gateway import order_replies, requests
from toolkit.gateway.api_settings import READ_ONLY
from toolkit.gateway.events import (
    CommissionCharged,
    Event,
    Executed,
    Noticed,
    Order,
    OrderUpdated,
    Refused,
)
from toolkit.gateway.fields import decimal, moment
from toolkit.gateway.ledger import ReceivedOrder
from toolkit.gateway.order_entry import understand

if TYPE_CHECKING:
    from toolkit.gateway.session import Session

Row = TypeVar("Row")

_SIDE_OF = {"BOT": "BUY", "SLD": "SELL"}
_NEW_YORK = ZoneInfo("America/New_York")

# ib_async and ib_insync take these codes for warnings and keep the order; any other one that comes
# with the id of a working order makes them believe that it is gone.
_KEEPS_ORDER = frozenset({105, 110, 329, 399, 404, 434})
_CHANGE_REFUSED = 105

# ... and after these a what-if would wait for ever.
_NEVER_ENDS = frozenset({105, 321, 329, 399, 404, 434})


def place(session: Session, request: requests.PlaceOrder, now: datetime) -> None:
    """A new order, a change of the working one with that id, or a what-if."""
    if session.floor.settings.read_only:
        changes = _is_working(session, request.order_id)
        write_down(session, request, now, modification=changes, refused=READ_ONLY[0])
        session.error(request.order_id, *READ_ONLY)
        return
    exchange = session.floor.exchange
    order = understand(request, session.client_id, session.floor.universe, session.floor.accounts)
    changes = _is_working(session, request.order_id)
    what_if = request.form.values["whatIf"] == "1"
    events: list[Event]
    if isinstance(order, Refused):
        events = [order]
    elif what_if:
        events = exchange.check(order)
    else:
        events = exchange.place(order, now)
    refused = next((event.code for event in events if isinstance(event, Refused)), 0)
    write_down(session, request, now, modification=changes, refused=refused)
    if what_if and isinstance(order, Order) and not refused:
        preview = exchange.what_if(order)
        session.send(order_replies.what_if(session.version, order, preview))
    elif what_if:
        for event in events:
            if isinstance(event, Refused):
                code = 201 if event.code in _NEVER_ENDS else event.code
                session.error(event.order_id, code, event.text)
    else:
        session.floor.publish(events)


def cancel(session: Session, request: requests.CancelOrder, now: datetime) -> None:
    """Cancel one order of this client."""
    if session.floor.settings.read_only:
        session.error(request.order_id, *READ_ONLY)
        return
    session.floor.ledger.cancels.append((session.client_id, request.order_id))
    session.floor.publish(session.floor.exchange.cancel(session.client_id, request.order_id, now))


def cancel_all(session: Session, _: requests.GlobalCancel, now: datetime) -> None:
    """Cancel every order of every client."""
    session.floor.publish(session.floor.exchange.cancel_all(now))


def open_orders(session: Session, request: requests.OpenOrders, _: datetime) -> Iterator[None]:
    """
    Each working order and its status, then the end; others may have their turn after each row.

    "For client ID 0, this will bind previous manual TWS orders" (TWS API reference, reqOpenOrders).
    """
    if session.client_id == 0 and not request.everyone:
        session.floor.bind()
    for order in session.floor.exchange.open_orders():
        if request.everyone or order.client_id == session.client_id:
            tell_order(session, _as_it_is(order))
            yield
    session.send(order_replies.open_order_end())


def completed_orders(session: Session, _: requests.CompletedOrders, now: datetime) -> Iterator[None]:
    """Each order that ended today (New York), then the end; row by row, as ``open_orders``."""
    today = _day_start(now)
    for order in _latest(
        session.floor.exchange.completed_orders(),
        lambda order: order.completed_at is not None and order.completed_at >= today,
    ):
        session.send(order_replies.completed_order(session.version, order))
        yield
    session.send(order_replies.completed_orders_end())


def executions(session: Session, request: requests.Executions, now: datetime) -> Iterator[None]:
    """Each fill of today (New York) that fits with its commission, then the end; as ``open_orders``."""
    asked = moment(request.time, "time") or datetime.min.replace(tzinfo=UTC)
    since = max(_day_start(now), asked, session.floor.executions_since)
    found = _latest(session.floor.exchange.executions(), lambda row: row[0].time >= since)
    for fill, charge in found:
        if _fits(fill, request):
            session.send(order_replies.execution(session.version, request.req_id, fill))
            session.send(order_replies.commission(charge))
            yield
    session.send(order_replies.executions_end(request.req_id))


def tell_order(session: Session, event: OrderUpdated) -> None:
    """The order itself, then how far it has come: clients ignore the status of unknown orders."""
    order = event.order
    session.send(order_replies.open_order(session.version, order, event.status))
    session.send(order_replies.order_status(event))


def tell_fill(session: Session, fill: Executed) -> None:
    """A live fill; the id -1 keeps clients from taking it for an answer."""
    session.send(order_replies.execution(session.version, -1, fill))


def tell_commission(session: Session, charge: CommissionCharged) -> None:
    """What a fill cost."""
    session.send(order_replies.commission(charge))


def tell_error(session: Session, event: Refused | Noticed) -> None:
    """An error about an order, in a code from which the client concludes what is true."""
    order = session.floor.exchange.find_order(session.client_id, event.order_id)
    if isinstance(event, Noticed) or order is None or order.finished:
        session.error(event.order_id, event.code, event.text)
        return
    code = event.code if event.code in _KEEPS_ORDER else _CHANGE_REFUSED
    session.error(event.order_id, code, event.text)
    session.send(order_replies.order_status(_as_it_is(order)))


def _as_it_is(order: Order) -> OrderUpdated:
    return OrderUpdated(
        order,
        order.status,
        order.filled,
        order.remaining,
        order.avg_fill_price,
        order.last_fill_price,
        order.why_held,
    )


def _is_working(session: Session, order_id: int) -> bool:
    order = session.floor.exchange.find_order(session.client_id, order_id)
    return order is not None and not order.finished


def write_down(
    session: Session,
    request: requests.PlaceOrder,
    now: datetime,
    *,
    modification: bool,
    refused: int,
) -> None:
    """Note in the ledger that an order came."""
    values = request.form.values
    session.floor.ledger.requests.append(
        ReceivedOrder(
            client_id=session.client_id,
            order_id=request.order_id,
            order_ref=values["orderRef"],
            account=values["account"],
            symbol=values["symbol"],
            action=values["action"],
            quantity=decimal(values["totalQuantity"], "totalQuantity") or Decimal(0),
            order_type=values["orderType"],
            limit_price=decimal(values["lmtPrice"], "lmtPrice"),
            stop_price=decimal(values["auxPrice"], "auxPrice"),
            tif=values["tif"],
            what_if=values["whatIf"] == "1",
            modification=modification,
            refused=refused,
            received_at=now,
        )
    )


def _day_start(now: datetime) -> datetime:
    """Midnight in New York, when the broker's day begins."""
    local = now.astimezone(_NEW_YORK)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _latest(rows: Sequence[Row], is_of_today: Callable[[Row], bool]) -> list[Row]:
    """The rows of today, oldest first. They are in the order of time, so the search ends early."""
    found = list(takewhile(is_of_today, reversed(rows)))
    found.reverse()
    return found


def _fits(fill: Executed, wanted: requests.Executions) -> bool:
    return (
        wanted.client_id in {0, fill.client_id}
        and wanted.account in {"", fill.account}
        and wanted.symbol in {"", fill.instrument.symbol}
        and wanted.sec_type in {"", fill.instrument.sec_type}
        and wanted.exchange in {"", fill.exchange}
        and wanted.side in {"", fill.side, _SIDE_OF[fill.side]}
    )
