"""The blotter without a browser: what its thread sends, and what becomes of what it is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.waiting import wait_until
from toolkit.desk import rows
from toolkit.desk.blotter import SHORTEST_PAUSE, Blotter
from toolkit.desk.desk import Desk
from toolkit.desk.requests import Requests
from toolkit.gateway import PaperGateway


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    """Every message that left."""
    return []


@pytest.fixture
def blotter(desk: Desk, sent: list[dict[str, Any]]) -> Iterator[Blotter]:
    """A running blotter whose front end has said hello."""
    blotter = desk.blotter()
    blotter.send = lambda content, buffers=None: sent.append(content)
    blotter._on_message(blotter, {"kind": "hello"}, [])
    blotter.start()
    wait_until(lambda: any(message["kind"] == "full" for message in sent))
    yield blotter
    blotter.close()


def told(sent: list[dict[str, Any]], table: str = "orders") -> dict[str, dict[str, Any]]:
    """What a front end that heard every message shows."""
    return {row["id"]: row for message in tuple(sent) for row in message.get("tables", {}).get(table, [])}


def test_an_order_appears_and_is_filled_without_anybody_asking(
    desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.buy("SPY", 100, intent_id="bought")
    wait_until(lambda: told(sent).get("bought", {}).get("icon") == "✓")
    wait_until(lambda: told(sent, "positions"))
    kinds = [message["kind"] for message in sent if message["kind"] != "address"]
    assert kinds[0] == "full"
    assert set(kinds[1:]) == {"delta"}


def test_a_burst_of_orders_travels_in_few_messages(
    desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    before, start = len(sent), time.monotonic()
    for number in range(30):
        desk.buy("SPY", 1, intent_id=f"order-{number}")
    wait_until(lambda: len(told(sent)) == 30)
    assert len(sent) - before <= 1 + (time.monotonic() - start) / SHORTEST_PAUSE


def test_a_click_cancels_and_is_answered(
    desk: Desk, market: PaperGateway, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.buy("SPY", 100, limit=500, intent_id="resting")
    blotter._on_message(blotter, {"kind": "cancel", "intent_ids": ["resting"]}, [])
    wait_until(lambda: len(market.ledger.cancels) == 1)
    wait_until(lambda: told(sent).get("resting", {}).get("icon") == "✕")
    answers = [answer for message in sent for answer in message.get("answers", [])]
    assert answers == [{"what": "cancel", "intent_id": "resting", "told": "asked", "reason": ""}]


def test_the_kill_switch_cancels_what_works_and_the_strip_says_so(
    desk: Desk, market: PaperGateway, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.buy("SPY", 100, limit=500, intent_id="resting")
    blotter._on_message(blotter, {"kind": "kill", "press": "p1"}, [])
    wait_until(lambda: len(market.ledger.cancels) == 1)
    wait_until(lambda: "KILLED" in [message["strip"]["control"] for message in sent if "strip" in message])
    wait_until(lambda: told(sent).get("resting", {}).get("icon") == "✕")
    assert "KILLED since" in blotter._repr_html_()


def test_a_cancel_that_comes_too_late_is_answered_with_the_reason(
    desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.wait(desk.buy("SPY", 100, intent_id="bought"), timeout=5)
    blotter._on_message(blotter, {"kind": "cancel", "intent_ids": ["bought"]}, [])
    wait_until(lambda: any(message.get("answers") for message in sent))
    (answer,) = [answer for message in sent for answer in message.get("answers", [])]
    assert (answer["told"], answer["reason"] != "") == ("refused", True)


def test_it_shows_its_own_failure_and_recovers(
    desk: Desk, blotter: Blotter, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise ValueError("no such row")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "tables", broken)
        desk.buy("SPY", 1, intent_id="bought")
        wait_until(lambda: blotter._fault)
    wait_until(lambda: any("no such row" in message.get("text", "") for message in sent))
    wait_until(lambda: told(sent).keys() == {"bought"})


def test_the_last_message_says_that_the_desk_is_closed(
    desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.close()
    assert sent[-1]["strip"]["closed"]


def test_without_a_front_end_it_is_a_table(desk: Desk) -> None:
    desk.wait(desk.buy("SPY", 100, intent_id="bought"), timeout=5)
    page = desk.blotter()._repr_html_()
    assert "bought" in page
    assert "✓&nbsp;Filled" in page


def test_what_a_front_end_may_show_of_it_holds_the_table_too(desk: Desk) -> None:
    desk.wait(desk.buy("SPY", 100, intent_id="bought"), timeout=5)
    blotter = desk.blotter()
    data, _ = blotter._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == blotter.model_id
    assert "✓&nbsp;Filled" in data["text/html"]
    blotter.close()


def test_a_drawer_is_told_what_the_journal_holds(
    desk: Desk, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.wait(desk.buy("SPY", 100, intent_id="bought"), timeout=5)
    blotter._on_message(blotter, {"kind": "detail", "intent_id": "bought"}, [])
    wait_until(lambda: any(message["kind"] == "detail" for message in sent))
    (answer,) = [message for message in sent if message["kind"] == "detail"]
    assert [step["event"] for step in answer["steps"]][:4] == ["Received", "Accepted", "Reserved", "Sent"]
    assert {"Executed", "CommissionCharged"} <= {step["event"] for step in answer["steps"]}


def test_a_change_is_answered_and_reaches_the_broker_once(
    desk: Desk, market: PaperGateway, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.buy("SPY", 100, limit=500, intent_id="resting")
    blotter._on_message(blotter, {"kind": "change", "intent_id": "resting", "limit_price": "501"}, [])
    wait_until(lambda: told(sent).get("resting", {}).get("change") == "done")
    assert [float(request.limit_price or 0) for request in market.ledger.requests] == [500, 501]
    answers = [answer for message in sent for answer in message.get("answers", [])]
    assert answers == [{"what": "change", "intent_id": "resting", "told": "asked", "reason": ""}]


def test_an_engine_that_has_stopped_answers_too(desk: Desk, blotter: Blotter) -> None:
    heard: list[dict[str, str]] = []
    desk.close()
    Requests(desk, heard.append).take({"kind": "kill", "press": "p1"})
    assert heard[0]["told"] == "refused"
    assert "toolkit kill" in heard[0]["reason"]


def test_quotes_of_working_orders_travel_as_they_move(
    desk: Desk, market: PaperGateway, blotter: Blotter, sent: list[dict[str, Any]]
) -> None:
    desk.buy("SPY", 100, limit=500, intent_id="resting")

    def bids() -> set[str]:
        return {cells[0] for message in tuple(sent) for cells in message.get("quotes", {}).values()}

    wait_until(lambda: "540.00" in bids())
    market.market.set_quote("SPY", bid=541.00, ask=541.02)
    wait_until(lambda: "541.00" in bids())
