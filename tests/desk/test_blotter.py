"""The blotter without a browser: what its rows say, and what travels to the front end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests import builders
from tests.builders import OPEN, order
from tests.waiting import wait_until
from toolkit.desk import rows
from toolkit.desk.blotter import SHORTEST_PAUSE, Blotter
from toolkit.desk.desk import Desk
from toolkit.desk.feed import Feed, static_html, strip_of
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.reports.frames import Fill

HEALTH = {
    "running": True,
    "ready": True,
    "account": "DU1",
    "paper": True,
    "read_only": False,
    "control": "ACTIVE",
    "orders_working": 1,
    "orders_unknown": 0,
    "gateway": "127.0.0.1:4002",
    "error": "",
}
STRIP = strip_of(HEALTH, now=OPEN, last_event=None)


def cells(row: rows.Row, columns: tuple[rows.Column, ...]) -> dict[str, str]:
    """Heading -> text."""
    return {column.title: text for column, text in zip(columns, row["cells"], strict=True)}


class TestRows:
    def test_an_order_is_told_as_a_trader_writes_it(self) -> None:
        told = cells(rows.order_row(order(quantity=1000, limit_price=450.5)), rows.ORDERS)
        assert told["Time UTC"] == "14:30:00.000"
        assert (told["Side"], told["Qty"], told["Limit"], told["TIF"]) == (
            "BUY",
            "1,000",
            "450.50",
            "DAY",
        )
        assert (told["Filled"], told["Avg price"], told["Slip bps"]) == ("0", "", "")

    def test_a_fill_shows_in_quantity_price_and_slippage(self) -> None:
        row = rows.order_row(order(builders.executed(25, "450.30")))
        told = cells(row, rows.ORDERS)
        assert (told["Filled"], told["Avg price"], told["Slip bps"]) == ("25", "450.30", "+1.1")
        assert row["filled"] == 0.25
        assert told["Status"] == "Partially filled"

    @pytest.mark.parametrize(
        ("state", "word", "working"),
        [
            (order(), "Pending submit", True),
            (order(builders.status("Submitted")), "Submitted", True),
            (order(builders.executed()), "Filled", False),
            (order(builders.cancelled()), "Cancelled", False),
            (order(builders.rejected()), "Rejected", False),
            (order(builders.lost()), "Unknown", True),
            (builders.state_of(builders.received(), builders.denied()), "Denied", False),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_status_is_told_by_word_and_icon(self, state: OrderState, word: str, working: bool) -> None:
        row = rows.order_row(state)
        assert cells(row, rows.ORDERS)["Status"] == word
        assert row["icon"]
        assert row["working"] is working

    def test_every_status_has_a_word_and_an_icon(self) -> None:
        assert rows.STATUS.keys() == set(OrderStatus)

    def test_a_cancel_is_offered_once(self) -> None:
        assert rows.order_row(order(builders.status("Submitted")))["cancellable"]
        asked = order(builders.status("Submitted"), builders.cancel_requested())
        assert not rows.order_row(asked)["cancellable"]

    def test_a_refused_order_comes_with_its_reason_even_when_nobody_could_read_it(self) -> None:
        state = builders.state_of(builders.received(), builders.denied())
        told = cells(rows.refused_row(state), rows.REFUSED)
        assert (told["Code"], told["Reason"]) == ("MAX_ORDER_QUANTITY", "Too many shares.")

    def test_a_commission_that_is_not_known_is_not_zero(self) -> None:
        def commission(state: OrderState) -> str:
            row = rows.fill_row(Fill(state, next(iter(state.executions.values()))))
            return cells(row, rows.FILLS)["Commission"]

        assert commission(order(builders.executed())) == "not yet"
        assert commission(order(builders.executed(), builders.charged("1.00"))) == "1.00 USD"

    def test_a_correction_keeps_the_row_of_the_fill_it_corrects(self) -> None:
        before = order(builders.executed(100, "450.25", "0001.01.01"))
        after = order(
            builders.executed(100, "450.25", "0001.01.01"), builders.executed(90, exec_id="0001.01.02")
        )
        ids = [rows.tables([state], [])["fills"][0]["id"] for state in (before, after)]
        assert ids[0] == ids[1]

    @pytest.mark.parametrize(
        ("value", "text"), [("540", "540.00"), ("1.08455", "1.08455"), ("12345.5", "12,345.50")]
    )
    def test_prices_have_two_to_five_decimals(self, value: str, text: str) -> None:
        assert rows.price(Decimal(value)) == text


class TestFeed:
    def test_the_first_message_says_everything_and_later_ones_only_what_changed(self) -> None:
        feed = Feed()
        submitted = order(builders.status("Submitted"))
        other = order(intent_id="other")
        first = feed.message(STRIP, rows.tables([submitted, other], []))
        assert (first["kind"], len(first["tables"]["orders"])) == ("full", 2)
        assert first["columns"].keys() == first["tables"].keys()

        filled = order(builders.status("Submitted"), builders.executed())
        second = feed.message(STRIP, rows.tables([filled, other], []))
        assert second["kind"] == "delta"
        assert {name: [row["id"] for row in some] for name, some in second["tables"].items()} == {
            "orders": [filled.intent_id],
            "fills": ["0001.01"],
        }

    def test_a_sign_of_life_carries_no_rows(self) -> None:
        feed = Feed()
        feed.message(STRIP, rows.tables([order()], []))
        assert feed.message(STRIP, rows.tables([order()], []))["tables"] == {}

    def test_messages_are_numbered_without_holes(self) -> None:
        feed = Feed()
        assert [feed.message(STRIP, {})["number"] for _ in range(3)] == [1, 2, 3]

    def test_a_front_end_that_missed_something_is_told_everything_again(self) -> None:
        feed = Feed()
        feed.message(STRIP, rows.tables([order()], []))
        feed.forget()
        again = feed.message(STRIP, {})
        assert (again["kind"], len(again["tables"]["orders"])) == ("full", 1)


class TestStrip:
    def test_a_live_account_and_a_lost_link_are_told_in_words(self) -> None:
        strip = strip_of(
            {**HEALTH, "paper": False, "ready": False, "error": "The gateway went away."},
            now=OPEN,
            last_event=OPEN - timedelta(seconds=3),
        )
        assert (strip["mode"], strip["link"]) == ("LIVE", "NOT CONNECTED")
        assert strip["error"] == "The gateway went away."
        assert strip["now"] - strip["last_event"] == 3_000

    def test_a_fault_of_the_blotter_comes_first(self) -> None:
        assert strip_of(HEALTH, now=OPEN, last_event=None, fault="It broke.")["error"] == "It broke."


class TestStaticTable:
    def test_it_is_plain_html_with_the_newest_order_first(self) -> None:
        told = static_html(STRIP, [rows.order_row(order(intent_id=name)) for name in ("first", "second")])
        assert told.index("second") < told.index("first")
        assert "DU1 PAPER" in told
        assert "as of 2026-01-05 14:30:00 UTC" in told
        assert "<script" not in told

    def test_what_a_strategy_calls_itself_cannot_become_markup(self) -> None:
        row = rows.order_row(order(strategy_id="<b>&"))
        assert "&lt;b&gt;&amp;" in static_html(STRIP, [row])

    def test_a_long_day_is_cut_and_says_so(self) -> None:
        many = [rows.order_row(order(intent_id=f"order-{number}")) for number in range(130)]
        told = static_html(STRIP, many)
        assert told.count("<tr>") == 101
        assert "and 30 older orders" in told


class TestWidget:
    @pytest.fixture
    def sent(self) -> list[dict[str, Any]]:
        """Every message that left."""
        return []

    @pytest.fixture
    def blotter(self, desk: Desk, sent: list[dict[str, Any]]) -> Iterator[Blotter]:
        """A running blotter whose front end has said hello."""
        blotter = desk.blotter()
        blotter.send = lambda content, buffers=None: sent.append(content)
        blotter._on_message(blotter, {"kind": "hello"}, [])
        blotter.start()
        wait_until(lambda: sent)
        yield blotter
        blotter.close()

    def rows(self, sent: list[dict[str, Any]], table: str = "orders") -> dict[str, dict[str, Any]]:
        """What a front end that heard every message shows."""
        return {row["id"]: row for message in tuple(sent) for row in message["tables"].get(table, [])}

    def test_an_order_appears_and_is_filled_without_anybody_asking(
        self, desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
    ) -> None:
        desk.buy("SPY", 100, intent_id="bought")
        wait_until(lambda: self.rows(sent).get("bought", {}).get("icon") == "✓")
        wait_until(lambda: self.rows(sent, "positions"))
        assert sent[0]["kind"] == "full"
        assert {message["kind"] for message in sent[1:]} == {"delta"}

    def test_a_burst_of_orders_travels_in_few_messages(
        self, desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
    ) -> None:
        before, start = len(sent), time.monotonic()
        for number in range(30):
            desk.buy("SPY", 1, intent_id=f"order-{number}")
        wait_until(lambda: len(self.rows(sent)) == 30)
        assert len(sent) - before <= 1 + (time.monotonic() - start) / SHORTEST_PAUSE

    def test_a_click_cancels_and_is_answered(
        self, desk: Desk, market: PaperGateway, blotter: Blotter, sent: list[dict[str, Any]]
    ) -> None:
        desk.buy("SPY", 100, limit=500, intent_id="resting")
        blotter._on_message(blotter, {"kind": "cancel", "intent_id": "resting"}, [])
        wait_until(lambda: len(market.ledger.cancels) == 1)
        wait_until(lambda: self.rows(sent).get("resting", {}).get("icon") == "✕")
        answers = [answer for message in sent for answer in message["answers"]]
        assert answers == [{"intent_id": "resting", "told": "asked", "reason": ""}]

    def test_the_kill_switch_cancels_what_works_and_the_strip_says_so(
        self, desk: Desk, market: PaperGateway, blotter: Blotter, sent: list[dict[str, Any]]
    ) -> None:
        desk.buy("SPY", 100, limit=500, intent_id="resting")
        blotter._on_message(blotter, {"kind": "kill"}, [])
        wait_until(lambda: len(market.ledger.cancels) == 1)
        wait_until(lambda: "KILLED since" in sent[-1]["strip"]["control"])
        wait_until(lambda: self.rows(sent).get("resting", {}).get("icon") == "✕")
        assert "KILLED since" in blotter._repr_html_()

    def test_a_cancel_that_comes_too_late_is_answered_with_the_reason(
        self, desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
    ) -> None:
        desk.wait(desk.buy("SPY", 100, intent_id="bought"), timeout=5)
        blotter._on_message(blotter, {"kind": "cancel", "intent_id": "bought"}, [])
        wait_until(lambda: any(message["answers"] for message in sent))
        (answer,) = [answer for message in sent for answer in message["answers"]]
        assert (answer["told"], answer["reason"] != "") == ("refused", True)

    def test_it_shows_its_own_failure_and_recovers(
        self, desk: Desk, blotter: Blotter, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> Any:
            raise ValueError("no such row")

        with monkeypatch.context() as patch:
            patch.setattr(rows, "tables", broken)
            desk.buy("SPY", 1)
            wait_until(lambda: blotter._fault)
        wait_until(lambda: "no such row" in sent[-1]["strip"]["error"])
        wait_until(lambda: sent[-1]["strip"]["error"] == "")

    def test_the_last_message_says_that_the_desk_is_closed(
        self, desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
    ) -> None:
        desk.close()
        assert sent[-1]["strip"]["link"] == "closed"

    def test_without_a_front_end_it_is_a_table(self, desk: Desk) -> None:
        desk.wait(desk.buy("SPY", 100, intent_id="bought"), timeout=5)
        told = desk.blotter()._repr_html_()
        assert "bought" in told
        assert "✓&nbsp;Filled" in told
