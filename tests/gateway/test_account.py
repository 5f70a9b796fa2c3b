"""Money: commissions, cost, profit and margin of one account."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.gateway.account import Account, commission, commission_increments

D = Decimal
AAPL, MSFT = 265598, 272093


@pytest.mark.parametrize(("shares", "price", "charged"), [
    (100, 25, "1.00"), (1000, 25, "5.00"), (1000, "0.25", "2.50"),
])  # fmt: skip
def test_fixed_commission_matches_the_brokers_examples(shares, price, charged):
    assert commission(shares, price) == D(charged)


def test_the_cap_of_one_percent_beats_the_minimum():
    assert commission(10, 5) == D("0.50")


@pytest.mark.parametrize(("shares", "price", "charged"), [
    (100, 25, "0.35"), (1000, 25, "3.50"), (10, 2, "0.20"),
    (400_000, 10, "1250"),  # 300,000 at 0.0035 and 100,000 at 0.002
])  # fmt: skip
def test_tiered_commission_steps_down_with_size(shares, price, charged):
    assert commission(shares, price, plan="tiered") == D(charged)


def test_an_unknown_plan_is_refused():
    with pytest.raises(ConfigError, match="free"):
        commission(1, 1, plan="free")


def test_the_minimum_is_charged_once_per_order():
    assert commission_increments([(50, 20), (50, 20), (200, 20)]) == [D(1), D(0), D("0.50")]


def test_fills_may_be_the_dicts_that_simulate_returns():
    fills = [{"order": "a", "qty": 300, "price": 10.0}, {"order": "a", "qty": 100, "price": 10.0}]
    assert commission_increments(fills) == [D("1.50"), D("0.50")]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5000), st.decimals("0.01", "900", places=2)), min_size=1),
    st.sampled_from(["fixed", "tiered"]),
)
def test_increments_sum_to_one_commission_on_the_whole_order_and_never_refund(fills, plan):
    added = commission_increments(fills, plan)
    shares = sum(quantity for quantity, _ in fills)
    value = sum(quantity * price for quantity, price in fills)
    assert min(added) >= 0
    assert sum(added) == pytest.approx(commission(shares, value / shares, plan))


def test_average_cost_includes_the_commission():
    account = Account("DU1", D(10_000))
    holding, profit = account.fill(AAPL, D(100), D("10.00"), D("1.00"))
    assert (holding.position, holding.average_cost, profit) == (100, D("10.01"), None)


def test_closing_realises_profit_after_both_commissions():
    account = Account("DU1", D(10_000))
    account.fill(AAPL, D(100), D(10), D(1))
    _, profit = account.fill(AAPL, D(-100), D(11), D(1))
    assert profit == D(98)
    assert account.cash == D(10_098)


def test_a_short_gains_when_bought_back_lower():
    account = Account("DU1", D(10_000))
    account.fill(AAPL, D(-100), D(10), D(1))
    _, profit = account.fill(AAPL, D(40), D(9), D(1))
    assert profit == D("38.60")  # 40 x 1.00, less 0.40 of the first commission, less 1.00
    assert account.position(AAPL) == -60


def test_reversing_through_zero_opens_the_rest_at_the_new_price():
    account = Account("DU1", D(10_000))
    account.fill(AAPL, D(100), D(10), D(0))
    holding, profit = account.fill(AAPL, D(-150), D(12), D(0))
    assert profit == D(200)
    assert (holding.position, holding.average_cost) == (D(-50), D(12))


def test_margin_is_half_to_open_and_a_quarter_or_30_percent_to_keep():
    account = Account("DU1", D(10_000))
    account.fill(AAPL, D(100), D(20), D(0))
    account.fill(MSFT, D(-100), D(10), D(0))
    assert account.gross_position_value == D(3000)
    assert account.initial_margin == D(1500)
    assert account.maintenance_margin == D(500) + D(300)
    assert account.available_funds == D(8500)


def test_margin_after_a_trade_that_closes_is_lower():
    account = Account("DU1", D(10_000))
    account.fill(AAPL, D(100), D(20), D(0))
    assert account.margin_after(AAPL, D(-60), D(20)) == (D(400), D(200))


prices = st.decimals("0.5", "500", places=4)
moves = st.lists(
    st.one_of(
        st.tuples(
            st.just("fill"),
            st.sampled_from([AAPL, MSFT]),
            st.integers(-300, 300).filter(bool),
            prices,
        ),
        st.tuples(st.just("mark"), st.sampled_from([AAPL, MSFT]), st.just(0), prices),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(moves)
def test_the_books_balance_exactly_after_any_sequence(sequence):
    account = Account("DU1", D(1_000_000))
    cash = D(1_000_000)
    for kind, con_id, shares, price in sequence:
        if kind == "fill":
            fee = commission(shares, price)
            account.fill(con_id, D(shares), price, fee)
            cash -= shares * price + fee
        elif con_id in account.holdings:
            account.mark(con_id, price)
    values = [held.position * held.mark for held in account.holdings.values()]
    assert account.cash == cash
    assert account.net_liquidation == cash + sum(values)
    assert account.gross_position_value == sum(map(abs, values))
    unrealized = sum(held.unrealized for held in account.holdings.values())
    assert account.unrealized == unrealized
    assert account.realized + unrealized == account.net_liquidation - account.opening_cash
    assert account.realized == sum(held.realized for held in account.holdings.values())
