"""The desk against the paper gateway: what a person asks for is what the gateway gets."""

from __future__ import annotations

import asyncio
import pydoc
import re
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.waiting import wait_until
from toolkit import intents
from toolkit.desk.desk import Desk
from toolkit.errors import ConfigError, IntentError, NotConnectedError
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.events import Executed
from toolkit.orders.state import OrderStatus

NAN = float("nan")


def basket(**changes: Any) -> pd.DataFrame:
    """One order that fills at once and one that rests."""
    columns = {
        "symbol": ["SPY", "QQQ"],
        "direction": ["BUY", "SELL"],
        "quantity": [100, 50],
        "order_type": ["MARKET", "LIMIT"],
        "limit_price": [NAN, 500.0],
    }
    return pd.DataFrame({**columns, **changes})


class TestOrders:
    def test_a_market_order_is_filled_and_everything_about_it_is_known(self, desk: Desk) -> None:
        intent_id = desk.buy("SPY", 100, strategy_id="momentum")
        order = desk.wait(intent_id, timeout=5).loc[intent_id]
        assert order["status"] == "Filled"
        assert (order["avg_fill_price"], order["commission"], order["currency"]) == (540.02, 1.0, "USD")
        assert (order["strategy_id"], order["account"]) == ("momentum", "DU123456")
        assert desk.fills["shares"].sum() == 100
        assert desk.reports["event"].iloc[0] == "Accepted"
        wait_until(lambda: desk.positions["position"].to_dict() == {"SPY": 100.0})

    def test_prices_reach_the_broker_as_written(self, desk: Desk, market: PaperGateway) -> None:
        desk.sell("QQQ", 50, limit=Decimal("470.10"), stop=455, tif="GTC", intent_id="careful")
        wait_until(lambda: market.ledger.orders.get("careful"))
        (sent,) = market.ledger.orders["careful"]
        assert (sent.action, sent.quantity, sent.tif) == ("SELL", 50, "GTC")
        assert (sent.limit_price, sent.stop_price) == (Decimal("470.1"), 455)

    def test_a_call_that_is_no_order_says_why_and_sends_nothing(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        with pytest.raises(IntentError, match="quantity is -1; it must be above 0"):
            desk.buy("SPY", -1)
        assert desk.orders.empty
        assert market.ledger.requests == []

    def test_a_denied_order_warns_and_never_reaches_the_broker(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        with pytest.warns(UserWarning, match=r"BUY 5000 SPY was denied: .*max_order_quantity"):
            intent_id = desk.buy("SPY", 5_000)
        assert desk.order(intent_id).reason_code == "MAX_ORDER_QUANTITY"
        assert market.ledger.requests == []

    def test_the_same_id_twice_is_one_order(self, desk: Desk, market: PaperGateway) -> None:
        for _ in range(2):
            assert desk.buy("SPY", 100, intent_id="once") == "once"
        desk.wait("once", timeout=5)
        assert len(market.ledger.orders["once"]) == 1

    def test_another_order_under_a_taken_id_is_refused(self, desk: Desk) -> None:
        desk.buy("SPY", 100, intent_id="once")
        with pytest.raises(IntentError, match="already stands with quantity 100, and now says 200"):
            desk.buy("SPY", 200, intent_id="once")

    def test_a_cancel_reaches_the_broker_and_comes_back(self, desk: Desk, market: PaperGateway) -> None:
        intent_id = desk.buy("SPY", 10, limit=500)
        assert desk.cancel(intent_id)
        assert desk.wait(intent_id, timeout=5).loc[intent_id, "status"] == "Cancelled"
        assert len(market.ledger.cancels) == 1
        assert not desk.cancel(intent_id)

    def test_a_change_reaches_the_broker_and_shows_in_the_order(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        intent_id = desk.buy("SPY", 10, limit=500)
        assert desk.replace(intent_id, quantity=5, limit=501)
        wait_until(lambda: desk.order(intent_id).quantity == 5)
        assert desk.orders.loc[intent_id, "quantity"] == 5
        assert market.ledger.requests[-1].limit_price == 501
        assert not desk.replace(intent_id, quantity=5)
        assert desk.buy("SPY", 10, limit=500, intent_id=intent_id) == intent_id  # the same call again
        assert len(market.ledger.requests) == 2
        assert desk.cancel(intent_id)

    def test_an_unknown_id_is_named(self, desk: Desk) -> None:
        for ask in (desk.order, desk.cancel, desk.wait, desk.replace):
            with pytest.raises(IntentError, match="'nobody'"):
                ask("nobody")


class TestFrames:
    def test_a_batch_that_runs_again_sends_nothing_twice(self, desk: Desk, market: PaperGateway) -> None:
        first = desk.submit(basket(), batch="rebalance")
        desk.wait(first.intent_ids[0], timeout=5)
        again = desk.submit(basket(), batch="rebalance")
        assert again.intent_ids == first.intent_ids
        assert {name: len(orders) for name, orders in market.ledger.orders.items()} == dict.fromkeys(
            first.intent_ids, 1
        )
        assert again.frame["status"].to_list() == ["Filled", "Submitted"]

    def test_a_batch_that_runs_again_after_a_restart_sends_nothing_twice(
        self, desk: Desk, market: PaperGateway, home: Path
    ) -> None:
        first = desk.submit(basket(), batch="rebalance")
        desk.wait(first.intent_ids[0], timeout=5)
        desk.close()
        with toolkit.connect(port=market.port, home=home) as later:
            assert later.submit(basket(), batch="rebalance").intent_ids == first.intent_ids
        assert [len(orders) for orders in market.ledger.orders.values()] == [1, 1]

    def test_without_a_batch_every_call_makes_new_orders(self, desk: Desk, market: PaperGateway) -> None:
        ids = {*desk.submit(basket()).intent_ids, *desk.submit(basket()).intent_ids}
        assert len(ids) == 4
        wait_until(lambda: market.ledger.orders.keys() == ids)

    def test_one_wrong_row_keeps_the_whole_frame_at_home(self, desk: Desk, market: PaperGateway) -> None:
        with pytest.raises(IntentError, match="1 of 2 rows cannot be: row 1, column quantity"):
            desk.submit(basket(quantity=[100, NAN]))
        assert desk.orders.empty
        assert market.ledger.requests == []

    def test_partial_sends_the_good_rows_and_denies_the_bad_ones_on_record(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        submission = desk.submit(basket(quantity=[100, NAN]), partial=True)
        desk.wait(submission.intent_ids, timeout=5)
        assert submission.frame["status"].to_list() == ["Filled", "Rejected"]
        assert submission.frame["reason_code"].to_list() == ["", "MISSING_QUANTITY"]
        assert list(market.ledger.orders) == [submission.intent_ids[0]]
        assert desk.reports["status"].to_list().count("Rejected") == 1

    def test_a_changed_row_of_a_sent_batch_is_refused(self, desk: Desk, market: PaperGateway) -> None:
        desk.submit(basket(), batch="rebalance")
        with pytest.raises(IntentError, match=r"row 0, column quantity: .* stands with quantity 100"):
            desk.submit(basket(quantity=[200, 50]), batch="rebalance")
        part = desk.submit(basket(quantity=[200, 50]), batch="rebalance", partial=True)
        assert part.frame["reason_code"].to_list() == ["DUPLICATE_INTENT", ""]
        wait_until(lambda: len(market.ledger.requests) == 2)
        assert all(len(orders) == 1 for orders in market.ledger.orders.values())

    def test_an_empty_frame_is_no_orders_with_the_same_columns(self, desk: Desk) -> None:
        nothing = desk.submit(basket().iloc[:0])
        assert nothing.frame.columns.equals(desk.submit(basket()).frame.columns)
        assert nothing.wait(timeout=1).empty

    def test_a_submission_prints_and_draws_how_its_orders_stand(self, desk: Desk) -> None:
        submission = desk.submit(basket())
        desk.wait(submission.intent_ids[0], timeout=5)
        assert repr(submission) == "<Submission of 2 orders: 1 Filled, 1 Submitted>"
        assert "QQQ" in submission._repr_html_()
        (axes,) = submission.plot().axes
        assert [label.get_text() for label in axes.get_yticklabels()] == ["Filled", "Submitted"]

    def test_an_id_that_cannot_be_one_is_refused_even_in_part(self, desk: Desk) -> None:
        with pytest.raises(IntentError, match="column intent_id"):
            desk.submit(basket(intent_id=["a b", "fine"]), partial=True)
        assert desk.orders.empty


class TestWaiting:
    def test_who_waits_too_long_hears_what_is_still_open(self, desk: Desk) -> None:
        resting = desk.buy("SPY", 10, limit=500, intent_id="resting")
        wait_until(lambda: desk.order(resting).status is OrderStatus.SUBMITTED)
        with pytest.raises(TimeoutError, match=r"1 of 1 orders are still open after 0.1 s: resting"):
            desk.wait(timeout=0.1)

    def test_an_order_that_fills_later_ends_the_wait(self, desk: Desk, market: PaperGateway) -> None:
        intent_id = desk.buy("SPY", 10, limit=500)
        wait_until(lambda: desk.order(intent_id).status is OrderStatus.SUBMITTED)
        mover = threading.Timer(0.1, lambda: market.market.set_quote("SPY", bid=499, ask=499.5))
        mover.start()
        assert desk.wait(timeout=5)["status"].to_list() == ["Filled"]
        mover.join()

    def test_a_caller_with_a_loop_of_its_own_keeps_it_running(self, desk: Desk) -> None:
        async def trade() -> str:
            frame = await desk.wait_async(desk.buy("SPY", 10), timeout=5)
            return str(frame["status"].iloc[0])

        assert asyncio.run(trade()) == "Filled"

    def test_nobody_waits_for_an_engine_that_has_stopped(self, desk: Desk) -> None:
        desk.buy("SPY", 10, limit=500)
        desk.close()
        with pytest.raises(NotConnectedError, match="has stopped"):
            desk.wait(timeout=5)

    def test_fills_are_heard_while_the_caller_sleeps(self, desk: Desk, market: PaperGateway) -> None:
        """Hazard H48: the journal has the fill within 100 ms of the gateway's, whatever the caller does."""
        intent_id = desk.buy("SPY", 10, limit=500)
        wait_until(lambda: desk.order(intent_id).status is OrderStatus.SUBMITTED)
        mover = threading.Timer(0.1, lambda: market.market.set_quote("SPY", bid=499, ask=499.5))
        mover.start()
        time.sleep(0.5)  # the caller is deaf; only the engine can have heard
        mover.join()
        (fill,) = market.ledger.fills_of(intent_id)
        with JournalReader(desk.engine.settings.journal_path) as journal:
            (heard,) = [event for event in journal.events() if isinstance(event, Executed)]
        assert timedelta(0) <= heard.at - fill.time < timedelta(milliseconds=100)


class TestReading:
    def test_frames_can_be_read_when_the_desk_is_closed(self, desk: Desk) -> None:
        desk.wait(desk.buy("SPY", 100), timeout=5)
        desk.close()
        assert (len(desk.orders), len(desk.fills)) == (1, 1)
        assert not desk.reports.empty
        assert not desk.account.empty
        assert "closed" in repr(desk)
        with pytest.raises(NotConnectedError, match="connect again"):
            desk.buy("SPY", 100)

    def test_a_quote_is_exact(self, desk: Desk) -> None:
        quote = desk.quote("SPY")
        assert (quote.bid, quote.ask, quote.mid) == (Decimal(540), Decimal("540.02"), Decimal("540.01"))

    def test_a_quote_of_what_nobody_trades_says_so(self, desk: Desk) -> None:
        with pytest.raises(IntentError, match="The broker knows no STK NOPE in USD"):
            desk.quote("NOPE")

    def test_the_account_is_told_in_numbers_and_in_the_brokers_words(self, desk: Desk) -> None:
        account = desk.account
        assert account.loc["NetLiquidation", "value"] == 1_000_000
        assert account.loc["NetLiquidation", "currency"] == "USD"
        assert account.loc["AccountType", "text"] == "INDIVIDUAL"

    def test_positions_count_what_open_orders_may_still_do(self, desk: Desk) -> None:
        desk.wait(desk.buy("SPY", 100), timeout=5)
        desk.sell("SPY", 40, limit=600)
        wait_until(lambda: not desk.positions.empty)
        assert desk.positions.loc["SPY", ["working_buys", "working_sells"]].to_list() == [0.0, 40.0]

    def test_an_open_order_counts_where_nothing_was_ever_held(self, desk: Desk) -> None:
        resting = desk.buy("SPY", 10, limit=500)
        wait_until(lambda: desk.order(resting).status is OrderStatus.SUBMITTED)
        figures = ["position", "working_buys", "working_sells", "currency"]
        assert desk.positions.loc["SPY", figures].to_list() == [0.0, 10.0, 0.0, "USD"]
        assert intents.from_targets({"SPY": 10}, desk.positions).empty

    def test_the_desks_help_is_a_manual_of_what_is_really_there(self, desk: Desk) -> None:
        told = pydoc.render_doc(desk, renderer=pydoc.plaintext)
        named = set(re.findall(r"(?<![.\w])desk\.(\w+)", told))
        assert {"buy", "sell", "submit", "wait", "cancel", "orders", "positions", "risk", "kill"} <= named
        assert [name for name in named if not hasattr(desk, name)] == []

    def test_the_desk_says_who_and_where_it_is(self, desk: Desk, market: PaperGateway) -> None:
        told = f"DU123456 PAPER, connected to 127.0.0.1:{market.port}, 0 orders, 0 working"
        assert repr(desk) == f"<Desk {told}>"
        assert told in desk._repr_html_()


class TestConnecting:
    def test_where_nothing_listens_the_paper_gateway_is_offered(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int
    ) -> None:
        monkeypatch.setenv("IBKR_PORT", str(unused_port))
        with pytest.raises(NotConnectedError, match=r'toolkit\.connect\("paper"\)'):
            toolkit.connect()

    def test_a_second_connection_takes_the_place_of_the_first(
        self, desk: Desk, market: PaperGateway, home: Path
    ) -> None:
        with toolkit.connect(port=market.port, home=home) as second:
            assert not desk.engine.running
            assert second.health()["ready"]

    def test_every_practice_has_a_journal_of_its_own_and_ends_with_its_desk(self, home: Path) -> None:
        folders = set()
        for _ in range(2):
            with toolkit.connect("paper", quotes=None, home=home) as desk:
                assert desk.health()["paper"]
                folders.add(desk.engine.settings.toolkit_home)
                assert desk.gateway is not None
                port = desk.gateway.port
            with pytest.raises(NotConnectedError, match="nothing listens"):
                toolkit.connect(port=port, home=home)
        assert {folder.parent for folder in folders} == {home / "practice"}
        assert len(folders) == 2

    def test_practice_ignores_what_the_environment_says_about_the_broker(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"PORT": "4001", "ACCOUNT": "U7654321", "READ_ONLY": "true"}.items():
            monkeypatch.setenv(f"IBKR_{name}", value)
        with toolkit.connect("paper", quotes=None) as desk:
            assert (desk.health()["account"], desk.health()["read_only"]) == ("DU123456", False)

    def test_limits_may_be_given_by_name(self, market: PaperGateway, home: Path) -> None:
        with (
            toolkit.connect(port=market.port, home=home, max_order_quantity=10) as desk,
            pytest.warns(UserWarning, match="above max_order_quantity 10"),
        ):
            desk.buy("SPY", 11)

    @pytest.mark.parametrize("options", [{"seeed": 1}, {"gateway": "papr"}, {"gateway": "paper", "port": 1}])
    def test_what_nobody_understands_is_refused(self, home: Path, options: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            toolkit.connect(**options)

    def test_a_forgotten_desk_is_closed(self, market: PaperGateway, home: Path) -> None:
        engine = toolkit.connect(port=market.port, home=home).engine
        wait_until(lambda: not engine.running)

    def test_a_program_that_forgets_to_close_ends_all_the_same(self, home: Path) -> None:
        program = (
            "import toolkit; desk = toolkit.connect('paper'); desk.wait(desk.buy('SPY', 1)); print('done')"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
        )
        assert (ended.stdout, ended.stderr) == ("done\n", "")

    def test_importing_the_desk_loads_neither_widgets_nor_the_gateway_nor_patches_asyncio(self) -> None:
        program = (
            "import sys, toolkit.desk.connecting; "
            "heavy = ('anywidget', 'ipywidgets', 'toolkit.gateway.'); "
            "print([name for name in sys.modules if name.startswith(heavy)], "
            "hasattr(__import__('asyncio'), '_nest_patched'))"
        )
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert told.stdout == "[] False\n"
