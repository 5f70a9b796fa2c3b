"""What is left of the limits, and the portfolio before and after a frame."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.risk.desk import Desk, working
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.frame import check
from toolkit.risk.headroom import headroom, headroom_frame
from toolkit.risk.portfolio import Portfolio, portfolio_frame, portfolio_of, with_approved

MARKS = {"SPY": 500.0, "QQQ": 400.0}


def desk(**changes: Any) -> Desk:
    return Desk(marks=dict(MARKS), **changes)


def rows(*each: dict[str, Any]) -> pd.DataFrame:
    basis = {"symbol": "SPY", "direction": "BUY", "quantity": 10, "order_type": "MARKET"}
    return pd.DataFrame([{**basis, **one} for one in each])


def after(frame: pd.DataFrame, book: Desk, **limits: Any) -> Portfolio:
    return with_approved(portfolio_of(book), check(frame, SimpleRiskChecker(limits), book), book)


def room(book: Desk, portfolio: Portfolio | None = None, **limits: Any) -> pd.DataFrame:
    rooms = headroom(portfolio or portfolio_of(book), SimpleRiskChecker(limits), book)
    return headroom_frame(rooms, book.currency)


def test_the_portfolio_counts_the_approved_rows_and_no_others() -> None:
    book = desk(held={"SPY": 100}, open_orders=[working("b", quantity=20, limit_price=490)])
    frame = rows({}, {"quantity": 5000}, {"direction": "SELL", "quantity": 150}, {"symbol": "QQQ"})
    portfolio = after(frame, book, max_order_quantity=1000)
    table = portfolio_frame(portfolio_of(book), portfolio).set_index("symbol")
    assert table.loc["SPY"].to_dict() == {
        "position": 100,
        "open_buys": 20,
        "open_sells": 0,
        "worst_case": 120,
        "value": 60_000,
        "open_buys_after": 30,
        "open_sells_after": 150,
        "worst_case_after": 130,
        "value_after": 65_000,
    }
    assert table.loc["QQQ", ["open_buys", "open_buys_after", "value_after"]].tolist() == [0, 10, 4000]
    assert portfolio.more == {1: 2, 2: 1}


def test_the_portfolio_after_a_frame_is_the_one_that_its_orders_would_make() -> None:
    frame = rows(
        {"order_type": "LIMIT", "limit_price": 510.5},
        {"quantity": 1},
        {"quantity": 2, "direction": "SELL", "order_type": "STOP", "stop_price": 480},
    )
    orders = [
        working("a", quantity=10, limit_price="510.5"),
        working("b", quantity=1, order_type="MARKET", limit_price=None),
        working("c", quantity=2, direction="SELL", order_type="STOP", limit_price=None, stop_price=480),
    ]
    assert after(frame, desk()).lines[1] == portfolio_of(desk(open_orders=orders)).lines[1]


def test_a_contract_without_a_price_has_no_value_but_is_shown() -> None:
    book = Desk(marks={}, held={"SPY": 5})
    table = portfolio_frame(portfolio_of(book), portfolio_of(book))
    assert table["position"].tolist() == [5]
    assert table["value"].isna().all()


def test_an_empty_account_has_an_empty_portfolio_with_all_its_columns() -> None:
    table = portfolio_frame(portfolio_of(desk()), portfolio_of(desk()))
    assert table.empty
    assert list(table.columns)[:3] == ["symbol", "position", "open_buys"]


@pytest.mark.parametrize(
    ("limit", "allowed", "used", "where"),
    [
        ("max_gross_exposure", 100_000, 68_000, ""),
        ("max_net_exposure", 100_000, 60_000, ""),
        ("max_position", 200, 120, "SPY"),
        ("max_open_orders", 5, 2, ""),
        ("max_open_orders_per_side", 4, 1, "SPY"),
        ("max_orders_per_day", 3, 1, "SPY"),
        ("max_orders_per_second", 7, 0, ""),
        ("max_order_efficiency_ratio", 20, 0, ""),
    ],
)
def test_what_is_used_of_each_limit_is_what_the_rules_would_count(
    limit: str, allowed: int, used: int, where: str
) -> None:
    orders = [working("b", quantity=20, limit_price=490), working("s", "QQQ", limit_price=400, quantity=20)]
    book = desk(held={"SPY": 100, "QQQ": -20}, open_orders=orders)
    found = room(book, **{limit: allowed}).loc[limit]
    assert (found["used"], found["allowed"], found["left"], found["where"]) == (
        used,
        allowed,
        allowed - used,
        where,
    )


def test_headroom_with_a_frame_counts_its_approved_rows() -> None:
    book = desk(held={"SPY": 100})
    limits = {"max_position": 150, "max_open_orders": 5, "max_orders_per_second": 5}
    found = room(book, after(rows({}, {}, {"quantity": 100}), book, **limits), **limits)
    assert found["used"].to_dict() == {
        "max_gross_exposure": 60_000,
        "max_open_orders": 2,
        "max_orders_per_second": 2,
        "max_position": 120,
        "max_open_orders_per_side": 2,
    }
    assert found["unit"].to_dict()["max_gross_exposure"] == "USD"


def test_a_limit_of_one_symbol_is_shown_where_it_is_nearest() -> None:
    book = desk(held={"SPY": 100, "QQQ": 9})
    found = room(book, max_position=1000, symbols={"QQQ": {"max_position": 10}}).loc["max_position"]
    assert (found["where"], found["used"], found["allowed"]) == ("QQQ", 9, 10)


def test_what_cannot_be_measured_says_what_is_missing() -> None:
    for book, missing in ((Desk(marks={}, held={"SPY": 5}), "SPY"), (desk(held=None), "positions")):
        found = room(book).loc["max_gross_exposure"]
        assert pd.isna(found["used"])
        assert missing in found["where"]
