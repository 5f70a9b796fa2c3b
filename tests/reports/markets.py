"""Small made-up markets and the orders that traded in them, as rows."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from tests.builders import at

Rows = list[dict[str, Any]]


def quote(seconds: float, bid: float, ask: float, **more: Any) -> dict[str, Any]:
    return {"ts": at(seconds), "bid": bid, "ask": ask, "bid_size": 100, "ask_size": 100, **more}


def parent(qty: float = 100, side: str = "BUY", intent: float = 1, end: float | None = 60, **more: Any):
    row = {"parent_id": "P", "side": side, "qty": qty, "ts_intent": at(intent), "ts_end": moment(end)}
    return row | more


def child(
    submit: float | None = 2, risk: float | None = 1.5, ack: float | None = 2.5, qty: float = 100, **more: Any
):
    times = {"ts_risk": moment(risk), "ts_submit": moment(submit), "ts_ack": moment(ack)}
    return {"order_id": "C", "parent_id": "P", "qty": qty, **times, **more}


def fill(seconds: float, qty: float, price: float, fee: float = 1.0, exec_id: str = "E.01", **more: Any):
    row = {"exec_id": exec_id, "order_id": "C", "ts": at(seconds), "qty": qty, "price": price}
    return {**row, "commission": fee, **more}


def trade(seconds: float, price: float, size: float, eligible: bool = True, **more: Any) -> dict[str, Any]:
    return {"ts": at(seconds), "price": price, "size": size, "eligible": eligible, **more}


def moment(seconds: float | None):
    return None if seconds is None else at(seconds)


def framed(rows: Rows, *columns: str) -> pd.DataFrame:
    """A frame that has its columns even without rows."""
    return pd.DataFrame(rows, columns=list(columns) if not rows else None)


# --- by hypothesis -------------------------------------------------------------------------------

seconds = st.integers(0, 4_000).map(lambda tenths: tenths / 10)
prices = st.integers(9_000, 11_000).map(lambda cents: cents / 100)
sides = st.sampled_from(["BUY", "SELL"])


@st.composite
def quotes(draw: Any, **more: Any) -> Rows:
    """Up to 12 quotes, some crossed, some with a side missing, several at one moment."""
    rows = []
    for ts in sorted(draw(st.lists(seconds, max_size=12))):
        bid, ask = draw(prices), draw(prices)
        gone = draw(st.sampled_from(["", "", "", "", "bid", "ask"]))
        row = quote(ts, min(bid, ask), max(bid, ask), **more)
        rows.append(row | {gone: draw(st.sampled_from([0.0, math.nan]))} if gone else row)
    return rows


@st.composite
def family(draw: Any, name: str, **more: Any) -> tuple[dict[str, Any], Rows, Rows]:
    """A parent, its children and their fills, corrections among them."""
    children: Rows = []
    fills: Rows = []
    for number in range(draw(st.integers(0, 3))):
        order_id = f"{name}-{number}"
        steps = sorted(draw(st.lists(seconds, min_size=3, max_size=3)))
        steps = [None if draw(st.integers(0, 9)) == 0 else each for each in steps]
        risk, submit, ack = steps
        qty = 0
        for fill_number in range(draw(st.integers(0, 3))):
            shares = draw(st.integers(1, 50))
            qty += shares
            fee = draw(st.sampled_from([0.0, 0.35, 1.0, 1.0, math.nan]))
            root = f"{order_id}.{fill_number}"
            one = fill(draw(seconds), shares, draw(prices), fee, f"{root}.01", order_id=order_id)
            fills.append(one)
            if draw(st.integers(0, 4)) == 0:  # a correction, perhaps to nothing
                corrected = draw(st.integers(0, shares))
                fills.append(one | {"exec_id": f"{root}.02", "qty": corrected, "price": draw(prices)})
        qty += draw(st.sampled_from([0, 0, 10]))
        children.append(child(submit, risk, ack, max(qty, 1), order_id=order_id, parent_id=name))
    total = sum(each["qty"] for each in children) + draw(st.sampled_from([0, 0, 25]))
    end = draw(st.one_of(st.none(), seconds))
    row = parent(max(total, 1), draw(sides), draw(seconds), end, parent_id=name, **more)
    return row, children, fills


@st.composite
def markets(draw: Any, symbols: tuple[str | None, ...] = (None,)) -> dict[str, Rows]:
    """What ``measure`` takes: a few parents of each symbol."""
    found: dict[str, Rows] = {"parents": [], "children": [], "fills": [], "quotes": [], "trades": []}
    for symbol in symbols:
        more = {} if symbol is None else {"symbol": symbol}
        for number in range(draw(st.integers(0 if symbol else 1, 2))):
            row, children, fills = draw(family(f"{symbol or 'P'}{number}", **more))
            found["parents"].append(row)
            found["children"] += children
            found["fills"] += fills
        found["quotes"] += draw(quotes(**more))
        found["trades"] += [
            trade(draw(seconds), draw(prices), draw(st.integers(1, 500)), draw(st.booleans()), **more)
            for _ in range(draw(st.integers(0, 6)))
        ]
    return found
