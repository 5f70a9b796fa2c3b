"""Every limit that can be set, in one table: what it means, its unit, its default, how a denial is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Limit(NamedTuple):
    """
    One limit.

    Attributes:
        name: in a checker's config; in capitals the environment variable.
        codes: what a denial by it is called.
        meaning: what it asks of an order.
        unit: of the limit and of what is measured.
        default: None: not enforced.
        kind: ``number``, ``names`` (a list, or text with commas) or ``flag``.
        scopes: where it may also be set for one strategy or one symbol; the tightest then wins.
    """

    name: str
    codes: tuple[str, ...]
    meaning: str
    unit: str
    default: object = None
    kind: str = "number"
    scopes: tuple[str, ...] = ()


BOTH: Final = ("strategy", "symbol")
SYMBOL: Final = ("symbol",)
STRATEGY: Final = ("strategy",)

LIMITS: Final = (
    Limit(
        "max_order_quantity",
        ("MAX_ORDER_QUANTITY",),
        "quantity of one order",
        "units",
        1000,
        scopes=BOTH,
    ),
    Limit(
        "max_gross_exposure",
        ("MAX_GROSS_EXPOSURE",),
        "sum over all contracts of the largest position that open orders can lead to, at its price",
        "account currency",
        1_000_000,
    ),
    Limit(
        "max_order_notional",
        ("MAX_ORDER_NOTIONAL",),
        "quantity x price x multiplier of one order, at its worst price",
        "account currency",
        scopes=BOTH,
    ),
    Limit(
        "approve_above",
        ("NEEDS_APPROVAL",),
        "worst-case notional of one order, as above, that needs another person's `toolkit approve`",
        "account currency",
        scopes=BOTH,
    ),
    Limit(
        "max_net_exposure",
        ("MAX_NET_EXPOSURE",),
        "signed sum of positions and open orders on the order's side, either way; reducing orders pass",
        "account currency",
    ),
    Limit(
        "max_daily_loss",
        ("MAX_DAILY_LOSS", "NO_PNL"),
        "loss since the close of the day before, as the broker counts it; reducing orders pass",
        "account currency",
    ),
    Limit(
        "max_drawdown",
        ("MAX_DRAWDOWN", "NO_PNL"),
        "fall of the net liquidation value from its highest of the UTC day; reducing orders pass",
        "account currency",
    ),
    Limit(
        "min_excess_liquidity",
        ("MARGIN", "MARGIN_UNKNOWN"),
        "what the broker says an order would leave above maintenance margin; asked for the first order "
        "of a contract and side, and for every order above what_if_above",
        "account currency",
    ),
    Limit(
        "what_if_above",
        (),
        "notional above which the broker is asked about every order; only with min_excess_liquidity",
        "account currency",
    ),
    Limit(
        "max_position",
        ("MAX_POSITION",),
        "position in one contract that open orders can lead to, long or short; reducing orders pass",
        "units",
        scopes=SYMBOL,
    ),
    Limit(
        "max_position_pct_nav",
        ("MAX_POSITION_PCT_NAV", "NO_NAV"),
        "worth of that position on the order's side over the net liquidation value; reducing orders pass",
        "%",
        scopes=SYMBOL,
    ),
    Limit(
        "price_collar_bps",
        ("PRICE_COLLAR", "STOP_WRONG_SIDE"),
        "how far a limit may be beyond the other side of a fresh quote; stops trigger beyond the quote",
        "bps",
        scopes=BOTH,
    ),
    Limit(
        "price_collar_ticks",
        ("PRICE_COLLAR_TICKS",),
        "the same distance in the contract's smallest price steps",
        "ticks",
        scopes=BOTH,
    ),
    Limit(
        "max_quote_age_s",
        ("STALE_QUOTE", "DELAYED_QUOTE", "CROSSED_QUOTE"),
        "time since the quote's last tick; delayed quotes count 15 minutes more",
        "s",
        scopes=BOTH,
    ),
    Limit(
        "max_spread_bps",
        ("WIDE_SPREAD", "CROSSED_QUOTE"),
        "ask minus bid over their middle",
        "bps",
        scopes=BOTH,
    ),
    Limit(
        "max_orders_per_second",
        ("ORDER_RATE",),
        "orders accepted within one second, of a strategy its own; more are denied, never queued",
        "orders",
        scopes=STRATEGY,
    ),
    Limit(
        "repeat_window_s",
        ("DUPLICATE_ECONOMICS",),
        "time in which account, contract, side, quantity, type and prices may not repeat "
        "unless the intent says allow_repeat",
        "s",
        scopes=SYMBOL,
    ),
    Limit(
        "max_orders_per_day",
        ("ORDERS_PER_DAY",),
        "orders accepted since midnight UTC in one contract",
        "orders",
        scopes=SYMBOL,
    ),
    Limit(
        "max_quantity_per_day",
        ("QUANTITY_PER_DAY",),
        "quantity of the orders accepted since midnight UTC in one contract, and of what changes added",
        "units",
        scopes=SYMBOL,
    ),
    Limit(
        "max_fills_per_minute",
        ("REPEATED_EXECUTION",),
        "fills of one strategy in one contract within a minute; at the limit its next order is denied",
        "fills",
        scopes=BOTH,
    ),
    Limit(
        "max_order_efficiency_ratio",
        ("ORDER_EFFICIENCY",),
        "the day's orders, changes and cancels over orders with a fill plus one; the broker objects above 20",
        "",
    ),
    Limit(
        "fat_finger_multiple",
        ("FAT_FINGER",),
        "quantity over the median of the strategy's last 20 orders, once it has 5",
        "times",
        scopes=BOTH,
    ),
    Limit(
        "max_move_bps",
        ("PRICE_MOVE",),
        "how far the middle of the quote may be from the close of the day before, either way",
        "bps",
        scopes=BOTH,
    ),
    Limit(
        "min_days_to_expiry",
        ("EXPIRY_SOON",),
        "days until the last trading day of a future or option",
        "days",
        scopes=BOTH,
    ),
    Limit("max_open_orders", ("MAX_OPEN_ORDERS",), "orders that may still trade", "orders"),
    Limit(
        "max_open_orders_per_side",
        ("MAX_OPEN_ORDERS_PER_SIDE",),
        "orders that may still trade in one contract on one side; the broker refuses more than 20",
        "orders",
        20,
        scopes=SYMBOL,
    ),
    Limit(
        "allow_short",
        ("SHORT_SALE",),
        "false: working sells may not exceed the long position",
        "",
        default=True,
        kind="flag",
        scopes=BOTH,
    ),
    Limit(
        "allow_unlocated_short",
        ("NOT_SHORTABLE", "SHORTABLE_UNKNOWN"),
        "false: working sells of a stock beyond the long position are at most what the broker has to lend",
        "",
        default=True,
        kind="flag",
        scopes=BOTH,
    ),
    Limit(
        "allow_closed_market",
        ("MARKET_CLOSED",),
        "false: an order needs an open session, or with outside_rth one outside regular hours",
        "",
        default=True,
        kind="flag",
        scopes=BOTH,
    ),
    Limit(
        "allow_self_cross",
        ("SELF_CROSS",),
        "false: an order may not meet an own working order at a price that crosses it",
        "",
        default=True,
        kind="flag",
    ),
    Limit(
        "blocked_symbols",
        ("BLOCKED_SYMBOL",),
        "symbols and contract numbers that may not trade; beats allowed_symbols",
        "",
        default=(),
        kind="names",
        scopes=STRATEGY,
    ),
    Limit(
        "allowed_symbols",
        ("SYMBOL_NOT_ALLOWED",),
        "the only symbols and contract numbers that may trade; empty: all",
        "",
        default=(),
        kind="names",
        scopes=STRATEGY,
    ),
    Limit(
        "allowed_sec_types",
        ("SEC_TYPE_NOT_ALLOWED",),
        "the only security types that may trade (STK, FUT, ...); empty: all",
        "",
        default=(),
        kind="names",
        scopes=STRATEGY,
    ),
)

BY_NAME: Final[Mapping[str, Limit]] = {limit.name: limit for limit in LIMITS}
DEFAULTS: Final[Mapping[str, object]] = {limit.name: limit.default for limit in LIMITS}
OTHER_CODES: Final[Mapping[str, str]] = {
    "BAD_QUANTITY": "the quantity is no number above 0",
    "BAD_DIRECTION": "the direction is neither BUY nor SELL",
    "BAD_ORDER_TYPE": "the order type is not MARKET, LIMIT, STOP or STOP_LIMIT",
    "MISSING_LIMIT_PRICE": "a LIMIT or STOP_LIMIT order has no limit price above 0",
    "MISSING_STOP_PRICE": "a STOP or STOP_LIMIT order has no stop price above 0",
    "NO_CONTRACT": "the broker has not told which contract it is",
    "NO_POSITIONS": "the broker has not told the positions, and unknown is not flat",
    "NO_PRICE": "something held or ordered has no price, so its exposure cannot be measured",
    "NO_FX_RATE": "something held or ordered is in a currency without an exchange rate",
    "NO_QUOTE": "a limit on prices has no quote with both sides to go by",
    "NO_CLOSE": "a limit on the move since yesterday has no close to go by",
    "NO_HOURS": "a limit on trading hours has no hours to go by",
    "NO_EXPIRY": "a limit on the days to expiry has no expiry to go by",
}
"""What denies an order whatever the limits are, or when a limit has nothing to go by: code -> meaning."""
