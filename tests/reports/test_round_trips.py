"""Round trips: which shares close which, and how fees travel with them."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import at
from tests.reports import reference
from toolkit.errors import ConfigError
from toolkit.reports.tca import round_trips

FILL_VIEW = ["open", "close", "direction", "qty", "gross", "fees", "net", "duration_s"]
FLAT_VIEW = ["direction", "qty", "entry", "exit", "gross", "fees", "net", "duration_s"]


def traded(*trades, fee=1.0):
    """One fill per (signed shares, price), a minute apart."""
    return [
        {"exec_id": f"{n}.01", "ts": at(60 * n), "side": "BUY" if shares > 0 else "SELL",
         "qty": abs(shares), "price": price, "commission": fee}
        for n, (shares, price) in enumerate(trades)
    ]  # fmt: skip


some_trades = st.lists(
    st.tuples(st.integers(-30, 30).filter(bool), st.integers(900, 1100).map(lambda n: n / 10)), max_size=12
)


@given(some_trades, st.sampled_from(["fifo", "lifo"]))
@settings(max_examples=30, deadline=None)
def test_they_agree_with_closing_share_by_share(trades, method):
    fills = traded(*trades)
    found = round_trips(fills, method)
    expected = pd.DataFrame(reference.round_trips(fills, method), columns=FILL_VIEW)
    key = ["open", "close"]
    found, expected = (each.sort_values(key, ignore_index=True) for each in (found, expected))
    assert found["direction"].tolist() == expected["direction"].tolist()
    for name in ("qty", "gross", "fees", "net", "duration_s"):
        assert found[name].tolist() == pytest.approx(expected[name].tolist(), abs=1e-9)


@given(some_trades)
@settings(max_examples=20, deadline=None)
def test_both_views_and_both_methods_add_up_to_the_same_money_once_flat(trades):
    position = sum(shares for shares, _ in trades)
    trades = [*trades, (-position, 100.0)] if position else trades
    sums = [
        round_trips(traded(*trades), method, view)[["gross", "fees", "net"]].sum().tolist()
        for method in ("fifo", "lifo")
        for view in ("fill", "flat")
    ]
    for each in sums[1:]:
        assert each == pytest.approx(sums[0], abs=1e-6)


def test_the_oldest_shares_are_closed_first_and_the_newest_on_request():
    fills = traded((100, 10), (100, 12), (-100, 13))
    assert round_trips(fills)["gross"].tolist() == [300]
    assert round_trips(fills, "lifo")["gross"].tolist() == [100]


def test_a_short_gains_when_the_price_falls():
    (row,) = round_trips(traded((-100, 12), (100, 10))).to_dict("records")
    assert (row["direction"], row["gross"], row["fees"], row["net"]) == ("SHORT", 200, 2, 198)
    assert (row["open"], row["close"], row["duration_s"]) == (at(0), at(60), 60)


def test_fees_travel_with_the_shares():
    found = round_trips(traded((100, 10), (-25, 11), (-75, 11)))
    assert found["fees"].tolist() == [1.25, 1.75]


def test_a_fill_that_crosses_zero_ends_one_trip_and_begins_the_next():
    found = round_trips(traded((100, 10), (-150, 11), (50, 9)), view="flat")
    assert list(found.columns) == FLAT_VIEW
    assert found["direction"].tolist() == ["LONG", "SHORT"]
    assert found["qty"].tolist() == [100, 50]
    assert found["gross"].tolist() == [100, 100]
    assert found["entry"].tolist() == [10, 11]


def test_from_flat_to_flat_prices_are_averages():
    found = round_trips(traded((100, 10), (300, 12), (-400, 13)), view="flat")
    assert (found.loc[0, "qty"], found.loc[0, "entry"], found.loc[0, "exit"]) == (400, 11.5, 13)


def test_fractions_come_back_to_flat():
    found = round_trips(traded((0.1, 10), (0.2, 10), (-0.3, 11)), view="flat")
    assert found["qty"].tolist() == [pytest.approx(0.3)]


def test_a_fee_that_is_not_known_makes_the_net_unknown():
    found = round_trips(traded((100, 10), (-100, 11), fee=math.nan))
    assert found["gross"].tolist() == [100]
    assert found[["fees", "net"]].isna().all(axis=None)


def test_symbols_are_apart_and_a_multiplier_makes_money_of_points():
    fills = pd.DataFrame(traded((2, 5000), (-2, 5001))).assign(symbol="ES", multiplier=50)
    other = pd.DataFrame(traded((-5, 10))).assign(symbol="SPY", multiplier=1)
    found = round_trips(pd.concat([fills, other]))
    assert found[["symbol", "gross"]].to_numpy().tolist() == [["ES", 100.0]]


def test_without_sides_a_negative_quantity_is_a_sell():
    fills = [{key: row[key] for key in row if key != "side"} for row in traded((100, 10), (100, 11))]
    fills[1]["qty"] = -100
    assert round_trips(fills)["gross"].tolist() == [100]


def test_nothing_closed_is_a_frame_with_columns_and_types():
    for fills in ([], traded((100, 10))):
        found = round_trips(fills)
        assert list(found.columns) == FILL_VIEW
        assert str(found["open"].dtype) == "datetime64[ns, UTC]"
        assert str(found["net"].dtype) == "float64"


@pytest.mark.parametrize(
    ("change", "words"), [({"method": "hifo"}, "method is 'hifo'"), ({"view": "lot"}, "view is 'lot'")]
)
def test_what_does_not_exist_is_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        round_trips([], **change)
