"""Faults of the broker itself: orders refused, held, limited, filled after their end, or not ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from toolkit.errors import GatewayError
from toolkit.gateway import order_replies, order_requests, requests
from toolkit.gateway.events import Event, Order, OrderUpdated, Refused
from toolkit.gateway.faults import Fault
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.order_entry import understand
from toolkit.gateway.order_form import ClientOrder, place_order_fields
from toolkit.gateway.request_reader import read_request
from toolkit.gateway.wire import NEWEST_VERSION

if TYPE_CHECKING:
    from toolkit.gateway.fault_line import FaultyLine
    from toolkit.gateway.server import PaperGateway

_LOCATE = (
    404,
    "Shares for this order are not immediately available for short sale; it is held while they are located.",
)
_ZERO = Decimal(0)


def strike(fault: Fault, line: FaultyLine, fields: list[str], now: datetime) -> bool:
    """Do to a placeOrder or cancelOrder what the fault says; whether nothing else is to be done."""
    request = read_request(fields, line.session.version)
    if isinstance(request, requests.CancelOrder):
        return _fill_after_cancel(fault, line, request, now)
    if not isinstance(request, requests.PlaceOrder):
        return False
    session = line.session
    order = understand(request, session.client_id, session.floor.universe, session.floor.accounts)
    working = session.floor.exchange.find_order(session.client_id, request.order_id)
    changes = working is not None and not working.finished
    if isinstance(order, Refused):
        return False
    match fault.name:
        case "reject":
            code, text = (
                fault.options["code"],
                fault.options["text"] or "Order rejected - reason:as asked for",
            )
            order_requests.write_down(session, request, now, modification=changes, refused=code)
            _tell_inactive(line, order, fault.options["inactive"], (code, text))
            return True
        case "side_limit" if not changes:
            limit = fault.options["limit"]
            if line.gateway.exchange.working_on_side(order) < limit:
                return False
            order_requests.write_down(session, request, now, modification=False, refused=201)
            text = f"Order rejected - reason:More than {limit} orders on the same side of a contract"
            session.error(order.order_id, 201, text)
            return True
        case "twin" if changes:
            order_requests.write_down(session, request, now, modification=True, refused=0)
            session.floor.publish(line.gateway.exchange.place_twin(order, now))
            return True
        case "locate" if not changes:
            _hold(fault, line, request, order, now)
            return True
    return False


def happen(fault: Fault, gateway: PaperGateway, now: datetime) -> None:
    """
    Do what needs no message and concerns no single connection.

    Raises:
        GatewayError: there is no such instrument, position or execution.
    """
    options, floor = fault.options, gateway.floor
    match fault.name:
        case "roll_ids":
            gateway.roll_back_ids(options["count"], fault.client)
        case "lose_executions":
            floor.executions_since = now
        case "foreign":
            instrument = _instrument(gateway, options["symbol"])
            limit = Decimal(str(options["limit"])) if options["limit"] else None
            quantity = Decimal(options["quantity"])
            owner = options["owner"]
            floor.publish(_order(gateway, owner, instrument, options["action"], quantity, limit, "", now))
        case "liquidate":
            instrument = _instrument(gateway, options["symbol"])
            for held in gateway.exchange.positions():
                if held.instrument is instrument:
                    action = "SELL" if held.position > 0 else "BUY"
                    size = abs(held.position)
                    floor.publish(_order(gateway, 0, instrument, action, size, None, "LIQUIDATION", now))
        case "correct":
            fills = floor.ledger.fills_of(fault.order_ref) if fault.order_ref else floor.ledger.fills.values()
            found = [fill.exec_id for fill in fills]
            if not found:
                raise GatewayError("There is no execution to be corrected.")
            price = Decimal(str(options["price"]))
            floor.publish(gateway.exchange.correct(found[-1], price))


def _fill_after_cancel(fault: Fault, line: FaultyLine, request: requests.CancelOrder, now: datetime) -> bool:
    session, gateway = line.session, line.gateway
    order = gateway.exchange.find_order(session.client_id, request.order_id)
    if order is None or order.finished:
        return False
    session.floor.ledger.cancels.append((session.client_id, request.order_id))
    _tell(line, order, "Cancelled")
    session.error(order.order_id, 202, "Order Canceled - reason:")
    price = Decimal(str(fault.options["price"])) if fault.options["price"] else None

    def fill(now: datetime) -> None:
        session.floor.publish(gateway.exchange.fill(order, price, now))

    gateway.later(fault.options["seconds"], fill)
    return True


def _tell_inactive(line: FaultyLine, order: Order, told: str, refusal: tuple[int, str]) -> None:
    tell: dict[str, Callable[[], None]] = {
        "openOrder": lambda: line.session.send(
            order_replies.open_order(line.session.version, order, "Inactive")
        ),
        "orderStatus": lambda: line.session.send(order_replies.order_status(_as(order, "Inactive"))),
        "error": lambda: line.session.error(order.order_id, *refusal),
    }
    if told:
        order.perm_id = line.gateway.exchange.reserve_perm_id()
    for message in told.split(",") if told else ["error"]:
        tell[message]()


def _hold(fault: Fault, line: FaultyLine, request: requests.PlaceOrder, order: Order, now: datetime) -> None:
    session, gateway = line.session, line.gateway
    order_requests.write_down(session, request, now, modification=False, refused=0)
    perm_id = order.perm_id = gateway.exchange.reserve_perm_id()
    _tell(line, order, "PreSubmitted", "locate")
    session.error(order.order_id, *_LOCATE)

    def release(now: datetime) -> None:
        session.floor.publish(gateway.exchange.place_as(order, perm_id, now))

    gateway.later(fault.options["seconds"], release)


def _tell(line: FaultyLine, order: Order, status: str, why_held: str = "") -> None:
    line.session.send(order_replies.open_order(line.session.version, order, status))
    line.session.send(order_replies.order_status(_as(order, status, why_held)))


def _as(order: Order, status: str, why_held: str = "") -> OrderUpdated:
    left = order.quantity - order.filled
    return OrderUpdated(
        order, status, order.filled, left, order.avg_fill_price, order.last_fill_price, why_held
    )


def _instrument(gateway: PaperGateway, symbol: str) -> Instrument:
    found = gateway.floor.universe.named(symbol)
    if found is None:
        raise GatewayError(f"The paper gateway has no single instrument called {symbol!r}.")
    return found


def _order(
    gateway: PaperGateway,
    owner: int,
    instrument: Instrument,
    action: str,
    quantity: Decimal,
    limit: Decimal | None,
    order_ref: str,
    now: datetime,
) -> list[Event]:
    """Place an order that came from no connection of ours."""
    kind = "MKT" if limit is None else "LMT"
    order_id = gateway.exchange.largest_order_id(owner) + 1
    values = {
        "orderId": str(order_id), "symbol": instrument.symbol, "secType": instrument.sec_type,
        "exchange": instrument.exchange, "currency": instrument.currency, "action": action,
        "totalQuantity": str(quantity), "orderType": kind, "lmtPrice": "" if limit is None else str(limit),
        "tif": "DAY", "account": gateway.accounts[0], "orderRef": order_ref,
    }  # fmt: skip
    order = Order(
        client_id=owner,
        order_id=order_id,
        account=gateway.accounts[0],
        instrument=instrument,
        action=action,
        quantity=quantity,
        order_type=kind,
        limit_price=limit,
        order_ref=order_ref,
        raw=ClientOrder("\0".join(place_order_fields(values)), NEWEST_VERSION),
    )
    if owner == 0:
        hands = gateway.floor.sessions.get(0)
        return gateway.exchange.place_by_hand(order, now, bound=hands is not None and hands.binds)
    return gateway.exchange.place(order, now)
