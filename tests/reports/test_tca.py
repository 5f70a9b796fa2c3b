"""Execution measures: as-of rules, signs, what is missing, and agreement with a slow reference."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from tests.builders import at
from tests.reports import markets, reference
from tests.reports.markets import child, fill, parent, quote, trade
from toolkit.errors import ConfigError
from toolkit.reports import tca
from toolkit.reports.inputs import CHILDREN, FILLS, PARENTS, QUOTES, TRADES

HORIZONS = ("1s", "10s", "60s", "300s")
COLUMNS = """
    filled_qty fill_rate notional avg_price n_fills n_children decision_price arrival_price
    decision_slippage_bps arrival_slippage_bps is_execution is_opportunity is_fees is_total is_bps
    is_delay is_delay_filled is_delay_unfilled is_trading is_opportunity_from_arrival vwap market_volume
    vwap_slippage_bps participation twap twap_slippage_bps effective_spread effective_spread_bps
    price_improvement shares_improved intent_to_risk_ms risk_to_submit_ms submit_to_ack_ms
    ack_to_first_fill_ms first_to_last_fill_ms intent_to_first_fill_ms intent_to_last_fill_ms
    commission commission_per_share commission_bps
"""
"""Those whose names do not follow from a horizon."""
QUOTED = [quote(0, 99, 101), quote(2, 100, 102), quote(30, 109, 111)]


def measured(fills, *, order=None, children=None, quotes=QUOTED, trades=None, level="parent"):
    """The measures of one order."""
    frame = tca.measure(
        [order or parent()], [child()] if children is None else children,
        fills, quotes, trades, level,
    )  # fmt: skip
    return frame.iloc[0]


def tables(market):
    """A market as frames with all columns."""
    columns = {"parents": PARENTS, "children": CHILDREN, "fills": FILLS, "quotes": QUOTES, "trades": TRADES}
    return {name: markets.framed(rows, *columns[name]) for name, rows in market.items()}


def assert_agrees(found: pd.DataFrame, expected: dict[str, dict[str, float]]) -> None:
    assert list(found.index) == list(expected)
    slow = pd.DataFrame.from_dict(expected, orient="index", columns=list(found.columns))
    for name in found.columns:
        fast = found[name].to_numpy(float)
        np.testing.assert_allclose(fast, slow[name].to_numpy(float), rtol=1e-9, atol=1e-9, err_msg=name)


# --- agreement and identities ----------------------------------------------------------------------


@given(markets.markets())
@settings(max_examples=25, deadline=None)
def test_the_measures_agree_with_the_slow_reference(market):
    for level in ("parent", "child"):
        found = tca.measure(**tables(market), level=level)
        assert_agrees(found, reference.measure(**market, level=level))


@given(markets.markets(("SPY", "QQQ", "IBM")))
@settings(max_examples=12, deadline=None)
def test_each_symbol_is_held_against_its_own_market(market):
    if market["parents"] and market["quotes"] and market["trades"]:
        assert_agrees(tca.measure(**tables(market)), reference.measure(**market))


@given(markets.markets())
@settings(max_examples=25, deadline=None)
def test_the_identities_hold(market):
    found = tca.measure(**tables(market))
    for horizon in HORIZONS:
        for unit in ("", "_bps"):
            parts = found[f"realised_spread_{horizon}{unit}"] + found[f"price_impact_{horizon}{unit}"]
            known = parts.notna()
            np.testing.assert_allclose(parts[known], found[f"effective_spread{unit}"][known], atol=1e-9)
    split = found["is_delay"] + found["is_trading"] + found["is_opportunity_from_arrival"] + found["is_fees"]
    known = split.notna() & found["is_total"].notna()
    np.testing.assert_allclose(split[known], found["is_total"][known], rtol=1e-9, atol=1e-9)
    delays = found["is_delay_filled"] + found["is_delay_unfilled"]
    np.testing.assert_allclose(delays[known], found["is_delay"][known], rtol=1e-9, atol=1e-9)


@given(markets.markets())
@settings(max_examples=12, deadline=None)
def test_the_order_of_the_rows_does_not_matter(market):
    frames = tables(market)
    # Rows of one moment keep their order: of two quotes with one time the later one holds.
    turned = {name: frame.iloc[::-1] for name, frame in frames.items() if name not in ("quotes", "fills")}
    pd.testing.assert_frame_equal(
        tca.measure(**{**frames, **turned}).sort_index(), tca.measure(**frames).sort_index()
    )


# --- the table of formulas, by hand ----------------------------------------------------------------


def test_a_buyer_who_pays_more_has_a_cost():
    row = measured([fill(5, 60, 101.5), fill(6, 40, 102, exec_id="F.01")])
    assert (row["filled_qty"], row["fill_rate"], row["n_fills"]) == (100, 1, 2)
    assert row["avg_price"] == pytest.approx(101.7)
    assert (row["decision_price"], row["arrival_price"]) == (100, 101)
    assert row["decision_slippage_bps"] == pytest.approx(170)
    assert row["arrival_slippage_bps"] == pytest.approx(70 / 1.01)
    assert row["is_execution"] == pytest.approx(170)
    assert row["is_total"] == pytest.approx(172)
    assert row["is_bps"] == pytest.approx(172)
    assert (row["is_delay"], row["is_opportunity"]) == (100, 0)
    assert row["is_trading"] == pytest.approx(70)


def test_a_seller_who_gets_less_has_a_cost():
    row = measured([fill(5, 100, 100.5)], order=parent(side="SELL"))
    assert row["arrival_slippage_bps"] == pytest.approx(50 / 1.01)
    assert row["is_delay"] == -100
    assert row["is_trading"] == pytest.approx(50)
    assert row["price_improvement"] == pytest.approx(0.5)


def test_what_did_not_fill_costs_what_the_market_ran_away():
    row = measured([fill(5, 60, 101)])
    assert row["fill_rate"] == 0.6
    assert row["is_opportunity"] == pytest.approx(40 * (110 - 100))
    assert row["is_opportunity_from_arrival"] == pytest.approx(40 * (110 - 101))


def test_a_markout_is_good_when_the_market_follows():
    row = measured([fill(5, 100, 102)], quotes=[*QUOTED, quote(400, 109, 111)])
    assert row["markout_60s"] == pytest.approx(8)
    assert row["markout_60s_bps"] == pytest.approx(80_000 / 102)
    assert row["effective_spread"] == 2
    assert row["price_impact_60s"] == 18
    assert row["realised_spread_60s"] == -16


def test_the_volume_of_the_market_is_that_of_eligible_prints_in_the_window():
    prints = [trade(1.9, 90, 1000), trade(2, 100, 100), trade(4, 104, 300), trade(4, 1, 1, False),
              trade(5, 101, 100), trade(5.1, 90, 1000)]  # fmt: skip
    row = measured([fill(5, 100, 102)], trades=prints)
    assert row["market_volume"] == 500
    assert row["vwap"] == pytest.approx((100 * 100 + 300 * 104 + 100 * 101) / 500)
    assert row["participation"] == 0.2


def test_the_time_weighted_mid_counts_how_long_each_quote_held():
    row = measured([fill(42, 100, 105)])
    assert row["twap"] == pytest.approx((28 * 101 + 12 * 110) / 40)


def test_a_multiplier_turns_prices_into_money():
    plain = measured([fill(5, 60, 101.5)])
    future = measured([fill(5, 60, 101.5)], order=parent(multiplier=50))
    assert future["notional"] == 50 * plain["notional"]
    assert future["is_execution"] == pytest.approx(50 * plain["is_execution"])
    assert future["decision_slippage_bps"] == plain["decision_slippage_bps"]


# --- which quote counts -----------------------------------------------------------------------------


def test_decision_and_arrival_take_a_quote_of_their_own_moment():
    row = measured([fill(5, 100, 102)], order=parent(intent=2))
    assert row["decision_price"] == 101


def test_a_fill_is_held_against_the_quote_strictly_before_it():
    row = measured([fill(30, 100, 102)])
    assert row["effective_spread"] == pytest.approx(2)


def test_of_two_quotes_of_one_moment_the_later_one_holds():
    row = measured([fill(5, 100, 102)], quotes=[*QUOTED, quote(2, 102, 104)])
    assert row["arrival_price"] == 103


def test_a_horizon_after_the_last_quote_is_missing_and_one_at_it_is_not():
    row = measured([fill(20, 100, 102)])
    assert row["markout_10s"] == pytest.approx(8)
    assert math.isnan(row["markout_60s"])
    assert math.isnan(row["realised_spread_60s_bps"])


def test_before_the_first_quote_there_is_no_benchmark():
    row = measured([fill(5, 100, 102)], order=parent(intent=-1))
    assert math.isnan(row["decision_price"])
    assert math.isnan(row["is_total"])
    assert row["arrival_slippage_bps"] == pytest.approx(10_000 / 101)


def test_a_quote_without_a_side_is_no_benchmark():
    row = measured([fill(5, 100, 102)], quotes=[quote(0, 99, 101), quote(2, 0, 102)])
    assert math.isnan(row["arrival_price"])
    assert math.isnan(row["twap"])


def test_a_mid_that_was_known_at_the_decision_goes_before_the_quotes():
    given_ = measured(
        [fill(5, 100, 102)], order=parent(decision_price=100.5), children=[child(arrival_price=101.5)]
    )
    assert (given_["decision_price"], given_["arrival_price"]) == (100.5, 101.5)
    assert given_["is_delay"] == pytest.approx(100)


def test_the_arrival_of_a_parent_is_that_of_the_child_sent_first():
    children = [
        child(20, order_id="B", arrival_price=1.0), child(3, order_id="C", arrival_price=101.25),
        child(None, order_id="D", arrival_price=2.0),
    ]  # fmt: skip
    assert measured([fill(5, 100, 102)], children=children)["arrival_price"] == 101.25


# --- what is missing ---------------------------------------------------------------------------------


def test_ratios_over_no_shares_are_missing_and_sums_over_none_are_zero():
    row = measured([])
    missing = ["avg_price", "decision_slippage_bps", "effective_spread", "markout_1s_bps", "commission_bps",
               "commission_per_share", "price_improvement", "twap", "participation"]  # fmt: skip
    assert row[missing].isna().all()
    assert (row["filled_qty"], row["fill_rate"], row["is_execution"], row["commission"]) == (0, 0, 0, 0)
    assert row["is_total"] == row["is_opportunity"] == pytest.approx(1000)


def test_h39_a_commission_that_is_not_known_yet_is_missing_not_free():
    row = measured([fill(5, 50, 102, fee=math.nan), fill(6, 50, 102, exec_id="F.01")])
    assert row[["commission", "is_fees", "is_total", "commission_bps"]].isna().all()
    assert row["is_execution"] == pytest.approx(200)


def test_an_order_that_is_still_open_has_no_opportunity_cost_yet_unless_it_is_filled():
    assert math.isnan(measured([fill(5, 60, 101)], order=parent(end=None))["is_opportunity"])
    assert measured([fill(5, 100, 101)], order=parent(end=None))["is_opportunity"] == 0


def test_h34_a_corrected_execution_counts_once_and_a_bust_not_at_all():
    fills = [fill(5, 60, 101), fill(5, 50, 101, exec_id="E.02"), fill(6, 40, 101, exec_id="F.01"),
             fill(6, 0, 101, exec_id="F.02")]  # fmt: skip
    row = measured(fills)
    assert (row["filled_qty"], row["n_fills"], row["commission"]) == (50, 1, 1)


def test_h34_effective_fills_keep_the_highest_correction_of_each_execution():
    fills = pd.DataFrame({"exec_id": ["a.9", "b.01", "a.10", "b.01", "plain"], "qty": [1, 2, 3, 4, 5]})
    assert tca.effective_fills(fills)["qty"].tolist() == [2, 3, 5]


def test_nothing_at_all_is_a_frame_with_columns_and_no_rows():
    empty = tca.measure([], [], [], [])
    assert len(empty) == 0
    assert list(empty.columns) == list(measured([fill(5, 1, 1)]).index)


def test_every_column_of_the_interface_is_there():
    names = [f"{name}_{h}{unit}" for name in ("realised_spread", "price_impact", "markout")
             for h in HORIZONS for unit in ("", "_bps")]  # fmt: skip
    expected = COLUMNS.split()
    frame = tca.measure([parent()], [child()], [fill(5, 1, 1)], QUOTED)
    assert sorted(frame.columns) == sorted(expected + names)
    assert frame.index.name == "parent_id"
    assert tca.measure([parent()], [child()], [], QUOTED, level="child").index.name == "order_id"


# --- by fill ------------------------------------------------------------------------------------------


def test_a_parents_spread_is_the_share_weighted_mean_of_its_fills():
    fills = [fill(5, 60, 101.5), fill(6, 40, 102, exec_id="F.01")]
    each = tca.measure_fills([parent()], [child()], fills, QUOTED)
    assert each["parent_id"].tolist() == ["P", "P"]
    assert each["ts"].tolist() == [at(5), at(6)]
    mean = np.average(each["effective_spread"], weights=each["filled_qty"])
    assert measured(fills)["effective_spread"] == pytest.approx(mean)


# --- what cannot be measured -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"fills": [fill(5, 1, 1) | {"ts": at(5).replace(tzinfo=None)}]},
            "ts of the fills has no time zone",
        ),
        ({"fills": [fill(5, 1, 1, order_id="X")]}, "1 of the fills belong to no child"),
        ({"fills": [fill(5, -1, 1)]}, "negative qty"),
        ({"fills": [fill(5, 1, 1) | {"ts": None}]}, "has no time"),
        ({"children": [child(parent_id="X")]}, "belong to no parent"),
        ({"children": [child(), child()]}, "order_id C is there more than once"),
        ({"parents": [parent(side="Buy")]}, "side of parent P is 'Buy'"),
        ({"parents": [{"parent_id": "P"}]}, "parents lack the column side, qty, ts_intent, ts_end"),
        ({"level": "grandchild"}, "level is 'grandchild'"),
        ({"quotes": [quote(0, 1, 2, symbol="A"), quote(0, 1, 2, symbol="B")]}, "give the parents a column"),
        (
            {"parents": [parent(symbol="A"), parent(parent_id="Q", symbol="B")]},
            "give the quotes a column symbol",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, words):
    given_ = {"parents": [parent()], "children": [child()], "fills": [], "quotes": QUOTED, **changes}
    with pytest.raises(ConfigError, match=words):
        tca.measure(**given_)
