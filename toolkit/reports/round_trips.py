"""Round trips: which shares that were bought paired with which that were sold, and what that made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.asof import NEVER
from toolkit.reports.corrections import effective_fills
from toolkit.reports.inputs import moments, numbers, table
from toolkit.reports.slippage import SIGNS

FILLS: Final = ("exec_id", "ts", "qty", "price", "commission")
FILL_VIEW: Final = ("open", "close", "direction", "qty", "gross", "fees", "net", "duration_s")
FLAT_VIEW: Final = ("direction", "qty", "entry", "exit", "gross", "fees", "net", "duration_s")
METHODS: Final = ("fifo", "lifo")


class _Trade(NamedTuple):
    """Some shares of one fill: how many (exact), which side, at what price and fee per share, when (ns)."""

    shares: Any
    sign: int
    price: float
    fee: float
    ts: int


class _Pair(NamedTuple):
    """Shares that one fill opened and another closed."""

    shares: Any
    opened: _Trade
    closed: _Trade

    @property
    def gross(self) -> float:
        """Price units times shares, before fees."""
        return float(self.shares) * self.opened.sign * (self.closed.price - self.opened.price)

    @property
    def fees(self) -> float:
        """What both fills were charged for these shares."""
        return float(self.shares) * (self.opened.fee + self.closed.fee)


def round_trips(fills: Any, method: str = "fifo", view: str = "fill") -> pd.DataFrame:
    """
    Closed round trips; fees travel with the shares, what is still open is not in it.

    Args:
        fills: ``exec_id``, ``ts`` (with a time zone), ``qty``, ``price``, ``commission``, and ``side`` (BUY
            or SELL; without it a negative ``qty`` is a sell); optionally ``symbol``, and ``multiplier``
            (currency per price unit, 1). Corrections are applied; fills of one moment stay in their order.
        method: ``fifo`` closes the oldest open shares first, ``lifo`` the newest.
        view: ``fill``: one row per pair of an opening and a closing fill; ``flat``: one row from flat to
            flat, with average prices, whatever the method.

    Returns:
        One row per round trip, by the time it closed. Fill view: ``open`` and ``close`` (UTC), ``direction``
        (LONG or SHORT), ``qty``, ``gross``, ``fees``, ``net`` = gross - fees (currency, NaN while a
        commission is not known), ``duration_s``. Flat view: ``direction``, ``qty`` (shares opened),
        ``entry`` and ``exit`` (average prices), then the same. With symbols their column goes first.

    Raises:
        ConfigError: an unknown method or view, or a column is missing.
    """
    if method not in METHODS:
        raise ConfigError(f"The method is {method!r}; it is fifo or lifo.")
    if view not in ("fill", "flat"):
        raise ConfigError(f"The view is {view!r}; it is fill or flat.")
    frame = effective_fills(table(fills, FILLS, "fills"))
    # Without symbols everything is one contract.
    groups = frame.groupby("symbol", sort=False) if "symbol" in frame else [(None, frame)]
    rows = []
    for symbol, some in groups:
        scale = float(numbers(some, "multiplier", 1.0)[0]) if len(some) else 1.0
        pairs = _pairs(_trades(some), newest_first=method == "lifo")
        trips = ([pair] for pair in pairs) if view == "fill" else _until_flat(pairs, _trades(some))
        rows += [{"symbol": symbol, **_row(trip, scale)} for trip in trips]
    names = FILL_VIEW if view == "fill" else FLAT_VIEW
    columns = (["symbol"] if "symbol" in frame else []) + list(names)
    found = pd.DataFrame(rows, columns=["symbol", *dict.fromkeys(FILL_VIEW + FLAT_VIEW)])
    for name in ("open", "close"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[ns, UTC]")
    numeric = [name for name in names if name not in ("open", "close", "direction")]
    found = found.sort_values("close", kind="stable", ignore_index=True)[columns]
    return found.astype(dict.fromkeys(numeric, "float64"))


def _trades(frame: pd.DataFrame) -> list[_Trade]:
    """The fills in time order, with exact quantities."""
    qty, ts = numbers(frame, "qty"), moments(frame, "ts", "fills")
    if (ts == NEVER).any():
        raise ConfigError("A fill has no time; every fill needs one.")
    sign = np.sign(qty) if "side" not in frame else frame["side"].map(SIGNS).to_numpy(float)
    if np.isnan(sign).any():
        raise ConfigError("A fill's side is neither BUY nor SELL; correct it.")
    shares = np.abs(qty)
    with np.errstate(divide="ignore", invalid="ignore"):
        fee = numbers(frame, "commission") / shares
    # Sums of fractions must come back to exactly zero, so those are decimals.
    whole = bool((shares == np.floor(shares)).all())
    exact = [int(each) if whole else Decimal(str(each)) for each in shares]
    columns = zip(exact, sign.astype(int), numbers(frame, "price"), fee, ts, strict=True)
    trades = [_Trade(n, int(side), float(p), float(f), int(t)) for n, side, p, f, t in columns if n]
    return sorted(trades, key=lambda trade: trade.ts)


def _pairs(trades: Iterable[_Trade], *, newest_first: bool) -> Iterator[_Pair]:
    open_lots: deque[_Trade] = deque()
    for trade in trades:
        left = trade.shares
        while left and open_lots and open_lots[0].sign != trade.sign:
            lot = open_lots.pop() if newest_first else open_lots.popleft()
            shares = min(left, lot.shares)
            yield _Pair(shares, lot, trade)
            left -= shares
            if lot.shares > shares:
                rest = lot._replace(shares=lot.shares - shares)
                (open_lots.append if newest_first else open_lots.appendleft)(rest)
        if left:
            open_lots.append(trade._replace(shares=left))


def _until_flat(pairs: Iterable[_Pair], trades: Iterable[_Trade]) -> Iterator[list[_Pair]]:
    """Pairs gathered until nothing is open; a fill that crosses zero ends one trip and starts the next."""
    trip: list[_Pair] = []
    coming = iter(pairs)
    position: Any = 0
    for trade in trades:
        before, position = position, position + trade.sign * trade.shares
        closing = min(abs(before), trade.shares) if before * trade.sign < 0 else 0
        while closing:
            pair = next(coming)
            trip.append(pair)
            closing -= pair.shares
        if trip and before * position <= 0:
            yield trip
            trip = []


def _row(trip: list[_Pair], scale: float) -> dict[str, Any]:
    shares = float(sum(pair.shares for pair in trip))
    opened, closed = min(pair.opened.ts for pair in trip), max(pair.closed.ts for pair in trip)
    gross, fees = scale * sum(pair.gross for pair in trip), sum(pair.fees for pair in trip)
    return {
        "open": pd.Timestamp(opened, tz="UTC"),
        "close": pd.Timestamp(closed, tz="UTC"),
        "direction": "LONG" if trip[0].opened.sign > 0 else "SHORT",
        "qty": shares,
        "entry": sum(float(pair.shares) * pair.opened.price for pair in trip) / shares,
        "exit": sum(float(pair.shares) * pair.closed.price for pair in trip) / shares,
        "gross": gross,
        "fees": fees,
        "net": gross - fees,
        "duration_s": (closed - opened) / 1e9,
    }
