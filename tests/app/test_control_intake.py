"""Commands off ``order_control``: obeyed once, whatever intents do, and buried when they are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tests import builders
from tests.app.conftest import Desk
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.bus import choose, topics
from toolkit.bus.embedded import EmbeddedProducer
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import AnyFact, CommandRefused, ControlState, StateSet
from toolkit.settings import Settings


def command(action: str, age: float = 0, **changes: Any) -> dict[str, Any]:
    given = datetime.now(UTC) - timedelta(seconds=age)
    return {
        "action": action,
        "account": "DU123456",
        "by": "ann",
        "reason": "drill",
        "at": given.isoformat(),
        **changes,
    }


def send(settings: Settings, *commands: dict[str, Any] | bytes) -> None:
    producer = EmbeddedProducer(settings.bus_path)
    for each in commands:
        body = each if isinstance(each, bytes) else msgspec.json.encode(each)
        producer.send(topics.CONTROL, value=body, key=b"DU123456")
    producer.flush()
    producer.close()


def facts(settings: Settings) -> list[AnyFact]:
    with JournalReader(settings.journal_path) as journal:
        return [fact for _, fact in journal.controls() if isinstance(fact, StateSet | CommandRefused)]


def wait_for_facts(settings: Settings, count: int) -> list[AnyFact]:
    wait_until(lambda: len(facts(settings)) >= count)
    return facts(settings)


def test_a_kill_on_the_topic_ends_our_orders_and_a_resume_lets_new_ones_go(
    desk: Desk, gateway: PaperGateway
) -> None:
    desk.send(builders.raw_intent(intent_id="a", limit_price=400))
    wait_until(lambda: "a" in gateway.ledger.orders)
    send(desk.settings, command("kill"))
    wait_until(lambda: gateway.ledger.cancels)
    desk.send(builders.raw_intent(intent_id="b", limit_price=400))
    wait_until(lambda: (state := desk.engine.client.get_order_state("b")) is not None and state.final)
    assert desk.engine.client.get_order_state("b").reason_code == "KILLED"  # type: ignore[union-attr]
    send(desk.settings, command("resume"))
    wait_for_facts(desk.settings, 2)
    desk.send(builders.raw_intent(intent_id="c", limit_price=400))
    wait_until(lambda: "c" in gateway.ledger.orders)


def test_an_approval_on_the_topic_lets_a_denied_order_go_once(
    settings: Settings, gateway: PaperGateway
) -> None:
    with_limit = settings.model_copy(update={"approve_above": Decimal(1000)})
    engine = Engine(with_limit, bus=choose.consumer_and_producer)
    engine.start()
    desk = Desk(engine, with_limit)
    large = {"limit_price": 400, "submitted_by": "bob"}

    def code(intent_id: str) -> str:
        found = engine.client.get_order_state
        wait_until(lambda: (state := found(intent_id)) is not None and not state.undecided)
        return found(intent_id).reason_code  # type: ignore[union-attr]

    desk.send(builders.raw_intent(intent_id="a", **large))
    assert code("a") == "NEEDS_APPROVAL"
    send(with_limit, command("approve", intent_id="a", by="bob"), command("approve", intent_id="a"))
    wait_until(lambda: engine.client.controls.standing.approvals)
    (refused,) = facts(with_limit)
    assert isinstance(refused, CommandRefused)
    assert gateway.ledger.requests == []
    for intent_id in ("b", "c"):
        desk.send(builders.raw_intent(intent_id=intent_id, approval="a", **large))
    assert sorted([code("b"), code("c")]) == ["", "NEEDS_APPROVAL"]
    engine.stop()
    assert len(gateway.ledger.requests) == 1


def test_a_stale_kill_is_honoured_and_a_stale_resume_is_not(desk: Desk) -> None:
    send(desk.settings, command("kill", age=100_000), command("resume", age=100_000))
    killed, refused = wait_for_facts(desk.settings, 2)
    assert isinstance(killed, StateSet)
    assert isinstance(refused, CommandRefused)
    assert desk.engine.client.controls.standing.state is ControlState.KILLED


def test_a_command_for_another_account_is_refused_and_recorded(desk: Desk) -> None:
    send(desk.settings, command("halt", account="DU9"))
    (refused,) = wait_for_facts(desk.settings, 1)
    assert isinstance(refused, CommandRefused)
    assert "for account DU9" in refused.why


def test_what_is_no_command_goes_to_the_dead_letters_byte_for_byte(desk: Desk) -> None:
    bad = [
        b"\xff\xfe",
        b"[]",
        b'{"action":"arm","by":"ann","at":"2026-01-05T14:30:00Z"}',
        b'{"action":"halt"}',
    ]
    send(desk.settings, *bad, command("halt"))
    letters = desk.read(topics.DEAD_LETTERS, len(bad))
    assert [letter.value for letter in letters] == bad
    assert {dict(letter.headers)["topic"] for letter in letters} == {b"order_control"}
    (halted,) = wait_for_facts(desk.settings, 1)
    assert isinstance(halted, StateSet)


def test_a_kill_that_came_while_nothing_ran_is_obeyed_at_the_start_and_once(
    settings: Settings, gateway: PaperGateway, home: Path
) -> None:
    send(settings, command("kill"))
    for _ in range(2):
        engine = Engine(settings, bus=choose.consumer_and_producer)
        engine.start()
        wait_until(lambda: engine.client.controls.standing.state is ControlState.KILLED)  # noqa: B023
        engine.stop()
    assert len(facts(settings)) == 1
