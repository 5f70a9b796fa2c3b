"""
Transaction cost analysis: what orders and their fills cost against the market they met.

Costs are positive when they cost: slippage, shortfall, spreads. Markouts and price improvement are
positive when they are good. Prices are in price units, money in currency, bps = 1/10,000. What cannot
be known is NaN: no quote at or before the moment, a horizon later than the last quote, a ratio over
zero shares, a commission that the broker has not told. A mean over fills is missing while any fill's
value is.

Decision, arrival, end and horizons use the last quote at or before their time; a fill is held against
the last quote strictly before it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports import inputs
from toolkit.reports.aggregate import aggregate
from toolkit.reports.asof import Floats, Quotes
from toolkit.reports.corrections import effective_fills
from toolkit.reports.inputs import Fills, Rows, earliest, latest, milliseconds
from toolkit.reports.round_trips import round_trips
from toolkit.reports.shortfall import shortfall
from toolkit.reports.spreads import spreads
from toolkit.reports.windows import market_vwap, twap

__all__ = ["aggregate", "effective_fills", "measure", "measure_fills", "round_trips"]

LEVELS: Final = ("parent", "child")


def measure(
    parents: Any, children: Any, fills: Any, quotes: Any, trades: Any = None, level: str = "parent"
) -> pd.DataFrame:
    """
    Every measure of every parent order, or of every child.

    All inputs are frames, or what ``pandas.DataFrame`` takes; times have a time zone, order of rows
    does not matter except among equal times. For several symbols each frame has a column ``symbol``
    (children and fills follow their parent).

    Args:
        parents: ``parent_id``, ``side`` (BUY or SELL), ``qty``, ``ts_intent``, ``ts_end``; optionally
            ``multiplier`` (currency per price unit, 1) and ``decision_price`` (a mid that was known at
            the decision and goes before the quotes').
        children: ``order_id``, ``parent_id``, ``qty``, ``ts_risk``, ``ts_submit``, ``ts_ack``;
            optionally ``arrival_price``, in the same way.
        fills: ``exec_id``, ``order_id``, ``ts``, ``qty``, ``price``, ``commission`` (currency, NaN while
            not known); corrections are applied.
        quotes: ``ts``, ``bid``, ``ask``, ``bid_size``, ``ask_size``.
        trades: the market's prints: ``ts``, ``price``, ``size``, ``eligible`` (for volume and its average).
        level: ``parent``, or ``child``: a child is held against its parent's decision and end.

    Returns:
        One row per parent (index ``parent_id``) or child (index ``order_id``), in the order given.

    Raises:
        ConfigError: a column is missing, times have no zone, an id is there twice or belongs to nobody.
    """
    rows, executed, market, names = _read(parents, children, fills, quotes, level)
    prints = None if trades is None else inputs.table(trades, inputs.TRADES, "trades")
    with np.errstate(divide="ignore", invalid="ignore"):
        return _measures(rows, executed, market, names, prints)


def measure_fills(parents: Any, children: Any, fills: Any, quotes: Any) -> pd.DataFrame:
    """
    The measures that single fills have; arguments and errors as in ``measure``.

    Returns:
        One row per effective fill, index ``exec_id``; columns ``order_id``, ``parent_id``, ``ts`` (UTC),
        ``sign`` (+1 buy, -1 sell), ``filled_qty``, ``price``, ``notional``, ``commission``, ``mid`` (just
        before it), and spreads, impact, markouts and price improvement as in ``measure``.
    """
    rows, executed, market, _ = _read(parents, children, fills, quotes, "parent")
    with np.errstate(divide="ignore", invalid="ignore"):
        each = spreads(rows, executed, market)
    columns = {
        "order_id": executed.order_id,
        "parent_id": rows.index[executed.rows],
        "ts": pd.DatetimeIndex(executed.ts.view("datetime64[ns]"), tz="UTC"),
        "sign": rows.sign[executed.rows],
        "filled_qty": executed.qty,
        "price": executed.price,
        "notional": executed.qty * executed.price * rows.multiplier[executed.rows],
        "commission": executed.fee,
    }
    return pd.DataFrame({**columns, **each}, index=executed.index)


def _read(
    parents: Any, children: Any, fills: Any, quotes: Any, level: str
) -> tuple[Rows, Fills, Quotes, inputs.Names]:
    if level not in LEVELS:
        raise ConfigError(f"The level is {level!r}; it is {' or '.join(LEVELS)}.")
    parents = inputs.table(parents, inputs.PARENTS, "parents")
    children = inputs.table(children, inputs.CHILDREN, "children")
    fills = inputs.table(fills, inputs.FILLS, "fills")
    quotes = inputs.table(quotes, inputs.QUOTES, "quotes")
    names = inputs.names_of(parents, quotes)
    rows, row_of_child = inputs.rows_of(parents, children, names, level)
    return rows, inputs.fills_of(fills, children, row_of_child), inputs.quotes_of(quotes, names), names


def _measures(
    rows: Rows, fills: Fills, quotes: Quotes, names: inputs.Names, trades: pd.DataFrame | None
) -> pd.DataFrame:
    count, symbols, sign = len(rows.index), rows.symbols, rows.sign
    filled = fills.total(fills.qty, count)
    value = fills.total(fills.qty * fills.price, count)
    fees = fills.total(fills.fee, count)
    notional, price = value * rows.multiplier, value / filled
    decision = _else(rows.decision, quotes.mid_at(symbols, rows.intent))
    arrival = _else(rows.arrival, quotes.mid_at(symbols, rows.submit))
    first, last = earliest(fills.rows, fills.ts, count), latest(fills.rows, fills.ts, count)

    def slippage(benchmark: Floats) -> Floats:
        return 1e4 * sign * (price - benchmark) / benchmark

    found: dict[str, Any] = {
        "filled_qty": filled,
        "fill_rate": filled / rows.ordered,
        "notional": notional,
        "avg_price": price,
        "n_fills": np.bincount(fills.rows, minlength=count).astype(np.int64),
        "n_children": rows.children,
        "decision_price": decision,
        "arrival_price": arrival,
        "decision_slippage_bps": slippage(decision),
        "arrival_slippage_bps": slippage(arrival),
        **shortfall(rows, fills, filled, decision, arrival, quotes.mid_at(symbols, rows.end), fees),
    }
    vwap = volume = np.full(count, np.nan)
    if trades is not None:
        vwap, volume = market_vwap(trades, names, symbols, rows.submit, last)
    average = twap(quotes, symbols, rows.submit, last)
    found |= {
        "vwap": vwap,
        "market_volume": volume,
        "vwap_slippage_bps": slippage(vwap),
        "participation": filled / np.where(volume > 0, volume, np.nan),
        "twap": average,
        "twap_slippage_bps": slippage(average),
    }
    each = spreads(rows, fills, quotes)
    improved = each["price_improvement"]
    found |= {
        name: fills.total(fills.qty * values, count) / filled
        for name, values in each.items()
        if name not in ("mid", "price_improvement")
    }
    better = np.where(np.isnan(improved), np.nan, improved > 0)
    found |= {
        "price_improvement": fills.total(fills.qty * improved, count) / filled,
        "shares_improved": fills.total(fills.qty * better, count),
        "intent_to_risk_ms": milliseconds(rows.intent, rows.risk),
        "risk_to_submit_ms": milliseconds(rows.risk, rows.submit),
        "submit_to_ack_ms": milliseconds(rows.submit, rows.ack),
        "ack_to_first_fill_ms": milliseconds(rows.ack, first),
        "first_to_last_fill_ms": milliseconds(first, last),
        "intent_to_first_fill_ms": milliseconds(rows.intent, first),
        "intent_to_last_fill_ms": milliseconds(rows.intent, last),
        "commission": fees,
        "commission_per_share": fees / filled,
        "commission_bps": 1e4 * fees / notional,
    }
    return pd.DataFrame(found, index=rows.index)


def _else(given: Floats, found: Floats) -> Floats:
    return np.where(np.isnan(given), found, given)
