"""A journal's history as the frames that measures are taken from."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest
from msgspec.structs import replace

from tests.builders import accepted, at, cancelled, charged, denied, executed, received, reserved, sent
from toolkit.journal.quotes import RecordedQuote
from toolkit.reports.inputs import CHILDREN, FILLS, PARENTS, QUOTES
from toolkit.reports.session import LABELS, trading_of


def quoted(fact, bid, ask, seconds=None, **more):
    """A fact with the quote of its moment; ``seconds``: when its last tick came."""
    at_ = None if seconds is None else at(seconds)
    return replace(fact, bid=Decimal(str(bid)), ask=Decimal(str(ask)), quote_at=at_, **more)


def ordered(intent_id="a", *more, tick=-1, con_id=1, symbol="SPY", order_id=7, **changes):
    """An order that was sent, its quotes with it, and more facts."""
    return [
        received(intent_id, symbol=symbol, **changes),
        quoted(accepted(intent_id=intent_id, con_id=con_id), 99, 101, tick),
        reserved(order_id, intent_id),
        quoted(sent(intent_id), 100, 102, 0.003),
        *more,
    ]


def recorded(seconds, bid, ask, con_id=1):
    sides = (None if side is None else Decimal(str(side)) for side in (bid, ask))
    return RecordedQuote(con_id, "SPY", at(seconds), *sides, Decimal(5), Decimal(5))


def test_the_frames_have_the_columns_of_the_measures():
    for trading in (trading_of([]), trading_of(ordered())):
        wanted = {"parents": PARENTS, "children": CHILDREN, "fills": FILLS, "quotes": QUOTES}
        for name, columns in wanted.items():
            assert set(columns) <= set(getattr(trading, name))


def test_an_order_is_measured_from_the_quotes_in_its_own_facts():
    fill = executed(100, 102, "F.01", 5, "a")
    (row,) = trading_of(ordered("a", fill, charged(1, "F.01", 6, "a"))).measures().to_dict("records")
    assert (row["decision_quote"], row["decision_price"], row["arrival_price"]) == ("decision", 100, 101)
    assert row["is_total"] == pytest.approx(100 * (102 - 100) + 1)
    assert row["effective_spread"] == pytest.approx(2)
    assert (row["symbol"], row["hour"], row["currency"]) == ("SPY", 14, "USD")


def test_the_quote_that_came_with_the_intent_goes_first():
    (row,) = trading_of(ordered(arrival_bid=97, arrival_ask=99)).measures().to_dict("records")
    assert (row["decision_quote"], row["decision_price"]) == ("intent", 98)


def test_a_quote_that_came_after_the_decision_says_so():
    (row,) = trading_of(ordered(tick=0.0005)).measures().to_dict("records")
    assert (row["decision_quote"], row["decision_price"]) == ("risk", 100)


def test_without_a_quote_there_is_no_benchmark_and_the_row_says_so():
    events = [received("a"), accepted(None, None, "a", 1), reserved(7, "a"), sent("a")]
    row = trading_of([*events, executed(100, 102, "F.01", 5, "a")]).measures().loc["a"]
    assert row["decision_quote"] == "none"
    assert row[["decision_price", "arrival_price", "is_total", "effective_spread"]].isna().all()
    assert row["avg_price"] == 102


def test_a_delayed_quote_is_no_benchmark():
    events = ordered()
    events[1], events[3] = replace(events[1], delayed=True), replace(events[3], delayed=True)
    row = trading_of(events).measures().loc["a"]
    assert row["decision_quote"] == "none"
    assert math.isnan(row["arrival_price"])


def test_recorded_quotes_serve_the_horizons_of_their_contract():
    events = ordered("a", executed(100, 102, "F.01", 5, "a"))
    stream = [recorded(s, 103, 105) for s in range(6, 20, 5)] + [recorded(6, 1, 2, con_id=9)]
    row = trading_of(events, stream).measures().loc["a"]
    assert row["markout_10s"] == pytest.approx(2)
    assert math.isnan(row["markout_60s"])


def test_a_quote_that_nobody_confirmed_for_15_seconds_is_no_benchmark():
    events = ordered("a", executed(100, 102, "F.01", 40, "a"))
    row = trading_of(events, [recorded(60, 103, 105)]).measures().loc["a"]
    assert math.isnan(row["effective_spread"])
    assert math.isnan(row["twap"])
    assert row["arrival_price"] == 101


def test_slices_are_one_parent_and_what_risk_refused_of_it_was_wanted_too():
    refused = [received("c", parent_id="p", quantity=50), denied(intent_id="c")]
    events = [
        *ordered("a", executed(100, 102, "F.01", 5, "a"), parent_id="p"),
        *ordered("b", executed(60, 102, "G.01", 6, "b"), cancelled(7, "b"), order_id=8, parent_id="p"),
        *refused,
    ]
    trading = trading_of(events)
    (row,) = trading.measures().reset_index().to_dict("records")
    assert (row["parent_id"], row["n_children"], row["fill_rate"]) == ("p", 3, 160 / 250)
    (parent,) = trading.parents.to_dict("records")
    assert parent["ts_end"] == at(7)
    children = trading.measures(level="child")
    assert children["parent_id"].tolist() == ["p", "p", "p"]
    assert children["filled_qty"].tolist() == [100, 60, 0]


def test_an_order_that_risk_refused_whole_is_not_measured():
    assert trading_of([received("x"), denied(intent_id="x")]).measures().empty


def test_orders_from_before_can_be_left_out():
    later = ordered("b", order_id=8, created_at=at(60).isoformat())
    assert trading_of([*ordered("a"), *later], since=at(30)).parents["parent_id"].tolist() == ["b"]


def test_an_open_order_has_no_end():
    assert trading_of(ordered()).parents["ts_end"].isna().all()


def test_a_live_fill_happened_when_we_heard_of_it_and_a_recovered_one_when_the_broker_says():
    live = replace(executed(60, 102, "F.01", 5, "a"), at=at(5.25))
    late = replace(executed(40, 102, "G.01", 9, "a"), at=at(99), recovered=True)
    times = trading_of(ordered("a", live, late)).fills["ts"]
    assert times.tolist() == [at(5.25), at(9)]


def test_contracts_of_one_symbol_are_held_against_their_own_quotes():
    events = [*ordered("a", con_id=1), *ordered("b", con_id=2, order_id=8)]
    trading = trading_of(events)
    assert trading.parents["symbol"].tolist() == ["SPY 1", "SPY 2"]
    assert set(trading.quotes["symbol"]) == {"SPY 1", "SPY 2"}


def test_fills_can_be_grouped_by_venue():
    fills = trading_of(ordered("a", executed(100, 102, "F.01", 5, "a"))).fill_measures()
    assert fills["exchange"].tolist() == ["ARCA"]
    assert set(LABELS) <= set(fills)
    assert fills["ts"].iloc[0] - pd.Timestamp(at(0)) == timedelta(seconds=5)
