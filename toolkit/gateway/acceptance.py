"""
The broker's checks before an order reaches the market: each refusal as (error code, sentence).

Codes as TWS uses them. A refused modification is told with a code that clients treat as a warning
(105, 110, 329, 434), because the order itself lives on.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from toolkit.gateway.account import Account
from toolkit.gateway.events import Noticed, Order
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.ladder import BookOrder, limit_offset
from toolkit.gateway.line import Line
from toolkit.gateway.links import GROUP_KINDS, MISSING_PARENT, Ties
from toolkit.gateway.margin import rates_of
from toolkit.gateway.terms import NOT_DIRECTED, check_terms
from toolkit.gateway.ticks import price_units, size_of

Refusal = tuple[int, str]

CHANGEABLE = (  # what a modification may touch
    "quantity",
    "order_type",
    "limit_price",
    "stop_price",
    "tif",
    "outside_rth",
    "exchange",
    "trigger_method",
    "trail_amount",
    "trail_percent",
    "limit_offset",
    "transmit",
    "order_ref",
    "raw",
)

DUPLICATE: Refusal = (103, "Duplicate order id")
_TEXTS = {
    110: "The price does not conform to the minimum price variation for this contract.",
    201: "Order rejected - reason:Time in force {tif}, trigger method {trigger}, trailing distance or limit "
    "offset is not supported for order type {kind}.",
    387: "Unsupported order type for this exchange and security type: {kind}.",
    434: "The order size cannot be zero.",
    10243: "Fractional-sized order cannot be placed via API.",
}
_WARNINGS = frozenset({105, 110, 329, 434})


def book_order(owner: object, order: Order) -> BookOrder:
    """The order as the matching engine sees it."""
    kind = order.order_type
    side = 1 if order.action == "BUY" else -1
    return BookOrder(
        owner,
        side,
        kind,
        size_of(order.quantity),
        price_units(order.limit_price) if kind in ("LMT", "STP LMT", "LOC") else 0,
        price_units(order.stop_price) if order.trails or kind in ("STP", "STP LMT") else 0,
        order.tif,
        extended=order.outside_rth,
        directed=order.exchange not in NOT_DIRECTED,
        trigger=order.trigger_method,
        trail=price_units(order.trail_amount) if order.trails else 0,
        trail_percent=price_units(order.trail_percent) if order.trails else 0,
        offset=limit_offset(kind, side, order.limit_offset, order.limit_price, order.stop_price),
    )


def ties_of(order: Order) -> Ties:
    """What the order depends on."""
    return Ties(
        (order.client_id, order.parent_id) if order.parent_id else None,
        (order.account, order.oca_group) if order.oca_group else None,
        order.oca_type if order.oca_group else 0,
        order.transmit,
    )


def refuse_ties(order: Order, parent: Order | None) -> Refusal | None:
    """What is wrong with its parent or its group."""
    if order.parent_id and (parent is None or parent.status == "Cancelled"):
        return MISSING_PARENT, "Missing parent order."
    if order.oca_type not in GROUP_KINDS:
        return 201, f"Order rejected - reason:OCA type {order.oca_type} is not supported; use 1, 2 or 3."
    return None


def refuse_terms(entry: BookOrder, rule: Sequence[tuple[int, int]]) -> Refusal | None:
    """What is wrong with type, size, prices or time in force."""
    code = check_terms(entry, rule)
    if not code:
        return None
    return code, _TEXTS[code].format(tif=entry.tif, trigger=entry.trigger, kind=entry.kind)


def refuse_funds(account: Account, instrument: Instrument, shares: Decimal, price: Decimal) -> Refusal | None:
    """Initial margin after the trade must not exceed equity, unless the trade reduces it."""
    worth = price * instrument.units
    needed, _ = account.margin_after(instrument.con_id, shares, worth, rates_of(instrument))
    equity = account.net_liquidation
    if needed <= equity or needed <= account.initial_margin:
        return None
    text = (
        f"Order rejected - reason:Available funds are insufficient: the position would need an "
        f"initial margin of {needed:.2f} USD, equity with loan value is {equity:.2f} USD."
    )
    return 201, text


def refuse_action(order: Order) -> Refusal | None:
    """BUY and SELL are the only actions."""
    if order.action in ("BUY", "SELL"):
        return None
    return 201, f"Order rejected - reason:Action {order.action} is not supported; use BUY or SELL."


def refuse_change(working: Order, wanted: Order) -> Refusal | None:
    """What a modification may not touch."""
    if (working.account, working.action, working.instrument.con_id) != (
        wanted.account,
        wanted.action,
        wanted.instrument.con_id,
    ):
        return 105, "Order being modified does not match original order."
    return None


def as_warning(refusal: Refusal) -> Refusal:
    """The same refusal for a modification: told, but no death sentence for the order."""
    code, text = refusal
    return refusal if code in _WARNINGS else (329, f"Order modify failed: {text}")


def refuse_gone(order_id: int, order: Order | None, verb: str) -> Refusal:
    """Why an order cannot be cancelled or modified: unknown 10147, finished 10148."""
    if order is None:
        return 10147, f"OrderId {order_id} that needs to be {verb} is not found."
    return (
        10148,
        f"OrderId {order_id} that needs to be {verb} can not be {verb}, state: {order.status}.",
    )


def expected_price(order: Order, line: Line, entry: BookOrder) -> Decimal:
    """What a share of the order will cost about: its limit, its stop, or the current quote."""
    if entry.has_limit and order.limit_price is not None and not entry.trails:
        return order.limit_price
    if entry.is_stop and order.stop_price is not None and not entry.trails:
        return order.stop_price
    return line.taking_price(entry.side)


def hours_ignored(order: Order) -> Noticed:
    """Told to who asks for trading outside regular hours with a type that cannot have it."""
    text = (
        "Order Event Warning:Attention: Outside Regular Trading Hours is ignored based on the "
        "order type and destination."
    )
    return Noticed(order.client_id, order.order_id, 2109, text)
