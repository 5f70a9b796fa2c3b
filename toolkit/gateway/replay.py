"""A recorded market, played again from a CSV or Parquet file."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from toolkit.errors import GatewayError
from toolkit.gateway.calendar import Hours
from toolkit.gateway.instruments import Universe
from toolkit.gateway.ticks import price, price_units, size_of

COLUMNS = ("ts_utc", "bid", "ask", "bid_size", "ask_size")
DEALER_SIZE = 1_000_000  # shown for both sides where a dealer's feed has no sizes


class MarketQuote(NamedTuple):
    """A best bid and offer; prices in the instrument's currency, sizes in shares."""

    con_id: int
    bid: Decimal | None
    ask: Decimal | None
    bid_size: int
    ask_size: int


class MarketPrint(NamedTuple):
    """A trade; ``cond`` is I for an odd lot."""

    con_id: int
    price: Decimal
    size: int
    cond: str


class Replay:
    """
    Rows of best bid and offer, shifted in time so that the first happens at ``start``.

    Args:
        rows: (time, quote) in time order.
        start: when the first row happens.
    """

    def __init__(self, rows: Iterator[tuple[datetime, MarketQuote]], start: datetime) -> None:
        self._rows = rows
        self._pending = next(rows, None)
        self._shift = start - self._pending[0] if self._pending else timedelta(0)

    @classmethod
    def open(cls, quotes: str, universe: Universe, start: datetime) -> Replay:
        """
        Read a file with the columns ts_utc, bid, ask, bid_size, ask_size, plain or gzipped or Parquet.

        Parquet (``.parquet``) needs pyarrow, which the extra ``notebook`` brings.

        A ``symbol`` column names the instrument of each row; without one, all rows are those of
        SYMBOL when ``quotes`` reads SYMBOL=FILE, else of the symbol in a name like
        ``quotes_SYMBOL_20240102.csv``.

        Raises:
            GatewayError: naming what is missing, now or (with its line) at the row itself.
        """
        symbol, _, name = quotes.rpartition("=")
        path = Path(name)
        if not symbol:
            parts = path.name.split("_")
            symbol = parts[1] if len(parts) > 2 and parts[0] == "quotes" else ""
        return cls(_rows(path, symbol, universe), start)

    def quotes_until(self, now: datetime) -> Iterator[MarketQuote]:
        """Quotes since the last call up to and including ``now``, in time order."""
        while self._pending is not None and self._pending[0] + self._shift <= now:
            quote = self._pending[1]
            self._pending = next(self._rows, None)
            yield quote

    def moves_until(self, now: datetime) -> Iterator[MarketQuote | MarketPrint]:
        """The same: a quotes file has no prints."""
        return self.quotes_until(now)

    def past(self, con_id: int, hours: Hours) -> None:
        """Nothing is known of the time before the file."""


def _rows(path: Path, symbol: str, universe: Universe) -> Iterator[tuple[datetime, MarketQuote]]:
    with _table(path) as (names, table):
        missing = [column for column in COLUMNS if column not in names]
        if missing:
            raise GatewayError(f"The quotes file {path} lacks the columns {', '.join(missing)}.")
        con_ids: dict[str, int] = {}
        before: datetime | None = None
        for line, row in table:
            named = row.get("symbol") or symbol
            if named not in con_ids:
                con_ids[named] = _con_id(named, path, universe)
            where = f"The quotes file {path}, line {line}"
            try:
                moment = datetime.fromisoformat(row["ts_utc"])
                quote = _quote(con_ids[named], row)
            except (TypeError, ValueError, GatewayError) as error:
                raise GatewayError(f"{where}, cannot be replayed: {error}") from error
            if moment.tzinfo is None:
                raise GatewayError(f"{where}, has a time without zone; write it with a final Z.")
            if before is not None and moment < before:
                raise GatewayError(f"{where}, is earlier than the row before it; sort the file.")
            before = moment
            yield moment, quote


Table = tuple[Sequence[str], Iterator[tuple[int, dict[str, str]]]]


@contextmanager
def _table(path: Path) -> Iterator[Table]:
    """Column names, and the rows as text with their numbers."""
    if path.suffix == ".parquet":
        yield _parquet(path)
        return
    with _stream(path) as stream:
        reader = csv.DictReader(stream)
        yield reader.fieldnames or (), ((reader.line_num, row) for row in reader)


def _parquet(path: Path) -> Table:
    import pandas as pd  # heavy, and needed for these files only

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, ImportError) as error:
        raise GatewayError(f"The quotes file {path} cannot be read: {error}.") from error
    names = [str(name) for name in frame.columns]
    rows = (
        dict(zip(names, map(_text, row), strict=True)) for row in frame.itertuples(index=False, name=None)
    )
    return names, enumerate(rows, start=1)


def _text(value: Any) -> str:
    """A cell as a CSV file would spell it; a missing one is empty."""
    return "" if value is None or value != value else str(value)


@contextmanager
def _stream(path: Path) -> Iterator[TextIO]:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
                yield stream
        else:
            with path.open(encoding="utf-8", newline="") as stream:
                yield stream
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise GatewayError(f"The quotes file {path} cannot be read: {error}.") from error


def _con_id(symbol: str, path: Path, universe: Universe) -> int:
    found = universe.named(symbol)
    if found is not None:
        return found.con_id
    raise GatewayError(
        f"The quotes file {path} is for {symbol or 'no symbol'}, which the gateway does not trade; "
        f"name one that it does, as in AAPL={path.name}, or add a symbol column."
    )


def _quote(con_id: int, row: dict[str, str]) -> MarketQuote:
    bid, ask = price_units(row["bid"]), price_units(row["ask"])
    unsized = not row["bid_size"] and not row["ask_size"]
    return MarketQuote(
        con_id,
        price(bid) if bid else None,
        price(ask) if ask else None,
        DEALER_SIZE if unsized else int(size_of(row["bid_size"])),
        DEALER_SIZE if unsized else int(size_of(row["ask_size"])),
    )
