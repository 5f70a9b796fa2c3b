"""Targets, weights and signals as orders: they lead to the target, within the caps, in any order of rows."""

from __future__ import annotations

from decimal import ROUND_HALF_DOWN, Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.builders import OPEN
from toolkit import intents
from toolkit.desk.intents import rows_of
from toolkit.errors import IntentError

SYMBOLS = ("AAPL", "MSFT", "QQQ", "SPY")
shares = st.integers(-5_000, 5_000)
open_shares = st.one_of(st.just(0), st.integers(0, 3_000))
price = st.integers(1, 100_000).map(lambda cents: cents / 100)


@st.composite
def books(draw: st.DrawFn) -> tuple[dict[str, int], pd.DataFrame, dict[str, float]]:
    """Targets, what is held and open, and prices."""
    symbols = draw(st.lists(st.sampled_from(SYMBOLS), unique=True))
    held = pd.DataFrame(
        [
            {"position": draw(shares), "open_buys": draw(open_shares), "open_sells": draw(open_shares)}
            for _ in symbols
        ],
        index=symbols,
        columns=["position", "open_buys", "open_sells"],
    )
    targets = {symbol: draw(shares) for symbol in symbols}
    return targets, held, {symbol: draw(price) for symbol in symbols}


def signed(orders: pd.DataFrame) -> pd.Series[float]:
    """Shares by symbol, buys > 0."""
    sign = orders["direction"].map({"BUY": 1.0, "SELL": -1.0}).astype(float)
    return (sign * orders["quantity"]).groupby(orders["symbol"]).sum()


few = settings(max_examples=25)
"""Enough for every run, each builds frames; a hunt for more raises it."""


class TestThatTheTargetIsReached:
    @few
    @given(books(), st.sampled_from([1, 10, 100]), st.sampled_from(["zero", "nearest"]))
    def test_orders_and_what_is_held_and_open_add_up_to_the_rounded_target(
        self, book: Any, lot: int, rounding: Any
    ) -> None:
        targets, held, _ = book
        orders = intents.from_targets(targets, held, lot=lot, rounding=rounding, crossing="allow")
        told = signed(orders)
        for symbol, target in targets.items():
            row = held.loc[symbol]
            reached = row["position"] + row["open_buys"] - row["open_sells"] + told.get(symbol, 0.0)
            assert reached % lot == 0
            assert abs(reached - target) <= (lot - 1 if rounding == "zero" else lot / 2)
            if rounding == "zero":
                assert abs(reached) <= abs(target)

    @few
    @given(books())
    def test_a_split_leads_to_the_same_place_as_one_order(self, book: Any) -> None:
        targets, held, _ = book
        one = signed(intents.from_targets(targets, held, crossing="allow"))
        two = signed(intents.from_targets(targets, held, crossing="split"))
        assert one.to_dict() == two.to_dict()

    @few
    @given(books())
    def test_when_everything_has_filled_there_is_nothing_left_to_order(self, book: Any) -> None:
        targets, held, _ = book
        orders = intents.from_targets(targets, held, crossing="allow")
        now = held["position"] + held["open_buys"] - held["open_sells"]
        after = now.add(signed(orders), fill_value=0.0)
        assert intents.from_targets(targets, after).empty

    @given(st.decimals(-1000, 1000, places=3), st.sampled_from([1, 7, 100]))
    def test_the_nearest_lot_is_the_nearest_and_of_two_the_one_nearer_to_zero(
        self, target: Decimal, lot: int
    ) -> None:
        planned = intents.plan({"SPY": target}, rounding="nearest", lot=lot)
        assert planned.loc["SPY", "target"] == (target / lot).to_integral_value(ROUND_HALF_DOWN) * lot


class TestThatZeroIsNotCrossed:
    @few
    @given(books(), st.one_of(st.none(), st.integers(0, 10**7)))
    def test_in_whatever_order_open_orders_fill(self, book: Any, cap: int | None) -> None:
        targets, held, prices = book
        told = signed(intents.from_targets(targets, held, prices, max_turnover=cap))
        for symbol, delta in told.items():
            row = held.loc[symbol]
            up, down = row["position"] + row["open_buys"], row["position"] - row["open_sells"]
            if delta < 0 and up > 0:
                assert down + delta >= 0
            if delta > 0 and down < 0:
                assert up + delta <= 0

    @few
    @given(books())
    def test_the_first_half_of_a_split_does_not_cross_either(self, book: Any) -> None:
        targets, held, _ = book
        clipped = intents.plan(targets, held, crossing="clip")["delta"]
        assert intents.plan(targets, held, crossing="split")["delta"].equals(clipped)

    def test_a_long_position_with_a_short_target_is_closed_and_the_plan_says_so(self) -> None:
        planned = intents.plan({"SPY": -50}, {"SPY": 100})
        assert planned.loc["SPY", ["delta", "held_back"]].to_list() == [-100.0, "would cross zero"]

    def test_a_split_is_two_orders_with_labels_of_their_own(self) -> None:
        orders = intents.from_targets({"SPY": -50}, {"SPY": 100}, crossing="split")
        assert orders["quantity"].to_dict() == {"SPY": 100.0, "SPY beyond zero": 50.0}
        assert set(orders["direction"]) == {"SELL"}

    def test_an_open_buy_may_fill_after_a_new_sale_so_there_is_none(self) -> None:
        held = pd.DataFrame({"position": [0.0], "open_buys": [100.0], "open_sells": [0.0]}, index=["SPY"])
        assert intents.from_targets({"SPY": -50}, held).empty

    def test_a_flat_position_may_be_opened_on_either_side(self) -> None:
        orders = intents.from_targets({"SPY": 10, "QQQ": -10})
        assert signed(orders).to_dict() == {"QQQ": -10.0, "SPY": 10.0}


class TestCaps:
    @few
    @given(books(), st.integers(0, 10**7), st.sampled_from([1, 100]))
    def test_the_turnover_stays_below_its_cap_and_every_order_keeps_its_side(
        self, book: Any, cap: int, lot: int
    ) -> None:
        targets, held, prices = book
        free = intents.plan(targets, held, prices, lot=lot)
        capped = intents.plan(targets, held, prices, lot=lot, max_turnover=cap)
        assert capped["notional"].sum() <= cap * (1 + 1e-12)
        assert (capped["delta"] * free["delta"] >= 0).all()
        assert (capped["delta"].abs() <= free["delta"].abs()).all()
        if free["notional"].sum() <= cap:
            assert_frame_equal(capped, free)

    @few
    @given(books(), st.integers(0, 2_000), st.integers(0, 500_000))
    def test_no_order_is_smaller_than_what_is_worth_sending(
        self, book: Any, min_shares: int, min_notional: int
    ) -> None:
        targets, held, prices = book
        rules = {"min_shares": min_shares, "min_notional": min_notional}
        orders = intents.from_targets(targets, held, prices, **rules, max_turnover=2_000_000)
        assert (orders["quantity"] >= min_shares).all()
        worth = orders["quantity"] * orders["symbol"].map(prices).astype(float)
        assert (worth >= min_notional * (1 - 1e-12)).all()

    def test_the_plan_says_what_was_held_back(self) -> None:
        planned = intents.plan(
            {"AAPL": 3, "SPY": 100, "QQQ": 0},
            None,
            {"AAPL": 200, "SPY": 500},
            min_shares=5,
            max_turnover=25_000,
        )
        assert planned["held_back"].to_dict() == {
            "AAPL": "below min_shares",
            "QQQ": "",
            "SPY": "above max_turnover",
        }
        assert planned.loc["SPY", "delta"] == 50


class TestRows:
    @few
    @given(books(), st.randoms(use_true_random=False))
    def test_the_order_of_rows_does_not_matter(self, book: Any, random: Any) -> None:
        targets, held, prices = book
        shuffled = random.sample(sorted(targets), len(targets))
        again = {symbol: targets[symbol] for symbol in shuffled}
        rules: dict[str, Any] = {"max_turnover": 1_000_000, "min_notional": 1_000, "crossing": "split"}
        assert_frame_equal(
            intents.from_targets(again, held.loc[shuffled], prices, **rules),
            intents.from_targets(targets, held, prices, **rules),
        )

    @few
    @given(books())
    def test_every_row_is_an_intent(self, book: Any) -> None:
        orders = intents.from_targets(*book, crossing="split", strategy_id="momentum")
        rows = rows_of(orders, lambda label: f"id-{label}".replace(" ", "-"), now=OPEN)
        assert [row.problem for row in rows] == [""] * len(orders)

    def test_no_targets_are_no_orders_with_the_same_columns(self) -> None:
        some, none = intents.from_targets({"SPY": 1}), intents.from_targets({})
        assert none.empty
        assert none.dtypes.equals(some.dtypes)
        assert intents.plan({}).dtypes.equals(intents.plan({"SPY": 1}).dtypes)

    def test_what_is_no_target_is_left_alone_unless_told_to_be_closed(self) -> None:
        held = {"SPY": 100, "QQQ": -40}
        assert intents.from_targets({}, held).empty
        assert signed(intents.from_targets({}, held, close_others=True)).to_dict() == {
            "QQQ": 40.0,
            "SPY": -100.0,
        }

    def test_the_desks_own_frame_of_positions_brings_its_open_orders(self) -> None:
        positions = pd.DataFrame(
            {"position": [100.0], "working_buys": [20.0], "working_sells": [50.0]}, index=["SPY"]
        )
        assert signed(intents.from_targets({"SPY": 200}, positions)).to_dict() == {"SPY": 130.0}

    def test_the_desks_own_portfolio_by_contract_brings_its_symbols(self) -> None:
        portfolio = pd.DataFrame(
            {"symbol": ["SPY"], "position": [100.0], "open_buys": [20.0], "open_sells": [0.0]}, index=[756733]
        )
        assert signed(intents.from_targets({"SPY": 200}, portfolio)).to_dict() == {"SPY": 80.0}


class TestWeightsAndSignals:
    def test_a_weight_is_a_part_of_the_capital(self) -> None:
        orders = intents.from_weights({"SPY": 0.3, "QQQ": -0.1}, None, {"SPY": 100, "QQQ": 30}, 100_000)
        assert signed(orders).to_dict() == {"QQQ": -333.0, "SPY": 300.0}

    @given(st.dictionaries(st.sampled_from(SYMBOLS), st.floats(-10, 10), min_size=1), st.floats(0.1, 2))
    def test_weights_follow_the_signals_and_add_up_to_the_gross(
        self, signals: dict[str, float], gross: float
    ) -> None:
        assume(sum(map(abs, signals.values())) > 1e-6)
        weights = intents.weights_of(signals, gross=gross)
        assert weights.abs().sum() == pytest.approx(gross)
        assert all(weights[symbol] * signal >= 0 for symbol, signal in signals.items())
        assert intents.weights_of(signals, gross=gross, max_weight=0.05).abs().max() <= 0.05

    def test_neutral_weights_add_up_to_nothing(self) -> None:
        weights = intents.weights_of({"SPY": 3.0, "QQQ": 1.0, "AAPL": 0.5}, neutral=True)
        assert weights.sum() == pytest.approx(0)
        assert weights.abs().sum() == pytest.approx(1)

    def test_no_signal_holds_nothing(self) -> None:
        assert intents.weights_of({"SPY": 0.0}).to_dict() == {"SPY": 0.0}
        assert intents.from_signals(
            {"SPY": 1.0, "QQQ": 1.0}, None, {"SPY": 1, "QQQ": 1}, 100, neutral=True
        ).empty

    def test_signals_travel_with_their_orders(self) -> None:
        orders = intents.from_signals({"SPY": 2.0, "QQQ": -1.0}, None, {"SPY": 10, "QQQ": 10}, 3_000)
        assert orders["signal_strength"].to_dict() == {"QQQ": -1.0, "SPY": 2.0}
        assert signed(orders).to_dict() == {"QQQ": -100.0, "SPY": 200.0}


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (lambda: intents.plan({"SPY": float("nan")}), "target of SPY is nan, not a finite number"),
            (lambda: intents.plan(pd.Series([1, 2], index=["SPY", "SPY"])), "target has SPY twice"),
            (lambda: intents.plan({7: 1}), "the labels must be symbols"),
            (lambda: intents.plan(pd.DataFrame({"SPY": [1]})), "give a Series or a dict"),
            (lambda: intents.plan({"SPY": 1}, {"SPY": None}), "position of SPY is None"),
            (lambda: intents.plan({"SPY": 1}, pd.DataFrame(index=["SPY"])), "no column 'position'"),
            (lambda: intents.plan({"SPY": 1}, max_turnover=100), "price of SPY is missing"),
            (
                lambda: intents.from_weights({"SPY": 1}, None, {"SPY": 0}, 100),
                "price of SPY is 0; it must be",
            ),
            (lambda: intents.from_weights({"SPY": 1}, None, {}, 100), "price of SPY is missing"),
            (lambda: intents.plan({"SPY": 1}, lot=0), "lot is 0"),
            (lambda: intents.plan({"SPY": 1}, rounding="up"), "must be zero or nearest"),
            (lambda: intents.plan({"SPY": 1}, crossing="no"), "must be clip, split or allow"),
        ],
    )
    def test_a_figure_that_is_none_is_named(self, call: Any, sentence: str) -> None:
        with pytest.raises(IntentError, match=sentence):
            call()

    def test_a_symbol_with_a_stock_and_an_option_is_refused(self) -> None:
        positions = pd.DataFrame({"position": [100.0, 2.0]}, index=["SPY", "SPY"])
        with pytest.raises(IntentError, match="position has SPY twice"):
            intents.from_targets({"SPY": 10}, positions)
