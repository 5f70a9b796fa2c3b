"""What is held and open in every contract, as it stands and as it would be with some orders more."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from toolkit.orders.numbers import readable
from toolkit.risk.columns import firsts, joined, row, words
from toolkit.risk.exposure import Book
from toolkit.risk.kinds import CONTRACT, WORDS
from toolkit.risk.line import Line, MissingPriceError, MissingRateError
from toolkit.risk.order import Order

Lines = Mapping[int, Line]
"""contract number -> what is held and open there"""


class Portfolio(NamedTuple):
    """
    Every contract with a position or an open order.

    Attributes:
        lines: as it stands, or would be.
        more: contract number -> orders that were added to what there is.
    """

    lines: Lines
    more: Mapping[int, int]


def portfolio_of(book: Book) -> Portfolio:
    """As it stands."""
    return Portfolio({con_id: book.exposure.line(con_id) for con_id in book.exposure.contracts()}, {})


def with_approved(portfolio: Portfolio, checked: pd.DataFrame, book: Book) -> Portfolio:
    """
    As it would be with the approved rows of a frame open.

    Args:
        portfolio: without them.
        checked: as ``frame.check`` returns it.
        book: knows the contracts that the rows name.
    """
    rows = checked[checked["approved"]]
    lines, more = dict(portfolio.lines), dict(portfolio.more)
    if rows.empty:
        return portfolio
    columns = (words(rows, name, WORDS[name]) for name in (*CONTRACT, "direction"))
    codes, _ = joined([(column, len(values)) for column, values in columns])
    for code, first in enumerate(firsts(codes)):
        raw = row(rows, int(first))
        instrument, sign = book.instrument(raw), Order.read(raw).sign
        assert instrument is not None  # or it would not be approved
        same, con_id = rows[codes == code], instrument.con_id
        # Few quantities differ from each other, so that exact sums of many rows are soon made.
        counts = same["quantity"].value_counts()
        quantity = sum((_number(value) * int(times) for value, times in counts.items()), Decimal(0))
        line = lines.get(con_id) or book.exposure.line(con_id, instrument)
        lines[con_id] = line.with_order(sign, quantity, *_prices(same), count=len(same))
        more[con_id] = more.get(con_id, 0) + len(same)
    return Portfolio(lines, more)


def portfolio_frame(before: Portfolio, after: Portfolio) -> pd.DataFrame:
    """
    Both as one table, one row per contract.

    Returns:
        Index ``con_id``. ``symbol`` (str); ``position`` and, without and with the ending ``_after``,
        ``open_buys``, ``open_sells``, ``worst_case`` (the largest position that open orders can lead
        to), all in units of the contract, and ``value`` (of the worst case, account currency; NaN
        without a price or an exchange rate). All float64.
    """
    table: list[dict[str, Any]] = []
    for con_id, line in after.lines.items():
        entry = {"con_id": con_id, "symbol": line.name, "position": float(line.position)}
        entry |= _figures(before.lines.get(con_id), "") | _figures(line, "_after")
        table.append(entry)
    names = [f"{name}{ending}" for ending in ("", "_after") for name in FIGURES]
    columns = ["con_id", "symbol", "position", *names]
    return pd.DataFrame(table, columns=columns).astype(dict.fromkeys(columns[2:], float)).set_index("con_id")


FIGURES = ("open_buys", "open_sells", "worst_case", "value")


def _figures(line: Line | None, ending: str) -> dict[str, float]:
    if line is None:
        return {f"{name}{ending}": 0.0 for name in FIGURES}
    try:
        value = float(line.worth().gross)
    except (MissingPriceError, MissingRateError):
        value = float("nan")
    figures = (float(line.buys), float(line.sells), float(line.largest), value)
    return {f"{name}{ending}": figure for name, figure in zip(FIGURES, figures, strict=True)}


def _prices(rows: pd.DataFrame) -> list[Decimal | None]:
    """Every price that some rows name."""
    return [
        readable(value)
        for name in ("limit_price", "stop_price")
        if name in rows
        for value in rows[name].dropna().unique()
    ]


def _number(value: Any) -> Decimal:
    number = readable(value)
    assert number is not None  # or it would not be approved
    return number
