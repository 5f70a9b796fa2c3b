"""What clients ask: one frozen class per request, its fields in the order in which they travel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolkit.gateway.order_form import ClientOrder, OrderForm


class Feed(StrEnum):
    """A kind of subscription that is ended by its request id."""

    MARKET_DATA = "market data"
    TICK_BY_TICK = "tick-by-tick data"
    ACCOUNT_SUMMARY = "account summary"
    ACCOUNT_UPDATES = "account updates"
    POSITIONS = "positions"
    HISTORY = "historical data"
    PNL = "PnL"
    PNL_SINGLE = "PnL of one position"


class Topic(StrEnum):
    """Something that this gateway has none of, see :mod:`toolkit.gateway.lookups`."""

    NEWS_PROVIDERS = "news providers"
    FAMILY_CODES = "family codes"
    DEPTH_EXCHANGES = "depth exchanges"
    SOFT_DOLLAR_TIERS = "soft dollar tiers"
    USER_INFO = "user info"
    SCANNER_PARAMETERS = "scanner parameters"
    ADVISOR_DATA = "advisor data"


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """The description of a contract, as precise or as vague as the client made it."""

    con_id: int
    symbol: str
    sec_type: str
    expiry: str
    strike: str
    right: str
    multiplier: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str


@dataclass(frozen=True, slots=True)
class StartApi:
    """The client names itself; nothing else may come before."""

    client_id: int
    capabilities: str


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A new order, or a change of the working order with that id."""

    order_id: int
    form: OrderForm
    received: ClientOrder


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel one order of this client."""

    order_id: int


@dataclass(frozen=True, slots=True)
class GlobalCancel:
    """Cancel every order of every client."""


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Working orders: of this client, or of everyone."""

    everyone: bool


@dataclass(frozen=True, slots=True)
class AutoOpenOrders:
    """Bind orders made by hand to client 0, or no longer."""

    bind: bool


@dataclass(frozen=True, slots=True)
class CompletedOrders:
    """Orders that ended today."""

    api_only: bool


@dataclass(frozen=True, slots=True)
class Executions:
    """Fills of today that fit the filter; empty fields (0 for the client) fit everything."""

    req_id: int
    client_id: int
    account: str
    time: str
    symbol: str
    sec_type: str
    exchange: str
    side: str


@dataclass(frozen=True, slots=True)
class AccountUpdates:
    """Start or stop the account stream of this client."""

    subscribe: bool
    account: str


@dataclass(frozen=True, slots=True)
class AccountUpdatesMulti:
    """Values of one account, under a request id."""

    req_id: int
    account: str
    model: str
    ledger_and_nlv: bool


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """Chosen values of all accounts, under a request id."""

    req_id: int
    group: str
    tags: str


@dataclass(frozen=True, slots=True)
class Positions:
    """Start or stop the stream of positions of all accounts."""

    subscribe: bool


@dataclass(frozen=True, slots=True)
class PositionsMulti:
    """Positions of one account, under a request id."""

    req_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True)
class Pnl:
    """Profit of one account, under a request id."""

    req_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True)
class PnlSingle:
    """Profit of one position, under a request id."""

    req_id: int
    account: str
    model: str
    con_id: int


@dataclass(frozen=True, slots=True)
class ContractDetails:
    """Everything known about the contracts that fit."""

    req_id: int
    contract: ContractQuery


@dataclass(frozen=True, slots=True)
class MatchingSymbols:
    """Search by a part of the symbol or the name."""

    req_id: int
    pattern: str


@dataclass(frozen=True, slots=True)
class MarketRule:
    """Price increments of one rule."""

    rule_id: int


@dataclass(frozen=True, slots=True)
class MarketData:
    """A stream of ticks, or one snapshot."""

    req_id: int
    contract: ContractQuery
    generic_ticks: str
    snapshot: bool


@dataclass(frozen=True, slots=True)
class MarketDataType:
    """Live (1), frozen (2), delayed (3) or delayed frozen (4) ticks from now on."""

    kind: int


@dataclass(frozen=True, slots=True)
class TickByTick:
    """Every quote (BidAsk), trade (Last, AllLast) or middle (MidPoint)."""

    req_id: int
    contract: ContractQuery
    kind: str
    ignore_size: bool


@dataclass(frozen=True, slots=True)
class HistoricalData:
    """
    Bars until ``end`` (empty: now), and with ``keep_up_to_date`` each later change of the last one.

    Attributes:
        bar_size, duration: as in ``5 mins`` and ``2 D``.
        what: TRADES, MIDPOINT, BID, ASK, or another kind.
        regular: regular trading hours only.
        seconds: times in seconds since 1970 instead of words.
    """

    req_id: int
    contract: ContractQuery
    end: str
    bar_size: str
    duration: str
    regular: bool
    what: str
    seconds: bool
    keep_up_to_date: bool


@dataclass(frozen=True, slots=True)
class HeadTimestamp:
    """When the oldest data of a contract begins."""

    req_id: int
    contract: ContractQuery
    what: str
    seconds: bool


@dataclass(frozen=True, slots=True)
class CancelHeadTimestamp:
    """No longer wait for it; the answer has been sent already."""

    req_id: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End one subscription."""

    feed: Feed
    req_id: int


@dataclass(frozen=True, slots=True)
class NextId:
    """The next order id that would be accepted."""


@dataclass(frozen=True, slots=True)
class ManagedAccounts:
    """The accounts of this gateway."""


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """The gateway's time."""


@dataclass(frozen=True, slots=True)
class ServerLogLevel:
    """How much the gateway should log. Accepted; needs no answer."""

    level: int


@dataclass(frozen=True, slots=True)
class LookUp:
    """What there is of something; ``argument`` is a request id, or the kind of advisor data."""

    topic: Topic
    argument: int = 0


@dataclass(frozen=True, slots=True)
class Unsupported:
    """
    A request of the protocol that this gateway does not serve.

    Attributes:
        req_id: where its answer is expected; -1 when the request has no id.
        code: an error code that ends this request in clients.
    """

    name: str
    req_id: int
    code: int


Request = (
    StartApi | PlaceOrder | CancelOrder | GlobalCancel | OpenOrders | AutoOpenOrders
    | CompletedOrders | Executions | AccountUpdates | AccountUpdatesMulti | AccountSummary
    | Positions | PositionsMulti | Pnl | PnlSingle | ContractDetails | MatchingSymbols
    | MarketRule | MarketData | MarketDataType | TickByTick | HistoricalData
    | HeadTimestamp | CancelHeadTimestamp | Unsubscribe | NextId
    | ManagedAccounts | CurrentTime | ServerLogLevel | LookUp | Unsupported
)  # fmt: skip
