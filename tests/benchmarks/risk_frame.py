"""What it costs to judge a frame of a million intents, beside the same checks in bare numpy."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from tests.benchmarks.measure import Figure, interleaved
from tests.risk.cases import FAIR
from tests.risk.desk import Desk, quote
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.frame import check

PRICES = {"SPY": 500.0, "QQQ": 400.0, "ES": 5000.0}
MULTIPLIERS = {"SPY": 1.0, "QQQ": 1.0, "ES": 50.0}
ROOMY = 10**12
LIMITS = {"max_order_quantity": 250, "max_open_orders_per_side": 10**7}


def run(*, quick: bool) -> list[Figure]:
    """A frame with room for every order, and one that soon uses up what there is."""
    rounds, rows = (2, 100_000) if quick else (5, 1_000_000)
    frame, figures = _frame(rows), []
    for what, gross in (("with room", ROOMY), ("limit used up", 10**8)):
        checker, desk = SimpleRiskChecker({**LIMITS, "max_gross_exposure": gross}), _desk()
        values, ratios = interleaved(
            rounds,
            partial(_cpu, partial(check, frame, checker, desk)),
            partial(_cpu, partial(bare, frame, gross)),
        )
        name = f"risk, CPU of check on {rows:,} rows, {what}"
        figures.append(Figure(name, values, "s", "bare numpy", ratios, "< 2 s, < 10 x"))
    return figures


def bare(frame: pd.DataFrame, gross: float) -> pd.DataFrame:
    """The same checks in floats and one pass, each row after all others that pass by themselves."""
    symbols, names = pd.factorize(frame.symbol)
    sides, types = (pd.factorize(frame[name])[0] for name in ("direction", "order_type"))
    price = np.array([PRICES[name] for name in names])[symbols]
    factor = np.array([MULTIPLIERS[name] for name in names])[symbols]
    quantity, limit = frame.quantity.to_numpy(), frame.limit_price.to_numpy()
    bad_quantity = ~(quantity > 0)
    too_many = quantity > LIMITS["max_order_quantity"]
    no_limit = (types == 1) & ~(limit > 0)
    alone = ~(bad_quantity | too_many | no_limit | (sides > 1) | (types > 1))
    exposure, count = np.zeros(len(frame)), np.zeros(len(frame), np.int64)
    for symbol in range(len(names)):
        here = np.flatnonzero(symbols == symbol)
        counted = np.where(alone[here], quantity[here], 0.0)
        open_by_side = [np.cumsum(np.where(sides[here] == side, counted, 0.0)) for side in (0, 1)]
        dearest = np.maximum.accumulate(np.fmax(price[here], limit[here]))
        worst = np.maximum(*open_by_side) * dearest * factor[here]
        exposure[here] = np.diff(worst, prepend=0.0)
        for side in (0, 1):
            same = here[sides[here] == side]
            count[same] = np.cumsum(alone[same])
    total = np.cumsum(exposure)
    failed = {
        "BAD_QUANTITY": bad_quantity,
        "MAX_ORDER_QUANTITY": too_many,
        "MISSING_LIMIT_PRICE": no_limit,
        "MAX_GROSS_EXPOSURE": total > gross,
        "MAX_OPEN_ORDERS_PER_SIDE": count > LIMITS["max_open_orders_per_side"],
    }
    key = np.zeros(len(frame), np.int64)
    for bit, where in enumerate(failed.values()):
        key |= where.astype(np.int64) << bit
    codes, keys = pd.factorize(key)
    texts = [",".join(name for bit, name in enumerate(failed) if each >> bit & 1) for each in keys]
    observed = np.where(too_many, quantity, np.where(total > gross, total, np.nan))
    shown = np.where(too_many, 250.0, np.where(total > gross, gross, np.nan))
    return frame.assign(
        approved=key == 0, reason_codes=np.array(texts, object)[codes], observed=observed, limit=shown
    )


def _frame(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    symbol = np.array(list(PRICES), object)[random.integers(0, len(PRICES), rows)]
    order_type = np.array(["MARKET", "LIMIT"], object)[random.integers(0, 2, rows)]
    near = pd.Series(symbol).map(PRICES).to_numpy() + random.integers(-20, 20, rows) * 0.01
    return pd.DataFrame(
        {
            "symbol": symbol,
            "direction": np.array(["BUY", "SELL"], object)[random.integers(0, 2, rows)],
            "quantity": random.integers(1, 300, rows).astype(float),
            "order_type": order_type,
            "limit_price": np.where(order_type == "LIMIT", near.round(2), np.nan),
        }
    )


def _desk() -> Desk:
    quotes = {**FAIR, "QQQ": quote("399.99", "400.01"), "ES": quote("4999.75", "5000.25")}
    return Desk(marks=dict(PRICES), quotes=quotes)


def _cpu(work: Callable[[], object]) -> float:
    """CPU of one call, in seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began
