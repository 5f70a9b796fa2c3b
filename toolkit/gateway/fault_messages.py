"""
The messages of the protocol by name, so that a fault can be set on one and change its fields.

Names are those of the TWS API; the numbers are the message ids on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from toolkit.gateway.fields import MAX_NUMBER_LENGTH
from toolkit.gateway.floor import Floor
from toolkit.gateway.order_form import message_fields, rewritten
from toolkit.gateway.wire import frame

_CONTRACT = "conId symbol secType expiry strike right multiplier exchange currency localSymbol tradingClass"

_REPLIES: Mapping[int, tuple[str, str]] = {
    1: ("tickPrice", "version reqId tickType price size attribMask"),
    2: ("tickSize", "version reqId tickType size"),
    3: ("orderStatus", ("orderId status filled remaining avgFillPrice permId parentId lastFillPrice clientId "
                       "whyHeld mktCapPrice")),
    4: ("error", "version id code text advancedOrderRejectJson"),
    5: ("openOrder", ""),
    6: ("updateAccountValue", "version key value currency account"),
    7: ("portfolioValue", (f"version {_CONTRACT} position marketPrice marketValue averageCost unrealizedPNL "
                          "realizedPNL account")),
    8: ("accountUpdateTime", "version time"),
    9: ("nextValidId", "version orderId"),
    10: ("contractData", ""),
    11: ("execDetails", ("reqId orderId conId symbol secType expiry strike right multiplier contractExchange "
                        "currency localSymbol tradingClass execId time account exchange side shares price "
                        "permId clientId liquidation cumQty avgPrice orderRef evRule evMultiplier modelCode "
                        "lastLiquidity pendingPriceRevision")),
    15: ("managedAccounts", "version accounts"),
    17: ("historicalData", ""),
    45: ("tickGeneric", "version reqId tickType value"),
    46: ("tickString", "version reqId tickType value"),
    49: ("currentTime", "version time"),
    52: ("contractDataEnd", "version reqId"),
    53: ("openOrderEnd", "version"),
    54: ("accountDownloadEnd", "version account"),
    55: ("execDetailsEnd", "version reqId"),
    57: ("tickSnapshotEnd", "version reqId"),
    58: ("marketDataType", "version reqId type"),
    59: ("commissionReport", "version execId commission currency realizedPNL yield yieldRedemptionDate"),
    61: ("position", f"version account {_CONTRACT} position avgCost"),
    62: ("positionEnd", "version"),
    63: ("accountSummary", "version reqId account tag value currency"),
    64: ("accountSummaryEnd", "version reqId"),
    71: ("positionMulti", f"version reqId account {_CONTRACT} position avgCost modelCode"),
    72: ("positionMultiEnd", "version reqId"),
    73: ("accountUpdateMulti", "version reqId account modelCode key value currency"),
    74: ("accountUpdateMultiEnd", "version reqId"),
    79: ("symbolSamples", ""),
    81: ("tickReqParams", "reqId minTick bboExchange snapshotPermissions"),
    93: ("marketRule", ""),
    94: ("pnl", "reqId daily unrealized realized"),
    95: ("pnlSingle", "reqId position daily unrealized realized value"),
    99: ("tickByTick", ""),
    101: ("completedOrder", ""),
    102: ("completedOrdersEnd", ""),
}  # fmt: skip

_REQUESTS: Mapping[int, str] = {
    1: "reqMktData", 2: "cancelMktData", 3: "placeOrder", 4: "cancelOrder", 5: "reqOpenOrders",
    6: "reqAccountUpdates", 7: "reqExecutions", 8: "reqIds", 9: "reqContractDetails",
    14: "setServerLogLevel", 15: "reqAutoOpenOrders", 16: "reqAllOpenOrders", 17: "reqManagedAccts",
    20: "reqHistoricalData", 25: "cancelHistoricalData", 49: "reqCurrentTime", 58: "reqGlobalCancel",
    59: "reqMarketDataType", 61: "reqPositions", 62: "reqAccountSummary", 63: "cancelAccountSummary",
    64: "cancelPositions", 71: "startApi", 74: "reqPositionsMulti", 75: "cancelPositionsMulti",
    76: "reqAccountUpdatesMulti", 77: "cancelAccountUpdatesMulti", 81: "reqMatchingSymbols",
    91: "reqMarketRule", 92: "reqPnL", 93: "cancelPnL", 94: "reqPnLSingle", 95: "cancelPnLSingle",
    97: "reqTickByTick", 98: "cancelTickByTick", 99: "reqCompletedOrders",
}  # fmt: skip

VERSION = "serverVersion"
"""The answer to a client's first frame, which has no message id."""

REPLIES = (VERSION, *(name for name, _ in _REPLIES.values()))
REQUESTS = tuple(_REQUESTS.values())

ENDS: Mapping[str, tuple[str, ...]] = {
    "openOrderEnd": ("openOrder", "orderStatus"),
    "completedOrdersEnd": ("completedOrder",),
    "execDetailsEnd": ("execDetails", "commissionReport"),
    "positionEnd": ("position",),
    "positionMultiEnd": ("positionMulti",),
    "accountDownloadEnd": ("updateAccountValue", "portfolioValue"),
    "accountSummaryEnd": ("accountSummary",),
    "accountUpdateMultiEnd": ("accountUpdateMulti",),
    "contractDataEnd": ("contractData",),
}
"""End markers, and the rows that each of them ends."""

_FIELDS = {name: tuple(fields.split()) for name, fields in _REPLIES.values()}


class Seen(NamedTuple):
    """
    One message as a fault looks at it.

    Attributes:
        order_id: the order or request it is about, -1 for none.
        order_ref: the reference of that order, "" for none.
    """

    message: str
    client: int
    order_id: int = -1
    order_ref: str = ""


def field_names(message: str) -> tuple[str, ...]:
    """The names of a message's fields that can be changed."""
    if message in ("openOrder", "completedOrder"):
        return message_fields(message)
    return _FIELDS.get(message, ())


def split(output: bytes) -> list[bytes]:
    """The frames in what a session has to send."""
    frames: list[bytes] = []
    at = 0
    while at < len(output):
        end = at + 4 + int.from_bytes(output[at : at + 4], "big")
        frames.append(output[at:end])
        at = end
    return frames


def fields_of(reply: bytes) -> list[str]:
    """The fields of one frame."""
    return reply[4:-1].decode("ascii").split("\0")


def see_reply(reply: bytes, client: int, floor: Floor, *, greeted: bool) -> Seen:
    """What a reply is; ``greeted`` once the client has been told the version."""
    if not greeted:
        return Seen(VERSION, client)
    fields = fields_of(reply)
    message = _REPLIES.get(int(fields[0]), (f"message {fields[0]}", ""))[0]
    match message:
        case "orderStatus":
            return _of_order(message, client, int(fields[9]), int(fields[1]), floor)
        case "openOrder":
            return _of_order(message, client, client, int(fields[1]), floor)
        case "error":
            return _of_order(message, client, client, int(fields[2]), floor)
        case "execDetails":
            return Seen(message, client, int(fields[2]), fields[26])
        case "commissionReport":
            fill = floor.ledger.fills.get(fields[2])
            return Seen(message, client, fill.order_id, fill.order_ref) if fill else Seen(message, client)
    return Seen(message, client)


def see_request(fields: Sequence[str], client: int, floor: Floor) -> Seen:
    """What a request is; ``client`` is -1 until it has named itself."""
    message = _REQUESTS.get(_id(fields, 0), f"request {fields[0]}")
    match message:
        case "startApi":
            return Seen(message, _id(fields, 2))
        case "placeOrder":
            return Seen(message, client, _id(fields, 1), fields[26] if len(fields) > 26 else "")
        case "cancelOrder":
            return _of_order(message, client, client, _id(fields, 2), floor)
    return Seen(message, client)


def changed(reply: bytes, message: str, version: int, changes: Mapping[str, object]) -> bytes:
    """The same reply with other values in some of its fields."""
    texts = {name: str(value) for name, value in changes.items()}
    fields = fields_of(reply)
    if message in ("openOrder", "completedOrder"):
        return frame(rewritten(message, fields, version, texts))
    for at, name in enumerate(_FIELDS[message], start=1):
        if name in texts and at < len(fields):
            fields[at] = texts[name]
    return frame(fields)


def _of_order(message: str, client: int, owner: int, order_id: int, floor: Floor) -> Seen:
    order = floor.exchange.find_order(owner, order_id)
    return Seen(message, client, order_id, order.order_ref if order else "")


def _id(fields: Sequence[str], at: int) -> int:
    """The whole number in a field, -1 when there is none: what is malformed is for others to say."""
    text = fields[at] if at < len(fields) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER_LENGTH else -1
