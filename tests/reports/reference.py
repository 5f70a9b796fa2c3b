"""
The execution measures once more, slowly: one order at a time, in plain loops over exact fractions.

Written from the table of formulas, not from the code under test, and kept as dull as possible: that is
what the fast ones are held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
NAN = math.nan


def effective(fills: Sequence[Row]) -> list[Row]:
    """Of the executions that share all but the last part of their id, the one with the highest last part."""
    best: dict[str, tuple[int, int]] = {}
    for place, fill in enumerate(fills):
        root, _, suffix = fill["exec_id"].rpartition(".")
        if root not in best or int(suffix) > best[root][0]:
            best[root] = int(suffix), place
    return [fills[place] for _, place in sorted(best.values(), key=lambda pair: pair[1])]


def quote_as_of(quotes: Sequence[Row], moment: datetime | None, *, before: bool = False) -> Row | None:
    """The last quote at or before a moment; with ``before`` strictly before it."""
    found = None
    if moment is None:
        return None
    for quote in sorted(quotes, key=lambda each: each["ts"]):
        if quote["ts"] < moment or (quote["ts"] == moment and not before):
            found = quote
    return found


def mid_of(quote: Row | None) -> Fraction | None:
    if quote is None or not quote["bid"] > 0 or not quote["ask"] > 0:
        return None
    return (Fraction(quote["bid"]) + Fraction(quote["ask"])) / 2


def mid_as_of(quotes: Sequence[Row], moment: datetime | None) -> Fraction | None:
    return mid_of(quote_as_of(quotes, moment))


def time_weighted(quotes: Sequence[Row], start: datetime | None, end: datetime | None) -> Fraction | None:
    """Integral of the mid over the window, divided by its length."""
    if start is None or end is None or end < start:
        return None
    if start == end:
        return mid_as_of(quotes, start)
    cuts = sorted({start, end, *(q["ts"] for q in quotes if start < q["ts"] < end)})
    area = Fraction(0)
    for left, right in pairwise(cuts):
        mid = mid_as_of(quotes, left)
        if mid is None:
            return None
        area += mid * microseconds(right - left)
    return area / microseconds(end - start)


def microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def milliseconds(start: datetime | None, end: datetime | None) -> float:
    return NAN if start is None or end is None else microseconds(end - start) / 1000


def first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((each for each in moments if each is not None), default=None)


def number(value: Fraction | None) -> float:
    return NAN if value is None else float(value)


def lifted(function: Any, *values: Any) -> Any:
    """The function of the values, None when any of them is missing."""
    return None if any(value is None for value in values) else function(*values)


def measure_one(
    parent: Row, children: Sequence[Row], fills: Sequence[Row], quotes: Sequence[Row], trades: Sequence[Row]
) -> dict[str, float]:
    """Every measure of one order, which these children and these effective fills belong to."""
    s = 1 if parent["side"] == "BUY" else -1
    q_ordered = Fraction(parent["qty"])
    fills = [fill for fill in fills if fill["qty"] != 0]
    f = sum((Fraction(fill["qty"]) for fill in fills), Fraction(0))
    value = sum((Fraction(fill["qty"]) * Fraction(fill["price"]) for fill in fills), Fraction(0))
    p = value / f if f else None
    submitted = first(child["ts_submit"] for child in children)
    p_d, p_0 = mid_as_of(quotes, parent["ts_intent"]), mid_as_of(quotes, submitted)
    p_n = mid_as_of(quotes, parent["ts_end"])
    fees: Fraction | None = Fraction(0)
    for fill in fills:
        fees = None if fees is None or math.isnan(fill["commission"]) else fees + Fraction(fill["commission"])

    def moved(shares: Fraction, start: Fraction | None, end: Fraction | None) -> Fraction | None:
        return Fraction(0) if shares == 0 else lifted(lambda a, b: s * shares * (b - a), start, end)

    def paid(benchmark: Fraction | None) -> Fraction | None:
        return Fraction(0) if f == 0 else lifted(lambda b: s * f * (p - b), benchmark)

    def slippage(benchmark: Fraction | None) -> float:
        return number(lifted(lambda price, b: s * (price - b) / b * 10_000, p, benchmark))

    total = lifted(lambda *parts: sum(parts), paid(p_d), moved(q_ordered - f, p_d, p_n), fees)
    first_fill, last_fill = first(fill["ts"] for fill in fills), max((x["ts"] for x in fills), default=None)
    found = {
        "filled_qty": float(f),
        "fill_rate": float(f / q_ordered),
        "notional": float(value),
        "avg_price": number(p),
        "n_fills": len(fills),
        "n_children": len(children),
        "decision_price": number(p_d),
        "arrival_price": number(p_0),
        "decision_slippage_bps": slippage(p_d),
        "arrival_slippage_bps": slippage(p_0),
        "is_execution": number(paid(p_d)),
        "is_opportunity": number(moved(q_ordered - f, p_d, p_n)),
        "is_fees": number(fees),
        "is_total": number(total),
        "is_bps": number(lifted(lambda t, d: t / (q_ordered * d) * 10_000, total, p_d)),
        "is_delay": number(moved(q_ordered, p_d, p_0)),
        "is_delay_filled": number(moved(f, p_d, p_0)),
        "is_delay_unfilled": number(moved(q_ordered - f, p_d, p_0)),
        "is_trading": number(paid(p_0)),
        "is_opportunity_from_arrival": number(moved(q_ordered - f, p_0, p_n)),
    }
    window = None if submitted is None or last_fill is None else (submitted, last_fill)
    prints = [t for t in trades if window and t["eligible"] and window[0] <= t["ts"] <= window[1]]
    volume = sum((Fraction(t["size"]) for t in prints), Fraction(0))
    turnover = sum((Fraction(t["size"]) * Fraction(t["price"]) for t in prints), Fraction(0))
    vwap = turnover / volume if volume else None
    twap = time_weighted(quotes, submitted, last_fill)
    found |= {
        "vwap": number(vwap),
        "market_volume": float(volume) if window else NAN,
        "vwap_slippage_bps": slippage(vwap),
        "participation": float(f / volume) if volume else NAN,
        "twap": number(twap),
        "twap_slippage_bps": slippage(twap),
    }

    def mean(of_fill: Any) -> float:
        """Weighted by shares; missing when it is missing for any fill, or there is none."""
        values = [of_fill(fill) for fill in fills]
        if not values or any(value is None for value in values):
            return NAN
        return float(sum(v * Fraction(fill["qty"]) for v, fill in zip(values, fills, strict=True)) / f)

    def before(fill: Row) -> Fraction | None:
        return mid_of(quote_as_of(quotes, fill["ts"], before=True))

    def improvement(fill: Row) -> Fraction | None:
        quote = quote_as_of(quotes, fill["ts"], before=True)
        side = None if quote is None else quote["ask" if s > 0 else "bid"]
        return s * (Fraction(side) - Fraction(fill["price"])) if side is not None and side > 0 else None

    def price(fill: Row) -> Fraction:
        return Fraction(fill["price"])

    found["effective_spread"] = mean(lambda x: lifted(lambda m: 2 * s * (price(x) - m), before(x)))
    found["effective_spread_bps"] = mean(
        lambda x: lifted(lambda m: 2 * s * (price(x) - m) / m * 10_000, before(x))
    )
    end_of_quotes = max((quote["ts"] for quote in quotes), default=None)
    for seconds in (1, 10, 60, 300):

        def after(fill: Row, seconds: int = seconds) -> Fraction | None:
            moment = fill["ts"] + timedelta(seconds=seconds)
            return mid_as_of(quotes, moment) if end_of_quotes and moment <= end_of_quotes else None

        measures = {
            "realised_spread": lambda x, m, h: (2 * s * (price(x) - h), m),
            "price_impact": lambda x, m, h: (2 * s * (h - m), m),
            "markout": lambda x, m, h: (s * (h - price(x)), price(x)),
        }
        for name, formula in measures.items():

            def money(x: Row, formula: Any = formula, name: str = name) -> Fraction | None:
                m, h = before(x), after(x)
                needed = (h,) if name != "price_impact" else (m, h)
                return lifted(lambda *_: formula(x, m, h)[0], *needed)

            def bps(x: Row, formula: Any = formula, name: str = name) -> Fraction | None:
                m, h = before(x), after(x)
                needed = (h,) if name == "markout" else (m, h)
                return lifted(lambda *_: formula(x, m, h)[0] / formula(x, m, h)[1] * 10_000, *needed)

            found[f"{name}_{seconds}s"] = mean(money)
            found[f"{name}_{seconds}s_bps"] = mean(bps)
    gains = [improvement(fill) for fill in fills]
    better = [fill["qty"] for fill, gain in zip(fills, gains, strict=True) if gain is not None and gain > 0]
    risk, ack = first(c["ts_risk"] for c in children), first(c["ts_ack"] for c in children)
    return found | {
        "price_improvement": mean(improvement),
        "shares_improved": NAN if None in gains else float(sum(better)),
        "intent_to_risk_ms": milliseconds(parent["ts_intent"], risk),
        "risk_to_submit_ms": milliseconds(risk, submitted),
        "submit_to_ack_ms": milliseconds(submitted, ack),
        "ack_to_first_fill_ms": milliseconds(ack, first_fill),
        "first_to_last_fill_ms": milliseconds(first_fill, last_fill),
        "intent_to_first_fill_ms": milliseconds(parent["ts_intent"], first_fill),
        "intent_to_last_fill_ms": milliseconds(parent["ts_intent"], last_fill),
        "commission": number(fees),
        "commission_per_share": number(lifted(lambda c: c / f if f else None, fees)),
        "commission_bps": number(lifted(lambda c: c / value * 10_000 if value else None, fees)),
    }


def measure(
    parents: Sequence[Row],
    children: Sequence[Row],
    fills: Sequence[Row],
    quotes: Sequence[Row],
    trades: Sequence[Row] = (),
    level: str = "parent",
) -> dict[str, dict[str, float]]:
    """Every measure of every order: id -> measure -> value."""
    found = {}
    fills = effective(fills)
    for parent in parents:
        ours = [child for child in children if child["parent_id"] == parent["parent_id"]]
        symbol = parent.get("symbol")
        seen = [quote for quote in quotes if quote.get("symbol") == symbol]
        printed = [trade for trade in trades if trade.get("symbol") == symbol]
        families = [(parent["parent_id"], parent, ours)]
        if level == "child":
            families = [(child["order_id"], {**parent, "qty": child["qty"]}, [child]) for child in ours]
        for name, order, some in families:
            ids = {child["order_id"] for child in some}
            executed = [fill for fill in fills if fill["order_id"] in ids]
            found[name] = measure_one(order, some, executed, seen, printed)
    return found


def round_trips(fills: Sequence[Row], method: str = "fifo") -> list[dict[str, Any]]:
    """Share by share: every share is a lot of its own, closed one at a time."""
    open_shares: list[tuple[int, int]] = []  # (fill number, sign)
    pairs: dict[tuple[int, int], int] = {}
    for number_, fill in enumerate(fills):
        sign = 1 if fill["side"] == "BUY" else -1
        for _ in range(int(fill["qty"])):
            if open_shares and open_shares[0][1] != sign:
                lot, _ = open_shares.pop(0 if method == "fifo" else -1)
                pairs[lot, number_] = pairs.get((lot, number_), 0) + 1
            else:
                open_shares.append((number_, sign))
    rows = []
    for (opened, closed), shares in pairs.items():
        a, b = fills[opened], fills[closed]
        sign = 1 if a["side"] == "BUY" else -1
        gross = sign * shares * (Fraction(b["price"]) - Fraction(a["price"]))
        fees = shares * (Fraction(a["commission"]) / a["qty"] + Fraction(b["commission"]) / b["qty"])
        rows.append(
            {
                "open": a["ts"],
                "close": b["ts"],
                "direction": "LONG" if sign > 0 else "SHORT",
                "qty": shares,
                "gross": float(gross),
                "fees": float(fees),
                "net": float(gross - fees),
                "duration_s": (b["ts"] - a["ts"]).total_seconds(),
            }
        )
    return rows
