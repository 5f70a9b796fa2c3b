"""
An intent in the broker's words, Contract and Order with every field explicit, and a contract in ours.

Nothing is left to the gateway's presets (hazard H42): time in force, account, routing and the
transmit flag are always sent as the intent says.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from ib_async import Contract, ContractDetails, Order, OrderState

from toolkit.orders.contract import Instrument
from toolkit.orders.hours import sessions
from toolkit.orders.intent import OrderIntent
from toolkit.orders.numbers import readable
from toolkit.risk.margin import Margin

ORDER_TYPES: Final = {"MARKET": "MKT", "LIMIT": "LMT", "STOP": "STP", "STOP_LIMIT": "STP LMT"}
"""Our order type -> the broker's."""


def contract_query(intent: OrderIntent) -> Contract:
    """What to ask contract details for."""
    return Contract(
        conId=intent.con_id,
        symbol=intent.symbol,
        secType=intent.sec_type,
        lastTradeDateOrContractMonth=intent.expiry,
        strike=0.0 if intent.strike is None else float(intent.strike),
        right=intent.right,
        multiplier="" if intent.multiplier is None else f"{intent.multiplier:f}",
        exchange=intent.exchange,
        primaryExchange=intent.primary_exchange,
        currency=intent.currency,
    )


def contract(instrument: Instrument, exchange: str) -> Contract:
    """The resolved contract, routed to ``exchange``."""
    return Contract(
        conId=instrument.con_id,
        symbol=instrument.symbol,
        secType=instrument.sec_type,
        exchange=exchange,
        primaryExchange=instrument.primary_exchange,
        currency=instrument.currency,
        localSymbol=instrument.local_symbol,
        tradingClass=instrument.trading_class,
    )


def order(intent: OrderIntent, order_id: int, client_id: int, account: str) -> Order:
    """
    The order to place.

    Prices and the quantity go as Decimals: the library writes them digit by digit as they are.
    """
    placed = Order(
        orderId=order_id,
        clientId=client_id,
        action=intent.direction,
        orderType=ORDER_TYPES[intent.order_type],
        tif=intent.tif,
        account=account,
        orderRef=intent.intent_id,
        outsideRth=intent.outside_rth,
        transmit=True,
        openClose="O",
        origin=0,
        exemptCode=-1,
    )
    placed.totalQuantity = intent.quantity  # type: ignore[assignment]  # written as text, digit by digit
    if intent.limit_price is not None:
        placed.lmtPrice = intent.limit_price
    if intent.stop_price is not None:
        placed.auxPrice = intent.stop_price
    return placed


def margin(state: OrderState) -> Margin:
    """The broker's answer to an order that was only asked about; what it leaves out is None (hazard H40)."""
    commission = readable(state.commission)
    return Margin(
        equity=readable(state.equityWithLoanAfter),
        initial=readable(state.initMarginAfter),
        maintenance=readable(state.maintMarginAfter),
        # A plan with steps has no single figure, only a range.
        commission=readable(state.maxCommission) if commission is None else commission,
        commission_currency=state.commissionCurrency,
    )


def instrument(found: Contract | None, details: ContractDetails | None = None) -> Instrument:
    """The broker's contract (and details, when there are any) as ours."""
    assert found is not None
    return Instrument(
        con_id=found.conId,
        symbol=found.symbol,
        sec_type=found.secType,
        currency=found.currency,
        exchange=found.exchange or "SMART",
        primary_exchange=found.primaryExchange,
        local_symbol=found.localSymbol,
        trading_class=found.tradingClass,
        multiplier=Decimal(found.multiplier or "1"),
        min_tick=Decimal("0.01") if details is None else Decimal(repr(float(details.minTick))),
        expiry=_expiry(found.lastTradeDateOrContractMonth),
        time_zone="" if details is None else details.timeZoneId,
        regular_hours=None if details is None else sessions(details.liquidHours, details.timeZoneId),
        all_hours=None if details is None else sessions(details.tradingHours, details.timeZoneId),
    )


def _expiry(text: str) -> date | None:
    """The day that the broker writes as YYYYMMDD; None for a month alone or nothing."""
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
