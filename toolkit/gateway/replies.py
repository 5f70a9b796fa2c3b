"""
What the gateway says, by name: values -> one frame.

The only place that knows the layout of each reply; those that differ between server versions take
``version``. Sizes and counts are written whole, prices without exponent, flags as 0 or 1. Numbers
beside the message id are the message versions that clients expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from toolkit.gateway.fields import number, timestamp
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.wire import frame

EVERY_ORDER_TYPE = "MKT,LMT,STP,STPLMT,TRAIL,TRAILLMT,MOC,LOC,DAY,GTC,IOC,FOK,OPG,OCA,WHATIF"


def server_version(version: int, now: datetime) -> bytes:
    """The answer to the client's first frame: the version from here on, and the time."""
    return frame((str(version), timestamp(now)))


def managed_accounts(accounts: Sequence[str]) -> bytes:
    """The accounts of this gateway."""
    return frame(("15", "1", ",".join(accounts)))


def next_valid_id(order_id: int) -> bytes:
    """The next order id that would be accepted."""
    return frame(("9", "1", str(order_id)))


def current_time(now: datetime) -> bytes:
    """The gateway's time."""
    return frame(("49", "1", str(int(now.timestamp()))))


def error(version: int, req_id: int, code: int, text: str) -> bytes:
    """An error or a notice; ``req_id`` is a request id, an order id, or -1."""
    fields = ["4", "2", str(req_id), str(code), plain(text)]
    if version >= 166:
        fields.append("")  # advancedOrderRejectJson
    return frame(fields)


# ---- contracts --------------------------------------------------------------------------------


def contract_details(
    version: int, req_id: int, instrument: Instrument, trading_hours: str = "", liquid_hours: str = ""
) -> bytes:
    """Everything known about one contract; hours as in :mod:`toolkit.gateway.schedule`."""
    return frame(
        (
            "10",
            *(("8",) if version < 164 else ()),
            str(req_id),
            instrument.symbol,
            instrument.sec_type,
            instrument.expiry,  # lastTradeDate
            number(instrument.strike),
            instrument.right,
            instrument.exchange,
            instrument.currency,
            instrument.local_symbol,
            instrument.trading_class,  # marketName
            instrument.trading_class,
            str(instrument.con_id),
            number(instrument.min_tick),
            *(("100",) if version < 164 else ()),  # mdSizeMultiplier
            instrument.multiplier,
            EVERY_ORDER_TYPE,
            instrument.valid_exchanges,
            str(instrument.price_magnifier),
            str(instrument.under_con_id),
            plain(instrument.long_name),
            instrument.primary_exchange,
            instrument.contract_month,
            "",  # industry
            instrument.category,
            "",  # subcategory
            instrument.time_zone_id,
            trading_hours,
            liquid_hours,
            "",  # evRule
            "",  # evMultiplier
            "0",  # secIds
            "",  # aggGroup
            "",  # underSymbol
            "",  # underSecType
            _market_rules(instrument),
            instrument.expiry,  # realExpirationDate
            instrument.stock_type,
            *((number(instrument.size_increment),) if version == 163 else ()),
            *(_sizes(instrument) if version >= 164 else ()),
        )
    )


def contract_details_end(req_id: int) -> bytes:
    """No more contracts fit."""
    return frame(("52", "1", str(req_id)))


def symbol_samples(version: int, req_id: int, instruments: Sequence[Instrument]) -> bytes:
    """Contracts that fit a search."""
    fields = ["79", str(req_id), str(len(instruments))]
    for it in instruments:
        derivatives = "0"
        fields += [str(it.con_id), it.symbol, it.sec_type, it.primary_exchange, it.currency]
        fields.append(derivatives)
        if version >= 176:
            fields += [plain(it.long_name), ""]  # description, issuerId
    return frame(fields)


def market_rule(rule_id: int, increments: Iterable[tuple[Decimal, Decimal]]) -> bytes:
    """Price increments: from which price on, how much."""
    rows = [number(value) for row in increments for value in row]
    return frame(("93", str(rule_id), str(len(rows) // 2), *rows))


# ---- market data --------------------------------------------------------------------------------


def size_at(version: int, size: Decimal) -> Decimal:
    """A size as a client of that version can read it: whole before 163 (official ones end otherwise)."""
    return size if version >= 163 else size // 1


def tick_price(req_id: int, tick: int, price: Decimal, size: Decimal, attributes: int) -> bytes:
    """A price with its size; ``attributes`` 1 means it can be hit automatically."""
    return frame(("1", "6", str(req_id), str(tick), number(price), number(size), str(attributes)))


def tick_size(req_id: int, tick: int, size: Decimal) -> bytes:
    """A size alone."""
    return frame(("2", "6", str(req_id), str(tick), number(size)))


def tick_string(req_id: int, tick: int, value: str) -> bytes:
    """A tick that is text."""
    return frame(("46", "6", str(req_id), str(tick), value))


def tick_generic(req_id: int, tick: int, value: Decimal) -> bytes:
    """A tick that is a bare number."""
    return frame(("45", "6", str(req_id), str(tick), number(value)))


def tick_req_params(req_id: int, instrument: Instrument) -> bytes:
    """What a market data stream will look like."""
    return frame(("81", str(req_id), number(instrument.min_tick), "", "0"))


def market_data_type(req_id: int, kind: int) -> bytes:
    """Whether the ticks are live (1), frozen (2), delayed (3) or delayed frozen (4)."""
    return frame(("58", "1", str(req_id), str(kind)))


def tick_snapshot_end(req_id: int) -> bytes:
    """The snapshot is complete."""
    return frame(("57", "1", str(req_id)))


def tick_by_tick_last(
    req_id: int, kind: int, now: datetime, price: Decimal, size: Decimal, conditions: str
) -> bytes:
    """A trade, as Last (``kind`` 1) or AllLast (2)."""
    return frame(
        ("99", str(req_id), str(kind), _seconds(now), number(price), number(size), "0", "",
         conditions)
    )  # fmt: skip


def tick_by_tick_bid_ask(
    req_id: int, now: datetime, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal
) -> bytes:
    """A quote; a missing side is 0."""
    values = map(number, (bid, ask, bid_size, ask_size))
    return frame(("99", str(req_id), "3", _seconds(now), *values, "0"))


def tick_by_tick_mid_point(req_id: int, now: datetime, middle: Decimal) -> bytes:
    """The middle of a quote."""
    return frame(("99", str(req_id), "4", _seconds(now), number(middle)))


# ---- shared parts ---------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Text that no client can misread: official ones take a backslash for an escape."""
    return text.replace("\\", "/")


def _seconds(moment: datetime) -> str:
    return str(int(moment.timestamp()))


@lru_cache(maxsize=1024)
def contract_fields(instrument: Instrument, exchange: str) -> tuple[str, ...]:
    """The eleven fields in which every reply describes a contract."""
    return (
        str(instrument.con_id),
        instrument.symbol,
        instrument.sec_type,
        instrument.expiry,
        number(instrument.strike),
        instrument.right,
        instrument.multiplier,
        exchange,
        instrument.currency,
        instrument.local_symbol,
        instrument.trading_class,
    )


def _market_rules(instrument: Instrument) -> str:
    """One rule id for each of the exchanges."""
    count = max(1, len(instrument.valid_exchanges.split(",")))
    return ",".join([str(instrument.market_rule_id)] * count)


def _sizes(instrument: Instrument) -> tuple[str, str, str]:
    increment = number(instrument.size_increment)
    return number(instrument.min_size), increment, increment
