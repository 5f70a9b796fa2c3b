"""Execution measures of a real session: quotes captured by the engine, told by the desk."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.errors import IntentError
from toolkit.gateway import PaperGateway
from toolkit.journal.quotes import FILE, read_quotes
from toolkit.journal.reader import JournalReader
from toolkit.orders.events import Accepted, Sent


def filled(desk: Desk, direction: str = "BUY") -> str:
    intent_id = (desk.buy if direction == "BUY" else desk.sell)("SPY", 100, strategy_id="momentum")
    desk.wait(intent_id, timeout=10)
    return intent_id


def test_the_verdict_and_the_send_carry_the_quote_of_their_moment(desk: Desk) -> None:
    desk.quote("SPY")
    intent_id = filled(desk)
    desk._settle()
    with JournalReader(desk.engine.settings.journal_path) as reader:
        facts = [event for event in reader.events() if event.intent_id == intent_id]
    accepted, sent = (next(fact for fact in facts if isinstance(fact, kind)) for kind in (Accepted, Sent))
    for fact in (accepted, sent):
        assert (float(fact.bid), float(fact.ask), fact.delayed) == (540.00, 540.02, False)
        assert fact.bid_size is not None
        assert fact.quote_at <= fact.at


def test_an_order_is_measured_against_the_quotes_of_its_own_session(desk: Desk) -> None:
    desk.quote("SPY")
    bought, sold = filled(desk), filled(desk, "SELL")
    found = desk.measures()
    assert found["decision_quote"].tolist() == ["decision", "decision"]
    assert found["strategy_id"].tolist() == ["momentum", "momentum"]
    for intent_id in (bought, sold):
        row = found.loc[intent_id]
        assert row["decision_price"] == row["arrival_price"] == pytest.approx(540.01)
        assert row["arrival_slippage_bps"] == pytest.approx(0.01 / 540.01 * 1e4)
        assert row["effective_spread"] == pytest.approx(0.02)
        assert row["is_total"] == pytest.approx(1 + 1)
        assert row["submit_to_ack_ms"] > 0


def test_the_first_order_of_a_contract_is_measured_from_the_quote_that_risk_saw(desk: Desk) -> None:
    assert desk.measures().empty
    row = desk.measures().reindex([filled(desk)])
    assert row["decision_quote"].isna().all()  # it was asked for before the order was there
    (row,) = desk.measures().to_dict("records")
    assert (row["decision_quote"], row["decision_price"]) == ("risk", pytest.approx(540.01))


def test_quotes_after_a_fill_are_recorded_for_its_markout(desk: Desk, market: PaperGateway) -> None:
    intent_id, ticks = filled(desk), count(1)

    def known() -> bool:
        cents = next(ticks) % 2 / 100
        market.market.set_quote("SPY", bid=541.00 + cents, ask=541.02 + cents)
        return bool(desk.measures()["markout_1s"].notna().all())

    wait_until(known, deadline=30)
    assert desk.measures().loc[intent_id, "markout_1s"] == pytest.approx(1, abs=0.03)
    assert desk.trading().fill_measures()["exchange"].notna().all()


def test_slices_of_one_parent_are_one_order(desk: Desk) -> None:
    columns = {"symbol": "SPY", "direction": "BUY", "order_type": "MARKET", "parent_id": "whole"}
    desk.wait(desk.submit(pd.DataFrame({"quantity": [60, 40], **columns})), timeout=10)
    (row,) = desk.measures().to_dict("records")
    assert (row["filled_qty"], row["fill_rate"], row["n_children"]) == (100, 1, 2)
    assert desk.measures(level="child")["filled_qty"].tolist() == [60, 40]


def test_the_timeline_of_an_order_tells_the_quotes_it_met_and_how_long_each_step_took(desk: Desk) -> None:
    told = desk.timeline(filled(desk)).set_index("event")
    assert list(told.index[:4]) == ["Received", "Accepted", "Reserved", "Sent"]
    assert told.loc["Sent", "detail"] == "bid 540, ask 540.02"
    assert (told["since_previous_ms"] >= 0).all()
    with pytest.raises(IntentError, match="No order is known"):
        desk.timeline("nobody")


def test_risk_decisions_are_a_frame(desk: Desk) -> None:
    with pytest.warns(UserWarning, match="was denied"):
        refused = desk.buy("SPY", 5_000)
    row = desk.decisions.loc[[refused]].iloc[0]
    assert (row["code"], row["passed"], row["observed"]) == ("MAX_ORDER_QUANTITY", False, 5_000)


def test_quotes_that_cannot_be_written_stop_no_order(market: PaperGateway, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / FILE).mkdir()
    with toolkit.connect(port=market.port, home=home) as desk:
        filled(desk)
        desk._settle()
        assert "cannot be written" in str(desk.engine.client.recorder.failure)
        sold = filled(desk, "SELL")
        assert desk.orders.loc[sold, "status"] == "Filled"
        assert desk.measures()["arrival_price"].notna().all()
    assert read_quotes(home / "journal.db") == []
