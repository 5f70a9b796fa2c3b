"""The order ticket without a browser: its buttons pressed against the paper gateway."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import toolkit
from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.desk.ticket import Ticket
from toolkit.gateway import PaperGateway


@pytest.fixture
def ticket(desk: Desk) -> Iterator[Ticket]:
    ticket = desk.ticket()
    yield ticket
    ticket.close()


def told(part: Any) -> str:
    """What a part of the ticket shows, as one line without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part.value)).split())


def fill_in(ticket: Ticket, **fields: str) -> None:
    for name, value in {"symbol": "SPY", "quantity": "100", **fields}.items():
        getattr(ticket, name).value = value


class TestContract:
    def test_is_looked_up_and_quoted_as_soon_as_it_is_named(self, ticket: Ticket) -> None:
        ticket.symbol.value = "SPY"
        assert "SPY · STK · ARCA · USD · contract 756733 · increment 0.01" in told(ticket.contract)
        assert "Bid 540.00" in told(ticket.quote)
        assert "s old" in told(ticket.quote)

    def test_that_the_broker_does_not_know_is_said_in_a_sentence(self, ticket: Ticket) -> None:
        ticket.symbol.value = "NOPE"
        assert "The broker knows no STK NOPE in USD" in told(ticket.contract)
        assert ticket.quote.value == ""

    def test_asks_for_what_a_derivative_needs(self, ticket: Ticket) -> None:
        assert ticket.expiry.layout.display == "none"
        ticket.sec_type.value = "OPT"
        assert [part.layout.display for part in (ticket.expiry, ticket.strike, ticket.right)] == [None] * 3

    def test_the_quote_follows_the_market(self, ticket: Ticket, market: PaperGateway) -> None:
        ticket.symbol.value = "SPY"
        ticket.start()
        market.market.set_quote("SPY", bid=541.00, ask=541.02)
        wait_until(lambda: "Bid 541.00" in told(ticket.quote))

    def test_a_contract_that_fits_several_is_said_in_a_sentence(self, ticket: Ticket) -> None:
        ticket.exchange.value, ticket.sec_type.value, ticket.symbol.value = "CME", "FUT", "ES"
        assert "2 contracts fit FUT ES; add primary_exchange, expiry" in told(ticket.contract)


class TestPrices:
    def test_without_a_contract_there_is_no_market_to_put_a_limit_at(self, ticket: Ticket) -> None:
        ticket.kind.value = "LIMIT"
        ticket.touches["Bid"].click()
        assert told(ticket.message) == "Name a contract that the gateway knows first."
        assert ticket.limit.value == ""

    def test_the_limit_is_put_at_the_market(self, ticket: Ticket) -> None:
        fill_in(ticket, kind="LIMIT")
        for word, price in {"Bid": "540.00", "Ask": "540.02", "Mid": "540.01"}.items():
            ticket.touches[word].click()
            assert ticket.limit.value == price

    def test_a_mid_between_two_increments_goes_to_the_passive_side(
        self, ticket: Ticket, market: PaperGateway
    ) -> None:
        market.market.set_quote("QQQ", bid=460.00, ask=460.01)
        fill_in(ticket, symbol="QQQ", kind="LIMIT")
        ticket.touches["Mid"].click()
        assert ticket.limit.value == "460.00"
        ticket.side.value = "SELL"
        ticket.touches["Mid"].click()
        assert ticket.limit.value == "460.01"

    def test_the_limit_moves_by_increments_and_onto_them(self, ticket: Ticket) -> None:
        fill_in(ticket, kind="LIMIT", limit="539.995")
        ticket.steps[1].click()
        assert ticket.limit.value == "540.00"
        ticket.steps[-1].click()
        assert ticket.limit.value == "539.99"

    def test_a_limit_between_two_increments_is_refused_before_anything_is_asked(
        self, ticket: Ticket, market: PaperGateway
    ) -> None:
        fill_in(ticket, kind="LIMIT", limit="539.995")
        ticket.preview_button.click()
        assert "no multiple of the 0.01" in told(ticket.message)
        assert ticket.send_button.disabled
        assert market.ledger.requests == []

    def test_a_type_offers_the_prices_that_it_takes(self, ticket: Ticket) -> None:
        assert ticket.limit.disabled
        assert ticket.stop.disabled
        ticket.kind.value = "STOP_LIMIT"
        assert not ticket.limit.disabled
        assert not ticket.stop.disabled


class TestPreview:
    def test_shows_checks_money_margin_commission_and_headroom(self, ticket: Ticket) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        page = told(ticket.page)
        for expected in (
            *("BUY 100 SPY MARKET DAY", "8 of 8 checks passed", "MAX_ORDER_QUANTITY"),
            *("Notional 54,002.00 USD", "Commission, estimated 1.00 USD", "Excess liquidity after"),
            "max_gross_exposure",
        ):
            assert expected in page
        assert "not known" not in page

    def test_sends_nothing_but_the_question(self, ticket: Ticket, market: PaperGateway, desk: Desk) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        assert [request.what_if for request in market.ledger.requests] == [True]
        assert desk.orders.empty

    def test_enables_send_only_when_every_check_passed(self, ticket: Ticket) -> None:
        assert ticket.send_button.disabled
        fill_in(ticket, quantity="5000")
        ticket.preview_button.click()
        assert "quantity 5000 is above max_order_quantity 1000." in told(ticket.page)
        assert ticket.send_button.disabled
        ticket.quantity.value = "500"
        ticket.preview_button.click()
        assert not ticket.send_button.disabled

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("symbol", "QQQ"),
            ("side", "SELL"),
            ("quantity", "200"),
            ("kind", "LIMIT"),
            ("tif", "GTC"),
            ("outside", True),
            ("strategy", "momentum"),
        ],
    )
    def test_is_forgotten_with_any_change_of_the_order(self, ticket: Ticket, name: str, value: str) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        getattr(ticket, name).value = value
        assert ticket.send_button.disabled
        assert ticket.shown is None
        assert ticket.page.value == ""

    def test_what_the_broker_would_refuse_may_not_go(self, ticket: Ticket) -> None:
        fill_in(ticket, kind="LIMIT", limit="100000")
        ticket.desk.engine.orchestrator.risk_checker.change({"max_gross_exposure": 10**9})
        ticket.preview_button.click()
        assert "the broker would refuse it" in told(ticket.page)
        assert ticket.send_button.disabled

    def test_while_trading_is_stopped_nothing_like_an_order_is_written(
        self, ticket: Ticket, desk: Desk, market: PaperGateway
    ) -> None:
        desk.halt("lunch")
        fill_in(ticket)
        ticket.preview_button.click()
        assert "Trading is HALTED" in told(ticket.page)
        assert ticket.send_button.disabled
        assert market.ledger.requests == []

    def test_knows_that_only_reducing_orders_may_go(self, ticket: Ticket, desk: Desk) -> None:
        desk.reduce_only("news")
        fill_in(ticket)
        ticket.preview_button.click()
        assert "REDUCE_ONLY" in told(ticket.page)
        assert ticket.send_button.disabled

    def test_a_mistake_is_told_in_the_ticket(self, ticket: Ticket) -> None:
        fill_in(ticket, quantity="ten")
        ticket.preview_button.click()
        assert "quantity is the text 'ten', not a number" in told(ticket.message)
        assert not ticket.preview_button.disabled


class TestSend:
    def test_places_the_order_that_was_previewed_and_shows_what_becomes_of_it(
        self, ticket: Ticket, desk: Desk, market: PaperGateway
    ) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        assert ticket.shown is not None
        intent_id = ticket.shown.intent.intent_id
        ticket.start()
        ticket.send_button.click()
        wait_until(lambda: "✓ Filled" in told(ticket.outcome))
        assert f"intent {intent_id}" in told(ticket.outcome)
        assert list(market.ledger.orders) == [intent_id]
        assert desk.order(intent_id).source == "ticket"

    def test_a_double_click_sends_once(self, ticket: Ticket, market: PaperGateway) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        ticket.send_button.click()
        ticket.send_button.click()
        wait_until(lambda: market.ledger.fills)
        assert [len(sent) for sent in market.ledger.orders.values()] == [1]

    def test_the_same_preview_sent_by_two_threads_is_one_order(
        self, ticket: Ticket, desk: Desk, market: PaperGateway
    ) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        shown = ticket.shown
        ticket.send_button.click()
        ticket.shown = shown  # as if the second click had been on its way already
        ticket.send_button.disabled = False
        ticket.send_button.click()
        wait_until(lambda: market.ledger.fills)
        assert [len(sent) for sent in market.ledger.orders.values()] == [1]
        assert len(desk.orders) == 1

    def test_a_second_preview_is_another_order(self, ticket: Ticket, market: PaperGateway) -> None:
        fill_in(ticket)
        for _ in range(2):
            ticket.preview_button.click()
            ticket.send_button.click()
        wait_until(lambda: len(market.ledger.orders) == 2)

    def test_a_ticket_that_is_made_again_has_nothing_to_send(
        self, ticket: Ticket, desk: Desk, market: PaperGateway
    ) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        again = desk.ticket()
        again.send_button.click()
        assert market.ledger.orders == {}

    def test_h48_a_click_that_waited_too_long_sends_nothing(
        self, ticket: Ticket, market: PaperGateway
    ) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        assert ticket.shown is not None
        old = replace(ticket.shown.intent, valid_until=datetime.now(UTC) - timedelta(seconds=1))
        ticket.shown = ticket.shown._replace(intent=old)
        ticket.send_button.click()
        assert "preview again" in told(ticket.message)
        assert market.ledger.orders == {}

    def test_an_old_preview_takes_its_button_away(self, ticket: Ticket) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        assert ticket.shown is not None
        old = replace(ticket.shown.intent, valid_until=datetime.now(UTC) - timedelta(seconds=1))
        ticket.shown = ticket.shown._replace(intent=old)
        ticket.start()
        wait_until(lambda: ticket.send_button.disabled)

    def test_what_changed_since_the_preview_still_denies_and_says_why(
        self, ticket: Ticket, desk: Desk, market: PaperGateway
    ) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        desk.halt("news")
        ticket.send_button.click()
        assert "⊘ Denied" in told(ticket.outcome)
        assert "HALTED" in told(ticket.outcome)
        assert market.ledger.orders == {}


class TestWithoutAFrontEnd:
    def test_a_summary_stays(self, ticket: Ticket) -> None:
        fill_in(ticket)
        ticket.preview_button.click()
        ticket.send_button.click()
        assert "Order ticket" in ticket._summary()
        assert f"intent {ticket.sent}" in ticket._summary()

    def test_its_thread_ends_with_the_desk(self, market: PaperGateway, home: Path) -> None:
        with toolkit.connect(port=market.port, home=home) as desk:
            ticket = desk.ticket()
            ticket.start()
        thread = ticket._thread
        assert thread is not None
        thread.join(10)
        assert not thread.is_alive()
        ticket.preview_button.click()
        assert "symbol is missing" in told(ticket.message)
        fill_in(ticket)
        ticket.preview_button.click()
        assert "The engine has stopped" in told(ticket.message)


class TestLive:
    @pytest.fixture
    def live(self) -> Iterator[PaperGateway]:
        with PaperGateway(port=0, account="U1234567", quotes=None) as started:
            started.market.set_quote("SPY", bid=540.00, ask=540.02)
            yield started

    @pytest.fixture
    def live_desk(self, live: PaperGateway, home: Path) -> Iterator[Desk]:
        with toolkit.connect(port=live.port, home=home, read_only=False) as desk:
            yield desk

    def test_nothing_may_go_before_arming(self, live_desk: Desk, live: PaperGateway) -> None:
        ticket = live_desk.ticket()
        fill_in(ticket)
        ticket.preview_button.click()
        assert "NOT_ARMED" in told(ticket.page)
        assert ticket.send_button.disabled
        assert live.ledger.requests == []

    def test_armed_it_wants_the_last_four_characters_of_the_account(
        self, live_desk: Desk, live: PaperGateway
    ) -> None:
        terms = {"account": "U1234567", "port": live.port, "max_notional": Decimal(60_000)}
        until = datetime.now(UTC) + timedelta(hours=1)
        live_desk.engine.call(
            live_desk.engine.client.controls.order("arm", "ann", "go", until=until, **terms)
        )
        ticket = live_desk.ticket()
        fill_in(ticket)
        ticket.preview_button.click()
        ticket.send_button.click()
        assert ticket.confirm.layout.display is None
        ticket.confirm_button.click()
        ticket.last_four.value = "1234"
        ticket.confirm_button.click()
        assert live.ledger.orders == {}
        ticket.last_four.value = "4567"
        ticket.confirm_button.click()
        ticket.confirm_button.click()
        wait_until(lambda: live.ledger.fills)
        assert [len(sent) for sent in live.ledger.orders.values()] == [1]
        ticket.preview_button.click()  # a second one is more than the armed amount
        assert "NOTIONAL" in told(ticket.page)
        assert ticket.send_button.disabled
