"""The main flow: intents off the bus become orders, facts become reports, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests import builders
from tests.app.conftest import Desk
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.bus import choose, topics
from toolkit.errors import NotConnectedError
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.contract import Instrument, Quote
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.settings import Settings


def market(n: int, **changes: Any) -> dict[str, Any]:
    return builders.market_intent(**{"intent_id": f"m{n}", "quantity": 10, **changes})


def final(desk: Desk, *intent_ids: str) -> None:
    def done() -> bool:
        states = [desk.engine.client.ledger.get(intent_id) for intent_id in intent_ids]
        return all(state is not None and state.final for state in states)

    wait_until(done)


def test_an_intent_on_the_bus_becomes_a_filled_order_and_its_reports(desk: Desk) -> None:
    desk.send(market(1))
    reports = desk.reports(4)
    assert [report["event"] for report in reports] == ["Accepted", "Submitted", "Fill", "Commission"]
    assert [report["report_seq"] for report in reports] == [1, 2, 3, 4]
    assert reports[-1]["avg_fill_price"] == 450.02
    assert reports[-1]["commission"] == 1


def test_reports_carry_the_intent_id_as_their_key(desk: Desk) -> None:
    desk.send(market(1))
    assert {record.key for record in desk.read(topics.REPORTS, 4)} == {b"m1"}


def test_h20_what_is_no_intent_goes_to_the_dead_letters_with_its_bytes_and_its_reason(desk: Desk) -> None:
    poison = [b"{bad", b"", None, b"[1]", b"x" * 5_000_000, b'{"symbol": "SPY"}', b'{"intent_id": "a b"}']
    future = {**market(2), "schema_version": 99}
    desk.send(market(1), *poison, future, market(3))
    final(desk, "m1", "m3")
    letters = desk.read(topics.DEAD_LETTERS, len(poison) + 1)
    assert [letter.value for letter in letters[:-1]] == poison
    codes = [dict(letter.headers)["code"].decode() for letter in letters]
    assert codes == [
        "NOT_JSON",
        "EMPTY_MESSAGE",
        "EMPTY_MESSAGE",
        "NOT_AN_OBJECT",
        "MESSAGE_TOO_LARGE",
        "MISSING_INTENT_ID",
        "BAD_INTENT_ID",
        "SCHEMA_FROM_FUTURE",
    ]
    headers = dict(letters[0].headers)
    assert (headers["topic"], headers["partition"], headers["offset"]) == (b"order_intents", b"0", b"1")
    assert headers["reason"].endswith(b".")


def test_an_intent_from_a_newer_schema_is_also_answered_with_a_rejection(desk: Desk) -> None:
    desk.send({**market(1), "schema_version": 99})
    (report,) = desk.reports(1)
    assert (report["intent_id"], report["reason_code"]) == ("m1", "SCHEMA_FROM_FUTURE")


def test_a_redelivered_intent_is_recognised_and_sent_once(desk: Desk, gateway: PaperGateway) -> None:
    desk.send(market(1), market(1), market(1))
    final(desk, "m1")
    wait_until(lambda: desk.engine.client.ledger.get("m1").known_commission is not None)  # type: ignore[union-attr]
    assert len(gateway.ledger.requests) == 1


def test_a_cancel_intent_cancels_its_target(desk: Desk) -> None:
    desk.send(builders.raw_intent(intent_id="rest", limit_price=440))
    wait_until(lambda: (s := desk.engine.client.ledger.get("rest")) is not None and s.acked_at is not None)
    desk.send({"intent_id": "c1", "action": "CANCEL", "target_intent_id": "rest"})
    final(desk, "rest", "c1")
    assert desk.engine.client.ledger.get("rest").status.value == "Cancelled"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("target", "code"), [("nobody", "UNKNOWN_TARGET"), ("m1", "TARGET_FINISHED")], ids=["unknown", "finished"]
)
def test_a_cancel_of_nothing_is_denied_with_its_reason(target: str, code: str, desk: Desk) -> None:
    desk.send(market(1))
    final(desk, "m1")
    desk.send({"intent_id": "c1", "action": "CANCEL", "target_intent_id": target})
    final(desk, "c1")
    assert desk.engine.client.ledger.get("c1").reason_code == code  # type: ignore[union-attr]


def test_a_replace_intent_changes_its_target_and_both_are_reported(desk: Desk) -> None:
    desk.send(builders.raw_intent(intent_id="rest", limit_price=440))
    wait_until(lambda: (s := desk.engine.client.ledger.get("rest")) is not None and s.acked_at is not None)
    desk.send({"intent_id": "c1", "action": "REPLACE", "target_intent_id": "rest", "quantity": 50})
    wait_until(lambda: desk.engine.client.ledger.get("rest").quantity == 50)  # type: ignore[union-attr]
    told = [(r["intent_id"], r["event"], r["final"]) for r in desk.reports(5)]
    assert ("c1", "Accepted", True) in told
    assert told[-1] == ("rest", "Replaced", False)


def test_h18_the_offset_is_committed_only_after_the_outcome_is_on_disk(desk: Desk) -> None:
    desk.send(*(market(n) for n in range(20)))
    final(desk, *(f"m{n}" for n in range(20)))
    desk.engine.stop()
    assert desk.committed() == 20
    with JournalReader(desk.settings.journal_path) as journal:
        assert len(journal.states()) == 20


def test_h18_a_new_group_sees_the_intents_that_were_there_before_it(settings: Settings) -> None:
    engine = Engine(settings, bus=choose.consumer_and_producer)
    early = Desk(engine, settings)
    early.send(market(1))
    engine.start()
    final(early, "m1")
    engine.stop()


def test_h47_reports_that_were_not_published_are_published_by_the_next_run(settings: Settings) -> None:
    mute = Engine(settings)
    mute.start()
    mute.call(mute.orchestrator.process_order_intent(market(1)))
    wait_until(lambda: mute.client.ledger.get("m1").known_commission is not None)  # type: ignore[union-attr]
    mute.stop()

    engine = Engine(settings, bus=choose.consumer_and_producer)
    engine.start()
    assert [report["report_seq"] for report in Desk(engine, settings).reports(4)] == [1, 2, 3, 4]
    engine.stop()


def test_an_accepted_intent_that_was_never_sent_goes_on_in_the_next_run(
    settings: Settings, gateway: PaperGateway
) -> None:
    first = Engine(settings)
    first.start()
    raw = market(1)

    async def crash_before_sending() -> None:
        """What a crash between the verdict and the order id leaves behind: two facts in the journal."""
        state, _ = first.client.gate.receive(raw)
        quote = Quote(Decimal("450.00"), Decimal("450.02"))
        spy = Instrument(con_id=756733, symbol="SPY", sec_type="STK", currency="USD")
        first.client.gate.decide(state, SimpleRiskChecker(), spy, quote)

    first.call(crash_before_sending())
    first.stop()
    assert gateway.ledger.requests == []

    second = Engine(settings)
    second.start()
    wait_until(lambda: second.client.ledger.get("m1").final)  # type: ignore[union-attr]
    second.stop()
    assert len(gateway.ledger.requests) == 1


def test_the_journal_alone_rebuilds_the_state_of_every_order(desk: Desk) -> None:
    desk.send(
        market(1),
        builders.raw_intent(intent_id="rest", limit_price=440),
        builders.raw_intent(intent_id="no", quantity=5000),
        {**market(1), "quantity": 11},
    )
    final(desk, "m1", "no")
    wait_until(lambda: desk.engine.client.ledger.get("m1").known_commission is not None)  # type: ignore[union-attr]
    live = {state.intent_id: state for state in desk.engine.client.ledger}
    desk.engine.stop()
    with JournalReader(desk.settings.journal_path) as journal:
        assert journal.states() == live


def test_the_orchestrator_counts_active_orders_and_knows_each_ones_status(desk: Desk) -> None:
    engine = desk.engine
    rest = builders.raw_intent(intent_id="rest", limit_price=440)
    assert engine.call(engine.orchestrator.process_order_intent(rest)) is True
    assert engine.orchestrator.get_active_orders_count() == 1
    status = engine.orchestrator.get_order_status("rest")
    assert status is not None
    assert (status["symbol"], status["filled_quantity"]) == ("SPY", 0)
    assert engine.orchestrator.get_order_status("nobody") is None
    assert engine.call(engine.orchestrator.process_order_intent(market(1, quantity=5000))) is False


def test_metrics_have_the_names_of_the_document(desk: Desk) -> None:
    desk.send(market(1), market(2, quantity=5000))
    final(desk, "m1", "m2")
    text = desk.engine.metrics.exposition().decode()
    assert 'toolkit_orders_placed_total{side="BUY",symbol="SPY"} 1.0' in text
    assert 'toolkit_orders_rejected_total{reason="MAX_ORDER_QUANTITY"} 1.0' in text
    assert 'toolkit_fills_total{symbol="SPY"} 1.0' in text
    assert "toolkit_fill_latency_seconds_count 1.0" in text


def test_an_engine_without_a_gateway_says_why_it_cannot_start(
    settings: Settings, gateway: PaperGateway
) -> None:
    gateway.stop()
    with pytest.raises(NotConnectedError, match="nothing listens"):
        Engine(settings).start()


def test_a_call_after_the_end_says_that_the_engine_has_stopped(settings: Settings) -> None:
    engine = Engine(settings)
    engine.start()
    engine.stop()
    with pytest.raises(NotConnectedError, match="stopped"):
        engine.call(engine.orchestrator.process_order_intent(market(1)))


def test_h22_h24_a_lost_connection_is_made_again_and_waiting_intents_go_out(
    settings: Settings, gateway: PaperGateway
) -> None:
    engine = Engine(settings, bus=choose.consumer_and_producer)
    engine.start()
    gateway.stop()
    wait_until(lambda: not engine.client.ready)
    desk = Desk(engine, settings)
    desk.send(market(1))
    with PaperGateway(port=settings.ibkr_port, quotes=None) as again:
        again.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        final(desk, "m1")
        assert len(again.ledger.requests) == 1
    engine.stop()
