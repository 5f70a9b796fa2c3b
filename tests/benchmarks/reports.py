"""What the measures of a long day cost, beside bare as-of joins of the same fills and quotes."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from tests.benchmarks.measure import Figure, interleaved
from toolkit.reports import tca
from toolkit.reports.spreads import HORIZONS

OPEN = pd.Timestamp("2026-01-05 14:30", tz="UTC")
DAY_NS = 23_400 * 10**9


def run(*, quick: bool) -> list[Figure]:
    """All measures of a day of parents, fills and quotes, and the memory that they take at most."""
    rounds, parents, fills, quotes = (
        (2, 1_000, 100_000, 500_000) if quick else (3, 10_000, 1_000_000, 5_000_000)
    )
    day = made_up_day(parents, fills, quotes)
    values, ratios = interleaved(
        rounds, partial(_cpu, partial(tca.measure, **day)), partial(_cpu, partial(bare, day))
    )
    name = f"reports, CPU of all measures, {parents:,} parents, {fills:,} fills, {quotes:,} quotes"
    held = sum(frame.memory_usage(deep=True).sum() for frame in day.values()) / 1e9
    return [
        Figure(name, values, "s", "six bare merge_asof", ratios, "< 20 s"),
        Figure(
            "reports, memory at its peak, the frames given included",
            [held + _peak_gb(day)],
            "GB",
            goal="< 4 GB",
        ),
    ]


def bare(day: dict[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """The quote before each fill and the one of each horizon, and nothing made of them."""
    fills = day["fills"][["ts", "qty", "price"]].sort_values("ts")
    quotes = day["quotes"][["ts", "bid", "ask"]]
    waits = [0, *HORIZONS.values()]
    return [
        pd.merge_asof(
            fills.assign(ts=fills["ts"] + pd.Timedelta(wait, "s")),
            quotes,
            on="ts",
            allow_exact_matches=wait > 0,
        )
        for wait in waits
    ]


def made_up_day(parents: int, fills: int, quotes: int) -> dict[str, pd.DataFrame]:
    """A random walk of quotes, and parents of one child each that trade in it."""
    random = np.random.default_rng(1)
    mid = 450 + np.cumsum(random.integers(-1, 2, quotes)) * 0.005
    start, length = random.integers(0, DAY_NS - 10**12, parents), random.integers(10**9, 10**12, parents)
    owner = random.integers(0, parents, fills)
    when = np.sort(start[owner] + (random.random(fills) * length[owner]).astype(np.int64))
    names = np.arange(parents).astype(str)
    qty = np.bincount(owner, minlength=parents) * 100.0 + 100
    steps = {"ts_risk": start + 10**6, "ts_submit": start + 2 * 10**6, "ts_ack": start + 9 * 10**6}
    return {
        "parents": pd.DataFrame(
            {"parent_id": names, "side": np.where(random.random(parents) < 0.5, "BUY", "SELL"), "qty": qty,
             "ts_intent": moments(start), "ts_end": moments(start + length)}
        ),
        "children": pd.DataFrame(
            {"order_id": names, "parent_id": names, "qty": qty, **{k: moments(v) for k, v in steps.items()}}
        ),
        "fills": pd.DataFrame(
            {"exec_id": [f"0000e0d5.{n:08x}.01" for n in range(fills)], "order_id": names[owner],
             "ts": moments(when), "qty": 100.0, "price": random.choice(mid, fills).round(2),
             "commission": 1.0}
        ),
        "quotes": pd.DataFrame(
            {"ts": moments(np.sort(random.integers(0, DAY_NS, quotes))), "bid": mid - 0.005,
             "ask": mid + 0.005, "bid_size": 100.0, "ask_size": 100.0}
        ),
    }  # fmt: skip


def moments(ns: np.ndarray) -> pd.DatetimeIndex:
    """Nanoseconds after the open, as times."""
    return OPEN + pd.to_timedelta(ns, unit="ns")


def _peak_gb(day: dict[str, pd.DataFrame]) -> float:
    tracemalloc.start()
    tca.measure(**day)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e9


def _cpu(work: Callable[[], object]) -> float:
    """CPU of one call, in seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began
