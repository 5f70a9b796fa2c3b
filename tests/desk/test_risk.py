"""The desk's view of risk, over a socket: judged before anything is sent, on a copy of the live book."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.gateway import PaperGateway


def basket(**changes: Any) -> pd.DataFrame:
    columns = {
        "symbol": ["SPY", "QQQ", "SPY", "NOPE"],
        "direction": ["BUY", "SELL", "BUY", "BUY"],
        "quantity": [100, 50, 5000, 1],
        "order_type": ["MARKET"] * 4,
    }
    return pd.DataFrame({**columns, **changes})


def test_a_frame_is_judged_with_quotes_of_its_own_and_nothing_is_sent(
    desk: Desk, market: PaperGateway
) -> None:
    checked = desk.risk.check(basket())
    assert checked["approved"].tolist() == [True, True, False, False]
    assert checked["reason_codes"].str.split(",").str[0].tolist()[2:] == ["MAX_ORDER_QUANTITY", "NO_CONTRACT"]
    assert market.ledger.orders == {}
    assert desk.orders.empty


def test_rows_without_any_symbol_are_denied_not_refused(desk: Desk) -> None:
    frame = basket().drop(columns="symbol")
    assert not desk.risk.check(frame)["approved"].any()
    assert len(desk.risk.check(frame.iloc[:0])) == 0


def test_the_frame_judged_is_the_frame_that_gets_through(desk: Desk) -> None:
    frame = basket().iloc[:3]
    checked = desk.risk.check(frame)
    after = desk.risk.portfolio(frame).set_index("symbol")
    submission = desk.submit(frame)
    orders = desk.wait(submission, timeout=10)
    assert (orders["status"] == "Filled").tolist() == checked["approved"].tolist()
    assert after.loc["SPY", ["open_buys", "open_buys_after"]].tolist() == [0, 100]
    wait_until(lambda: desk.positions["position"].to_dict() == {"SPY": 100.0, "QQQ": -50.0})
    held = desk.risk.portfolio().set_index("symbol")
    assert held["worst_case"].to_dict() == {"SPY": 100.0, "QQQ": 50.0}


def test_headroom_is_what_the_account_leaves_and_can_be_drawn(desk: Desk) -> None:
    desk.wait(desk.buy("SPY", 100), timeout=10)
    wait_until(lambda: desk.risk.headroom().loc["max_gross_exposure", "used"] > 0)
    used = desk.risk.headroom().loc["max_gross_exposure", "used"]
    more = desk.risk.headroom(basket().iloc[:2]).loc["max_gross_exposure", "used"]
    assert used == 100 * 540.01
    assert more == 200 * 540.01 + 50 * 460.01
    (axes,) = desk.risk.plot().axes
    assert "54,001 of 1,000,000 USD" in [text.get_text() for text in axes.texts]
