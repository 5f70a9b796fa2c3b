"""
From the fields of a frame to one request, by name.

The only place that knows the layouts of requests (placeOrder has its own, see ``order_layout``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolkit.errors import WireError
from toolkit.gateway.fields import Reader, integer
from toolkit.gateway.order_form import ClientOrder
from toolkit.gateway.requests import (
    AccountSummary,
    AccountUpdates,
    AccountUpdatesMulti,
    AutoOpenOrders,
    CancelHeadTimestamp,
    CancelOrder,
    CompletedOrders,
    ContractDetails,
    ContractQuery,
    CurrentTime,
    Executions,
    Feed,
    GlobalCancel,
    HeadTimestamp,
    HistoricalData,
    LookUp,
    ManagedAccounts,
    MarketData,
    MarketDataType,
    MarketRule,
    MatchingSymbols,
    NextId,
    OpenOrders,
    PlaceOrder,
    Pnl,
    PnlSingle,
    Positions,
    PositionsMulti,
    Request,
    ServerLogLevel,
    StartApi,
    TickByTick,
    Topic,
    Unsubscribe,
    Unsupported,
)


def read_request(fields: Sequence[str], version: int) -> Request:
    """
    Name the fields of one frame, sent by a client that was told this server version.

    Raises:
        WireError: a field is missing or does not hold what it should; names the field.
    """
    message = integer(fields[0], "message id")
    if message == _PLACE_ORDER:
        received = ClientOrder("\0".join(fields), version)
        form = received.form()
        return PlaceOrder(integer(form.values["orderId"], "orderId"), form, received)
    if message in _UNSUPPORTED:
        name, id_at, code = _UNSUPPORTED[message]
        return Unsupported(name, request_id(fields) if id_at else -1, code)
    entry = _READERS.get(message)
    if entry is None:
        return Unsupported(f"with message id {message}", -1, 505)
    return entry[1](Reader(fields, version))


def request_id(fields: Sequence[str]) -> int:
    """The request or order id in a frame, however malformed the rest is; -1 when there is none."""
    message = integer(fields[0], "message id")
    if message == _PLACE_ORDER:
        id_at = 1
    elif message in _UNSUPPORTED:
        id_at = _UNSUPPORTED[message][1]
    else:
        id_at = _READERS[message][0] if message in _READERS else 0
    try:
        return integer(fields[id_at], "id") if 0 < id_at < len(fields) else -1
    except WireError:
        return -1


_PLACE_ORDER = 3
_AS_SECONDS = 2  # formatDate


def _versioned(read: Callable[[Reader], Request]) -> Callable[[Reader], Request]:
    """For messages that still carry a version number of their own; its value is of no use."""

    def skip_and_read(r: Reader) -> Request:
        r.skip("message version")
        return read(r)

    return skip_and_read


def _unsubscribe(feed: Feed) -> Callable[[Reader], Request]:
    return lambda r: Unsubscribe(feed, r.integer("reqId"))


def _contract(r: Reader) -> ContractQuery:
    """The twelve fields in which every request describes a contract."""
    return ContractQuery(
        r.integer("conId"), r.text("symbol"), r.text("secType"), r.text("expiry"),
        r.text("strike"), r.text("right"), r.text("multiplier"), r.text("exchange"),
        r.text("primaryExchange"), r.text("currency"), r.text("localSymbol"),
        r.text("tradingClass"),
    )  # fmt: skip


def _executions(r: Reader) -> Request:
    return Executions(
        r.integer("reqId"), r.integer("clientId"), r.text("acctCode"), r.text("time"),
        r.text("symbol"), r.text("secType"), r.text("exchange"), r.text("side"),
    )  # fmt: skip


def _market_data(r: Reader) -> Request:
    req_id = r.integer("reqId")
    contract = _contract(r)
    if contract.sec_type == "BAG":
        r.skip("comboLegs", 4 * r.integer("number of combo legs"))
    if r.flag("deltaNeutralContract"):
        r.skip("deltaNeutralContract", 3)
    return MarketData(req_id, contract, r.text("genericTickList"), r.flag("snapshot"))


def _contract_details(r: Reader) -> Request:
    # includeExpired, secIdType, secId and (from 176 on) issuerId follow; no instrument here has any.
    return ContractDetails(r.integer("reqId"), _contract(r))


def _historical_data(r: Reader) -> Request:
    req_id, contract = r.integer("reqId"), _contract(r)
    r.skip("includeExpired")
    end, bar_size, duration = r.text("endDateTime"), r.text("barSizeSetting"), r.text("durationStr")
    regular, what = r.flag("useRTH"), r.text("whatToShow")
    seconds = r.integer("formatDate") == _AS_SECONDS
    if contract.sec_type == "BAG":
        r.skip("comboLegs", 4 * r.integer("number of combo legs"))
    keep = r.flag("keepUpToDate")
    return HistoricalData(req_id, contract, end, bar_size, duration, regular, what, seconds, keep)


def _head_timestamp(r: Reader) -> Request:
    req_id, contract = r.integer("reqId"), _contract(r)
    r.skip("includeExpired and useRTH", 2)
    return HeadTimestamp(req_id, contract, r.text("whatToShow"), r.integer("formatDate") == _AS_SECONDS)


def _tick_by_tick(r: Reader) -> Request:
    req_id, contract, kind = r.integer("reqId"), _contract(r), r.text("tickType")
    r.skip("numberOfTicks")
    return TickByTick(req_id, contract, kind, r.flag("ignoreSize"))


def _account_updates_multi(r: Reader) -> Request:
    return AccountUpdatesMulti(
        r.integer("reqId"), r.text("account"), r.text("modelCode"), r.flag("ledgerAndNLV")
    )


# message id -> (place of the request or order id, 0 if none; how to read the rest)
_READERS: dict[int, tuple[int, Callable[[Reader], Request]]] = {
    1: (2, _versioned(_market_data)),
    2: (2, _versioned(_unsubscribe(Feed.MARKET_DATA))),
    4: (2, _versioned(lambda r: CancelOrder(r.integer("orderId")))),
    5: (0, lambda _: OpenOrders(everyone=False)),
    6: (0, _versioned(lambda r: AccountUpdates(r.flag("subscribe"), r.text("acctCode")))),
    7: (2, _versioned(_executions)),
    8: (0, lambda _: NextId()),
    9: (2, _versioned(_contract_details)),
    14: (0, _versioned(lambda r: ServerLogLevel(r.integer("level")))),
    15: (0, _versioned(lambda r: AutoOpenOrders(r.flag("autoBind")))),
    16: (0, lambda _: OpenOrders(everyone=True)),
    17: (0, lambda _: ManagedAccounts()),
    18: (0, _versioned(lambda r: LookUp(Topic.ADVISOR_DATA, r.integer("faDataType")))),
    20: (1, _historical_data),
    24: (0, lambda _: LookUp(Topic.SCANNER_PARAMETERS)),
    25: (2, _versioned(_unsubscribe(Feed.HISTORY))),
    49: (0, lambda _: CurrentTime()),
    58: (0, lambda _: GlobalCancel()),
    59: (0, _versioned(lambda r: MarketDataType(r.integer("marketDataType")))),
    61: (0, lambda _: Positions(subscribe=True)),
    62: (
        2,
        _versioned(lambda r: AccountSummary(r.integer("reqId"), r.text("group"), r.text("tags"))),
    ),
    63: (2, _versioned(_unsubscribe(Feed.ACCOUNT_SUMMARY))),
    64: (0, lambda _: Positions(subscribe=False)),
    71: (0, _versioned(lambda r: StartApi(r.integer("clientId"), r.text("capabilities")))),
    74: (
        2,
        _versioned(lambda r: PositionsMulti(r.integer("reqId"), r.text("account"), r.text("modelCode"))),
    ),
    75: (2, _versioned(_unsubscribe(Feed.POSITIONS))),
    76: (2, _versioned(_account_updates_multi)),
    77: (2, _versioned(_unsubscribe(Feed.ACCOUNT_UPDATES))),
    79: (1, lambda r: LookUp(Topic.SOFT_DOLLAR_TIERS, r.integer("reqId"))),
    80: (0, lambda _: LookUp(Topic.FAMILY_CODES)),
    81: (1, lambda r: MatchingSymbols(r.integer("reqId"), r.text("pattern"))),
    82: (0, lambda _: LookUp(Topic.DEPTH_EXCHANGES)),
    85: (0, lambda _: LookUp(Topic.NEWS_PROVIDERS)),
    87: (1, _head_timestamp),
    90: (1, lambda r: CancelHeadTimestamp(r.integer("reqId"))),
    91: (0, lambda r: MarketRule(r.integer("marketRuleId"))),
    92: (1, lambda r: Pnl(r.integer("reqId"), r.text("account"), r.text("modelCode"))),
    93: (1, _unsubscribe(Feed.PNL)),
    94: (
        1,
        lambda r: PnlSingle(r.integer("reqId"), r.text("account"), r.text("modelCode"), r.integer("conId")),
    ),
    95: (1, _unsubscribe(Feed.PNL_SINGLE)),
    97: (1, _tick_by_tick),
    98: (1, _unsubscribe(Feed.TICK_BY_TICK)),
    99: (0, lambda r: CompletedOrders(r.flag("apiOnly"))),
    104: (1, lambda r: LookUp(Topic.USER_INFO, r.integer("reqId"))),
}

# message id -> (name, place of the request id, a code that ends the request in clients).
# 321 would suit, but clients take it for a warning and wait for ever.
_UNSUPPORTED: dict[int, tuple[str, int, int]] = {
    10: ("reqMktDepth", 2, 354),
    11: ("cancelMktDepth", 2, 310),
    12: ("reqNewsBulletins", 0, 505),
    13: ("cancelNewsBulletins", 0, 505),
    19: ("replaceFA", 4, 505),
    21: ("exerciseOptions", 2, 200),
    22: ("reqScannerSubscription", 1, 162),
    23: ("cancelScannerSubscription", 2, 162),
    50: ("reqRealTimeBars", 2, 420),
    51: ("cancelRealTimeBars", 2, 300),
    52: ("reqFundamentalData", 2, 430),
    53: ("cancelFundamentalData", 2, 430),
    54: ("calculateImpliedVolatility", 2, 200),
    55: ("calculateOptionPrice", 2, 200),
    56: ("cancelCalculateImpliedVolatility", 2, 200),
    57: ("cancelCalculateOptionPrice", 2, 200),
    65: ("verifyRequest", 0, 505),
    66: ("verifyMessage", 0, 505),
    67: ("queryDisplayGroups", 2, 200),
    68: ("subscribeToGroupEvents", 2, 200),
    69: ("updateDisplayGroup", 2, 200),
    70: ("unsubscribeFromGroupEvents", 2, 200),
    78: ("reqSecDefOptParams", 1, 200),
    83: ("reqSmartComponents", 1, 200),
    84: ("reqNewsArticle", 1, 10172),
    86: ("reqHistoricalNews", 1, 162),
    88: ("reqHistogramData", 1, 162),
    89: ("cancelHistogramData", 1, 162),
    96: ("reqHistoricalTicks", 1, 162),
    100: ("reqWshMetaData", 1, 200),
    101: ("cancelWshMetaData", 1, 200),
    102: ("reqWshEventData", 1, 200),
    103: ("cancelWshEventData", 1, 200),
}
