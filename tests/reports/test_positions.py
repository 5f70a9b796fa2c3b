"""What fills leave behind, at average cost."""

from __future__ import annotations

import math
from decimal import Decimal

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.builders import charged, denied, executed, order, placed, received, state_of
from toolkit.orders.events import Accepted
from toolkit.reports.positions import positions_frame


def trades(*signed_fills, symbol="SPY"):
    """One filled order per (shares, price): shares above 0 bought, below 0 sold, a second apart."""
    states = []
    for number, (shares, price) in enumerate(signed_fills, 1):
        side, word = ("BUY", "BOT") if shares > 0 else ("SELL", "SLD")
        name, exec_id = f"i{number}", f"{symbol}{number}.01"
        states.append(
            state_of(
                *placed(name, number, symbol=symbol, direction=side, quantity=abs(shares)),
                executed(abs(shares), price, exec_id, number, name, word),
                charged(1, exec_id, intent_id=name),
            )
        )
    return states


def test_buying_more_moves_the_average_cost():
    row = positions_frame(trades((100, 10), (300, 12))).loc["SPY"]
    assert (row["position"], row["average_cost"], row["realized"]) == (400, 11.5, 0)


def test_selling_some_realizes_against_the_average_cost_and_keeps_it():
    row = positions_frame(trades((100, 10), (100, 12), (-50, 13))).loc["SPY"]
    assert (row["position"], row["average_cost"], row["realized"]) == (150, 11, 100)


def test_selling_through_zero_opens_a_short_at_the_last_price():
    row = positions_frame(trades((100, 10), (-150, 12)), {"SPY": 11}).loc["SPY"]
    assert (row["position"], row["average_cost"], row["realized"]) == (-50, 12, 200)
    assert (row["market_value"], row["unrealized"]) == (-550, 50)


def test_covering_a_short_higher_loses():
    row = positions_frame(trades((-100, 10), (100, 12))).loc["SPY"]
    assert (row["position"], row["realized"], row["market_value"]) == (0, -200, 0)
    assert math.isnan(row["average_cost"])


def test_without_a_mark_an_open_position_has_no_value():
    row = positions_frame(trades((100, 10))).loc["SPY"]
    assert row[["mark", "market_value", "unrealized"]].isna().all()


def test_a_contract_counts_with_its_multiplier():
    future = placed("f", 1, symbol="ES", sec_type="FUT", quantity=2)
    future[1] = Accepted(intent_id="f", at=future[1].at, con_id=42, multiplier=Decimal(50))
    state = state_of(*future, executed(2, 4000, "F.01", intent_id="f"))
    row = positions_frame([state], {"ES": 4010}).loc["ES"]
    assert (row["con_id"], row["market_value"], row["unrealized"]) == (42, 401_000, 1000)


def test_open_orders_show_what_they_may_still_trade():
    partly = order(executed(30))
    selling = state_of(*placed("s", 8, direction="SELL", quantity=20))
    refused = state_of(received("d", symbol="QQQ"), denied(intent_id="d"))
    frame = positions_frame([partly, selling, refused])
    assert frame[["position", "working_buys", "working_sells"]].loc["SPY"].tolist() == [30, 70, 20]
    assert list(frame.index) == ["SPY"]


def test_one_symbol_in_two_accounts_is_two_positions():
    states = [order(executed(100), account="DU1"), *trades((100, 10))]
    assert positions_frame(states)["account"].tolist() == ["DU1", ""]


def test_an_unknown_commission_leaves_the_sum_unknown():
    """H39."""
    assert positions_frame(trades((100, 10), (100, 10))).loc["SPY", "commission"] == 2
    assert pd.isna(positions_frame([order(executed(100))]).loc["SPY", "commission"])


def test_no_orders_give_the_same_columns_without_rows():
    assert_frame_equal(positions_frame([]), positions_frame(trades((100, 10))).head(0))


SHARES = st.integers(-500, 500).filter(bool)
FILLS = st.lists(st.tuples(SHARES, st.integers(1, 100)), min_size=1, max_size=12)


@given(FILLS, st.integers(1, 100))
def test_realized_and_unrealized_profit_add_up_to_the_cash_and_the_value(fills, mark):
    row = positions_frame(trades(*fills), {"SPY": mark}).loc["SPY"]
    cash = -sum(shares * price for shares, price in fills)
    held = sum(shares for shares, _ in fills)
    assert row["position"] == held
    assert math.isclose(row["realized"] + row["unrealized"], cash + held * mark, abs_tol=1e-6)
