"""Means of measures by group, and how sure they are."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from toolkit.errors import ConfigError
from toolkit.reports.tca import aggregate


def orders(*rows):
    """A frame of (symbol, shares, notional, slippage)."""
    return pd.DataFrame(rows, columns=["symbol", "filled_qty", "notional", "arrival_slippage_bps"])


def test_means_are_weighted_by_shares_and_by_notional():
    found = aggregate(orders(("A", 100, 1_000, 1.0), ("A", 300, 1_000, 5.0), ("B", 1, 1, 2.0)), "symbol")
    row = found.loc[("A", "arrival_slippage_bps")]
    assert (row["n"], row["missing"]) == (2, 0)
    assert row["share_mean"] == pytest.approx(4)
    assert row["notional_mean"] == pytest.approx(3)


def test_what_is_not_known_or_not_filled_is_counted_and_weighs_nothing():
    found = aggregate(orders(("A", 100, 1_000, 1.0), ("A", 100, 1_000, math.nan), ("A", 0, 0, 9.0)), "symbol")
    row = found.loc[("A", "arrival_slippage_bps")]
    assert (row["n"], row["missing"], row["share_mean"]) == (3, 2, 1)


def test_a_group_of_which_nothing_is_known_has_no_mean():
    row = aggregate(orders(("A", 0, 0, math.nan)), "symbol").iloc[0]
    assert row.drop(["n", "missing"]).isna().all()


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    random = np.random.default_rng(4)
    rows = [(n, 100, 1_000, value) for n in range(120) for value in random.normal(2, 10, 40)]
    found = aggregate(orders(*rows), "symbol", resamples=200)
    covered = ((found["share_low"] < 2) & (found["share_high"] > 2)).mean()
    assert 0.86 < covered < 0.99


def test_the_interval_of_equal_weights_is_near_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(0, 10, 400)
    row = aggregate(orders(*(("A", 1, 1, value) for value in values)), "symbol", resamples=2000).iloc[0]
    half = 1.96 * values.std() / 20
    assert row["share_low"] == pytest.approx(values.mean() - half, abs=0.1)
    assert row["share_high"] == pytest.approx(values.mean() + half, abs=0.1)


def test_the_same_seed_gives_the_same_interval_whatever_other_groups_there_are():
    some = orders(*(("A", n, n, n % 7) for n in range(1, 50)))
    alone = aggregate(some, "symbol", seed=3)
    beside = aggregate(pd.concat([some, orders(("B", 1, 1, 1.0))]), "symbol", seed=3)
    pd.testing.assert_frame_equal(alone, beside.loc[["A"]])
    assert not alone.equals(aggregate(some, "symbol", seed=4))


def test_groups_may_be_of_several_columns():
    frame = orders(("A", 1, 1, 1.0), ("A", 1, 1, 3.0)).assign(hour=[9, 10])
    found = aggregate(frame, ["symbol", "hour"])
    assert found["share_mean"].tolist() == [1, 3]
    assert found.index.names == ["symbol", "hour", "measure"]


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no column strategy_id; join it first"):
        aggregate(orders(), "strategy_id")


def test_no_orders_are_no_groups():
    found = aggregate(orders(), "symbol")
    assert len(found) == 0
    assert "share_mean" in found
