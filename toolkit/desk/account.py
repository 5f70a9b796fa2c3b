"""The account as the broker tells it, in pandas: what it holds, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import pandas as pd

from toolkit.broker.market import Position
from toolkit.orders.contract import Instrument
from toolkit.orders.numbers import exact
from toolkit.orders.state import ZERO, OrderState
from toolkit.reports.table import NUMBER, TEXT, WHOLE, Column, Schema, build


class Holding(NamedTuple):
    """One position and what open orders may still do to it, in units of the contract."""

    position: Position
    working_buys: Decimal
    working_sells: Decimal

    @property
    def market_value(self) -> Decimal | None:
        """Signed value at the broker's mark, in the contract's currency; None without a mark."""
        position = self.position
        if position.mark is None:
            return None
        return position.quantity * position.mark * position.instrument.multiplier


POSITIONS: Final[Schema] = {
    "symbol": Column(TEXT, "index", lambda held: held.position.instrument.symbol),
    "account": Column(TEXT, "", lambda held: held.position.account),
    "sec_type": Column(TEXT, "STK, FUT, ...", lambda held: held.position.instrument.sec_type),
    "con_id": Column(WHOLE, "", lambda held: held.position.instrument.con_id),
    "position": Column(NUMBER, "shares or contracts, short < 0", lambda held: held.position.quantity),
    "average_cost": Column(
        NUMBER,
        "currency per unit, commissions included",
        lambda held: held.position.average_cost if held.position.quantity else None,
    ),
    "mark": Column(NUMBER, "price units, the broker's", lambda held: held.position.mark),
    "market_value": Column(NUMBER, "currency", lambda held: held.market_value),
    "unrealized_pnl": Column(NUMBER, "account currency", lambda held: held.position.unrealized_pnl),
    "realized_pnl": Column(NUMBER, "account currency", lambda held: held.position.realized_pnl),
    "currency": Column(TEXT, "", lambda held: held.position.instrument.currency),
    "working_buys": Column(NUMBER, "shares or contracts", lambda held: held.working_buys),
    "working_sells": Column(NUMBER, "shares or contracts", lambda held: held.working_sells),
}

ACCOUNT: Final[Schema] = {
    "item": Column(TEXT, "index, the broker's word", lambda row: row[0][1]),
    "account": Column(TEXT, "", lambda row: row[0][0]),
    "value": Column(NUMBER, "currency; NaN when it is no number", lambda row: _number(row[1][0])),
    "currency": Column(TEXT, "", lambda row: row[1][1]),
    "text": Column(TEXT, "as the broker writes it", lambda row: row[1][0]),
}


def holdings(positions: Iterable[Position], orders: Iterable[OrderState]) -> list[Holding]:
    """
    Every position that the broker told, and every contract with an open order, flat ones too, by symbol.

    Args:
        positions: as the broker told them.
        orders: open ones count with what remains of them.
    """
    working: dict[tuple[str, int, str], Decimal] = {}
    told = {(position.account, position.instrument.con_id): position for position in positions}
    for order in orders:
        if order.working:
            key = (order.account, order.con_id, order.direction)
            working[key] = working.get(key, ZERO) + order.remaining_quantity
            if order.con_id and key[:2] not in told:
                told[key[:2]] = _flat(order)
    held = [
        Holding(
            position,
            *(
                working.get((position.account, position.instrument.con_id, side), ZERO)
                for side in ("BUY", "SELL")
            ),
        )
        for position in told.values()
    ]
    return sorted(held, key=lambda holding: holding.position.instrument.symbol)


def holdings_frame(held: Iterable[Holding]) -> pd.DataFrame:
    """One row per position; index ``symbol``, columns and units as in ``POSITIONS``."""
    return build(POSITIONS, list(held), "symbol")


def account_frame(values: Mapping[tuple[str, str], tuple[str, str]]) -> pd.DataFrame:
    """
    One row per figure of the account; index ``item``, columns and units as in ``ACCOUNT``.

    Args:
        values: (account, item) -> (value, currency), as the broker writes them.
    """
    return build(ACCOUNT, list(values.items()), "item")


def _flat(order: OrderState) -> Position:
    """No position yet in the contract of an order."""
    intent = order.intent
    instrument = Instrument(
        con_id=order.con_id,
        symbol=order.symbol,
        sec_type="" if intent is None else intent.sec_type,
        currency="" if intent is None else intent.currency,
        multiplier=order.multiplier,
    )
    return Position(account=order.account, instrument=instrument, quantity=ZERO, average_cost=ZERO)


def _number(text: Any) -> Decimal | None:
    try:
        return exact(text)
    except ValueError:
        return None
