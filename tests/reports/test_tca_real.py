"""The measures on a recorded day: real quotes and prints of a stock, and orders that took the quote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.reports import reference
from toolkit.reports import tca

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
DAY = "XXX_20180102"
SHARES = 100


@pytest.fixture(scope="module")
def day():
    """Quotes, prints, and an order of two fills every half hour, the first at once, the second later."""
    if not (DATA / f"quotes_{DAY}.csv.gz").exists():
        pytest.skip("the recorded days are not beside this checkout (../shared/data)")
    quotes, trades = (
        pd.read_csv(DATA / f"{kind}_{DAY}.csv.gz", parse_dates=["ts_utc"]).rename(columns={"ts_utc": "ts"})
        for kind in ("quotes", "trades")
    )
    trades["eligible"] = trades["corr"].eq(0) & ~trades["cond"].fillna("").str.contains("[IZUWCNH]")
    open_ = pd.Timestamp("2018-01-02 14:35", tz="UTC")
    starts = pd.date_range(open_, periods=12, freq="30min")
    parents, children, fills = [], [], []
    for number, start in enumerate(starts):
        side, name = ("BUY", "SELL")[number % 2], f"P{number}"
        sent = start + pd.Timedelta("20ms")
        parents.append({"parent_id": name, "side": side, "qty": 3 * SHARES, "ts_intent": start,
                        "ts_end": start + pd.Timedelta("90s")})  # fmt: skip
        children.append({"order_id": f"{name}-C", "parent_id": name, "qty": 3 * SHARES, "ts_submit": sent,
                         "ts_risk": start, "ts_ack": sent + pd.Timedelta("5ms")})  # fmt: skip
        for part, wait in enumerate(("30ms", "60s")):
            when = sent + pd.Timedelta(wait)
            met = quotes[quotes["ts"] < when].iloc[-1]
            fills.append({"exec_id": f"{name}.{part}.01", "order_id": f"{name}-C", "ts": when, "qty": SHARES,
                          "price": met["ask" if side == "BUY" else "bid"], "commission": 1.0})  # fmt: skip
    return {"parents": parents, "children": children, "fills": fills, "quotes": quotes, "trades": trades}


def test_on_a_recorded_day_the_measures_agree_with_the_slow_reference(day):
    found = tca.measure(**day)
    for parent in (day["parents"][0], day["parents"][7]):
        # The slow one needs no more of the day than what the order can see.
        start = parent["ts_intent"] - pd.Timedelta("60s")
        until = parent["ts_intent"] + pd.Timedelta("420s")
        near = {name: day[name][day[name]["ts"].between(start, until)] for name in ("quotes", "trades")}
        rows = {name: frame.to_dict("records") for name, frame in near.items()}
        own = {name: [row for row in day[name] if row["parent_id"] == parent["parent_id"]]
               for name in ("children",)}  # fmt: skip
        fills = [row for row in day["fills"] if row["order_id"] == own["children"][0]["order_id"]]
        slow = reference.measure([parent], own["children"], fills, rows["quotes"], rows["trades"])
        expected = pd.Series(slow[parent["parent_id"]])
        fast = found.loc[parent["parent_id"], expected.index].astype(float)
        np.testing.assert_allclose(fast, expected, rtol=1e-9, atol=1e-9)


def test_on_a_recorded_day_who_takes_the_quote_pays_half_the_spread(day):
    found = tca.measure(**day)
    assert found.notna().all(axis=None)
    quotes = day["quotes"]
    half_bps = ((quotes["ask"] - quotes["bid"]) / (quotes["ask"] + quotes["bid"]) * 1e4).mean()
    mean = tca.aggregate(found.assign(day=DAY), "day").loc[(DAY, "effective_spread_bps"), "share_mean"]
    assert mean / 2 == pytest.approx(half_bps, rel=0.5)
    assert found["participation"].between(0, 1).all()
    prints = day["trades"].loc[day["trades"]["eligible"], "price"]
    assert found["vwap"].between(prints.min(), prints.max()).all()
