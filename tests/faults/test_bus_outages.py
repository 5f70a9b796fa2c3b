"""A real Kafka that dies, hangs, forgets or falls silent while orders are in the market."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import MemberToRemove
from kafka.structs import OffsetAndMetadata

from tests.faults.lane import Lane
from tests.kafka_broker import KafkaBroker
from tests.kafka_topics import PATIENCE
from tests.waiting import wait_until
from toolkit.app import intake, publisher
from toolkit.bus import kafka
from toolkit.gateway import PaperGateway

pytestmark = [pytest.mark.kafka, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]
RARE = pytest.mark.faults_all


@pytest.fixture
def market() -> Iterator[PaperGateway]:
    """A gateway of this test's own, whose prices it may move: SPY stands at 450.00 to 450.02."""
    with PaperGateway(port=0, quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 100_000, 100_000)
        yield started


@pytest.fixture
def lane(kafka_bootstrap: str, market: PaperGateway, home: Path, monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.setattr(kafka, "DELIVERY_S", 2)
    monkeypatch.setattr(publisher, "SEND_TIMEOUT", 4.0)
    monkeypatch.setattr(intake, "LOOK_S", 0.3)
    monkeypatch.setattr(intake, "SILENCE_S", 8.0)
    return Lane(kafka_bootstrap, market, home)


def resting(lane: Lane, n: int) -> dict[str, Any]:
    """A buy of one share below the market."""
    return lane.intent(n, order_type="LIMIT", limit_price=440)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=RARE)])
def test_h47_fills_are_tracked_while_kafka_is_dead_and_every_report_follows_in_order(
    lane: Lane, own_kafka: KafkaBroker, market: PaperGateway, seconds: float
) -> None:
    numbers = range(1, 21)
    with lane.running() as engine:
        lane.send(*(resting(lane, n) for n in numbers))
        wait_until(lambda: len(engine.client.ledger.working()) == len(numbers), PATIENCE)
        wait_until(lambda: all(s.acked_at for s in engine.client.ledger.working()), PATIENCE)
        own_kafka.kill()
        died = time.monotonic()
        market.market.set_quote("SPY", 439.00, 439.02, 100_000, 100_000)
        lane.settled(engine, *numbers)
        wait_until(lambda: not engine.orchestrator.health()["outbox"]["ok"], PATIENCE)
        away = engine.orchestrator.health()
        assert not away["bus"]["ok"]
        assert away["outbox"]["waiting"] >= len(numbers)
        wait_until(lambda: time.monotonic() - died > seconds, PATIENCE + seconds)
        own_kafka.start()
        told = lane.reports(*numbers)
        wait_until(lambda: all(part["ok"] for part in engine.orchestrator.health().values()), PATIENCE)
        lane.send(lane.intent(21))
        lane.settled(engine, 21)
    assert all(reports[-1]["filled_quantity"] == 1 for reports in told.values())
    assert [lane.orders(n) for n in range(1, 22)] == [1] * 21


@pytest.mark.timeout(300)
@pytest.mark.parametrize("times", [1, 2])
@RARE
def test_h18_kafka_killed_amid_intents_costs_none_and_doubles_none(
    lane: Lane, own_kafka: KafkaBroker, times: int
) -> None:
    numbers = range(100 * times)
    with lane.running() as engine:
        for run in range(times):
            lane.send(*(lane.intent(n) for n in numbers[100 * run : 100 * (run + 1)]))
            wait_until(lambda run=run: len(engine.client.ledger) > 100 * run, PATIENCE)
            own_kafka.kill()
            own_kafka.start()
        lane.settled(engine, *numbers)
        wait_until(lambda: lane.committed() == len(numbers), PATIENCE)
        lane.reports(*numbers)
    assert [lane.orders(n) for n in numbers] == [1] * len(numbers)


def test_h47_reports_of_which_nobody_knows_whether_kafka_has_them_are_sent_again_the_same(
    lane: Lane, own_kafka: KafkaBroker, market: PaperGateway
) -> None:
    """A frozen Kafka takes the bytes but does not answer; when it thaws it stores what we gave up on."""
    with lane.running() as engine:
        lane.send(resting(lane, 1))
        wait_until(lambda: (s := lane.state(engine, 1)) is not None and s.acked_at is not None, PATIENCE)
        wait_until(lambda: engine.client.journal.unsent() == 0, PATIENCE)
        own_kafka.freeze()
        try:
            market.market.set_quote("SPY", 439.00, 439.02, 100, 100)
            wait_until(lambda: engine.orchestrator.health()["outbox"]["reason"], PATIENCE)
        finally:
            own_kafka.thaw()
        lane.settled(engine, 1)
        told = lane.reports(1)[1]
        wait_until(lambda: engine.client.journal.unsent() == 0, PATIENCE)
    assert [each["event"] for each in told] == ["Accepted", "Submitted", "Fill", "Commission"]


@RARE
def test_h20_a_dead_letter_waits_for_a_kafka_that_is_frozen(lane: Lane, own_kafka: KafkaBroker) -> None:
    with lane.running() as engine:
        lane.send(lane.intent(1))
        lane.settled(engine, 1)
        lane.send(b"{bad", lane.intent(2))
        own_kafka.freeze()
        time.sleep(3)
        own_kafka.thaw()
        lane.settled(engine, 2)
        assert lane.letters(1)[0].value == b"{bad"


# --- offsets that are not where we left them ------------------------------------------------------------


@pytest.mark.parametrize("change", ["rewound", pytest.param("forgotten", marks=RARE)])
def test_h18_offsets_that_an_operator_moved_back_bring_intents_again_and_no_order(
    lane: Lane, change: str
) -> None:
    numbers = range(1, 6)
    with lane.running() as engine:
        lane.send(*map(lane.intent, numbers))
        lane.settled(engine, *numbers)
        wait_until(lambda: lane.committed() == 5, PATIENCE)
    with closing(KafkaAdminClient(bootstrap_servers=lane.bootstrap)) as admin:
        # Who left as a static member is one for some seconds more, and keeps the group from being changed.
        admin.remove_group_members(lane.group, [MemberToRemove(group_instance_id=f"member-{lane.name}")])
        if change == "rewound":
            place = TopicPartition(lane.topic, 0)
            admin.alter_group_offsets(lane.group, {place: OffsetAndMetadata(0, "", -1)})
        else:
            lane.group += "-new"
    with lane.running() as engine:
        lane.send(lane.intent(6))
        lane.settled(engine, 6)
        wait_until(lambda: lane.committed() == 6, PATIENCE)
    assert [lane.orders(n) for n in range(1, 7)] == [1] * 6


@RARE
def test_h18_offsets_whose_records_are_gone_go_on_at_the_earliest_that_is_left(lane: Lane) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=lane.bootstrap)) as admin:
        lane.send(*map(lane.intent, range(1, 4)))
        admin.delete_records({TopicPartition(lane.topic, 0): 2})
    with lane.running() as engine:
        lane.settled(engine, 3)
        lane.send(lane.intent(4))
        lane.settled(engine, 4)
    assert [lane.orders(n) for n in range(1, 5)] == [0, 0, 1, 1]


# --- the group and the consumer -------------------------------------------------------------------------


@pytest.mark.parametrize("strangers", [1, pytest.param(3, marks=RARE)])
def test_h17_a_rebalance_in_mid_order_doubles_nothing(
    kafka_bootstrap: str, market: PaperGateway, home: Path, strangers: int
) -> None:
    """Strangers join the group while intents are in work, take a partition, and go without a commit."""
    lane = Lane(kafka_bootstrap, market, home, partitions=2)
    numbers = range(60)
    with lane.running() as engine:
        for n in numbers:
            lane.send(lane.intent(n), partition=n % 2)
            if n % 20 == 10 and n // 20 < strangers:
                with closing(
                    KafkaConsumer(
                        lane.topic,
                        bootstrap_servers=lane.bootstrap,
                        group_id=lane.group,
                        enable_auto_commit=False,
                        auto_offset_reset="earliest",
                    )
                ) as stranger:
                    wait_until(lambda s=stranger: s.poll(100) is not None and s.assignment(), PATIENCE)
        lane.settled(engine, *numbers)
        wait_until(lambda: lane.committed(0) + lane.committed(1) == len(numbers), PATIENCE)
        lane.reports(*numbers)
    assert [lane.orders(n) for n in numbers] == [1] * len(numbers)


class Silent(KafkaConsumer):
    """A consumer that has lost its tongue: its partitions are paused and nobody knows."""

    def poll(self, *arguments: Any, **options: Any) -> Any:
        self.pause(*self.assignment())
        return super().poll(*arguments, **options)


def test_h46_a_consumer_that_gives_nothing_although_there_is_something_is_made_anew(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "SILENCE_S", 1.0)
    with monkeypatch.context() as patch:
        patch.setattr(kafka, "KafkaConsumer", Silent)
        silent = lane.consumer()
    lane.make_consumer = lambda: silent
    with lane.running() as engine:
        wait_until(lambda: engine.orchestrator.health()["bus"]["lag"] == 0, PATIENCE)
        lane.send(lane.intent(1))
        lane.settled(engine, 1)
        assert engine.orchestrator.health()["bus"]["renewals"] == 1
    assert lane.orders(1) == 1
    assert "has not given any of the 1 intents" in caplog.text


# --- old intents ----------------------------------------------------------------------------------------


@RARE
def test_h19_intents_that_waited_for_the_gateway_past_their_time_are_denied_and_the_others_placed(
    lane: Lane, market: PaperGateway
) -> None:
    with lane.running() as engine:
        market.stop()
        wait_until(lambda: not engine.client.ready, PATIENCE)
        soon = {"valid_until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))}
        lane.send(*(lane.intent(n, **(soon if n % 2 else {})) for n in range(6)))
        time.sleep(2)
        with PaperGateway(port=lane.settings.ibkr_port, quotes=None) as again:
            again.market.set_quote("SPY", 450.00, 450.02, 1000, 1000)
            states = lane.settled(engine, *range(6))
            placed = [order.order_ref for order in again.ledger.requests]
    assert [state.reason_code for state in states] == ["", "STALE"] * 3
    assert placed == [f"{lane.name}-{n}" for n in (0, 2, 4)]
