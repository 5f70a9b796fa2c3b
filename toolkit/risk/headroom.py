"""How much of each limit is used up, and how much is left."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from toolkit.risk.catalogue import BY_NAME
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.exposure import Book
from toolkit.risk.limits import Limits
from toolkit.risk.line import NOTHING, Line, MissingPriceError, MissingRateError, Worth
from toolkit.risk.loss import SENTENCES
from toolkit.risk.order import Order
from toolkit.risk.portfolio import Portfolio
from toolkit.risk.usage import used_by_account


class Room(NamedTuple):
    """
    One limit.

    Attributes:
        limit: its name.
        where: the contract that is nearest to it, "" when it is about the whole account; when it
            cannot be measured, what is missing.
        used: None when it cannot be measured, which denies every order.
        allowed: the limit itself.
    """

    limit: str
    where: str
    used: Decimal | None
    allowed: Decimal


def headroom(portfolio: Portfolio, checker: SimpleRiskChecker, book: Book) -> list[Room]:
    """
    Every limit in force that orders use up; limits on a single order are left out.

    Args:
        portfolio: what is held and open.
        checker: whose limits.
        book: what was asked of the broker before.
    """
    account = checker.limits.numbers
    found = [
        Room(name, *used, account[name]) for name, used in _of_account(portfolio, book) if name in account
    ]
    # What is tight in one symbol is told for the contract that comes nearest to its own limit.
    nearest: dict[str, Room] = {}
    for con_id, line in portfolio.lines.items():
        instrument = book.by_number(con_id)
        limits = checker.limits_of(Order.read({"symbol": line.name}), instrument)
        for room in _of_contract(con_id, line, portfolio, limits, book):
            other = nearest.get(room.limit)
            if other is None or _share(room) > _share(other):
                nearest[room.limit] = room
    for name in PER_CONTRACT:
        if name in account and name not in nearest:
            nearest[name] = Room(name, "", Decimal(0), account[name])
    return [*found, *nearest.values()]


def headroom_frame(rooms: list[Room], currency: str) -> pd.DataFrame:
    """
    As a table.

    Returns:
        Index ``limit``. ``used``, ``allowed``, ``left`` (float64, NaN when it cannot be measured;
        ``left`` below 0 is a breach), ``unit``, ``where`` (str).
    """
    columns = {
        "used": [float("nan") if room.used is None else float(room.used) for room in rooms],
        "allowed": [float(room.allowed) for room in rooms],
    }
    frame = pd.DataFrame(columns, index=pd.Index([room.limit for room in rooms], name="limit"), dtype=float)
    frame["left"] = frame["allowed"] - frame["used"]
    units = [BY_NAME[room.limit].unit for room in rooms]
    frame["unit"] = [currency if unit == "account currency" and currency else unit for unit in units]
    frame["where"] = [room.where for room in rooms]
    return frame


PER_CONTRACT = ("max_position", "max_open_orders_per_side", "max_orders_per_day")


def _of_account(portfolio: Portfolio, book: Book) -> Iterator[tuple[str, tuple[str, Decimal | None]]]:
    lines, more = portfolio.lines.values(), sum(portfolio.more.values())
    missing, worth = "", None
    try:
        worth = _total(portfolio, book)
    except (MissingPriceError, MissingRateError) as error:
        missing = str(error)
    open_orders = sum(line.buy_orders + line.sell_orders for line in lines)
    for name, used in used_by_account(book, worth, open_orders, more):
        unknown = "what the account made today" if name in SENTENCES else missing
        yield name, (unknown if used is None else "", used)


def _total(portfolio: Portfolio, book: Book) -> Worth:
    if not book.exposure.known:
        raise MissingPriceError("the broker has not told the positions yet")
    total = NOTHING
    for line in portfolio.lines.values():
        total = total.plus(line.worth())
    return total


def _of_contract(con_id: int, line: Line, portfolio: Portfolio, limits: Limits, book: Book) -> Iterator[Room]:
    today = book.history.orders(con_id, book.now()) + portfolio.more.get(con_id, 0)
    used = (
        line.largest,
        Decimal(max(line.buy_orders, line.sell_orders)),
        Decimal(today),
    )
    for name, amount in zip(PER_CONTRACT, used, strict=True):
        if name in limits.numbers:
            yield Room(name, line.name, amount, limits.numbers[name])


def _share(room: Room) -> Decimal:
    assert room.used is not None
    if room.allowed:
        return room.used / room.allowed
    return Decimal("Infinity") if room.used else Decimal(0)
