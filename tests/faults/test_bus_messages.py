"""
What can be on the topic, on a real Kafka: repeats, disorder, poison, old and future intents.

Each case ends with an audit of the lane's journal against its own reports.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient

from tests.faults.lane import Lane
from tests.kafka_topics import PATIENCE
from tests.waiting import wait_until
from toolkit.bus import kafka
from toolkit.gateway import PaperGateway

pytestmark = pytest.mark.kafka
RARE = pytest.mark.faults_all

MB = 1024 * 1024


@pytest.fixture
def lane(kafka_bootstrap: str, kafka_gateway: PaperGateway, home: Path) -> Lane:
    return Lane(kafka_bootstrap, kafka_gateway, home)


@pytest.fixture
def big_lane(lane: Lane) -> Lane:
    """A lane whose topic takes messages that nobody should send."""
    admin = KafkaAdminClient(bootstrap_servers=lane.bootstrap)
    lane.topic += "-big"
    admin.create_topics(
        {lane.topic: {"num_partitions": 1, "configs": {"max.message.bytes": str(40 * MB)}}},
        wait_for_metadata=True,
    )
    admin.close()
    return lane


def ahead(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# --- repeats and disorder -----------------------------------------------------------------------------


@pytest.mark.parametrize("times", [3, pytest.param(400, marks=RARE)])
def test_h17_an_intent_that_comes_many_times_is_one_order(lane: Lane, times: int) -> None:
    """400 are two batches, each with its own commit."""
    with lane.running() as engine:
        lane.send(*[lane.intent(1)] * times, lane.intent(2))
        lane.settled(engine, 1, 2)
        wait_until(lambda: lane.committed() == times + 1, PATIENCE)
    assert (lane.orders(1), lane.orders(2)) == (1, 1)


@RARE
def test_h17_an_intent_that_comes_again_in_the_next_run_is_recognised(lane: Lane) -> None:
    for _ in range(2):
        with lane.running() as engine:
            lane.send(lane.intent(1))
            lane.settled(engine, 1)
    assert lane.orders(1) == 1


@RARE
def test_h17_other_terms_under_a_used_id_are_refused_and_the_first_stands(lane: Lane) -> None:
    with lane.running() as engine:
        lane.send(lane.intent(1), lane.intent(1, quantity=2))
        (state,) = lane.settled(engine, 1)
        wait_until(lambda: lane.committed() == 2, PATIENCE)
        told = lane.reports(1)[1]
    assert (lane.orders(1), state.filled_quantity) == (1, 1)
    assert [each["reason_code"] for each in told if each["report_seq"] == 0] == ["DUPLICATE_INTENT"]


@RARE
def test_h17_the_same_intent_on_two_partitions_is_one_order(
    kafka_bootstrap: str, kafka_gateway: PaperGateway, home: Path
) -> None:
    lane = Lane(kafka_bootstrap, kafka_gateway, home, partitions=2)
    with lane.running() as engine:
        lane.send(lane.intent(1), partition=0)
        lane.send(lane.intent(1), partition=1)
        lane.settled(engine, 1)
        wait_until(lambda: (lane.committed(0), lane.committed(1)) == (1, 1), PATIENCE)
    assert lane.orders(1) == 1


@RARE
def test_a_cancel_that_overtakes_its_order_is_denied_by_name_and_the_order_goes(lane: Lane) -> None:
    cancel = {"intent_id": f"{lane.name}-2", "action": "CANCEL", "target_intent_id": f"{lane.name}-1"}
    with lane.running() as engine:
        lane.send(cancel, lane.intent(1))
        order, refused = lane.settled(engine, 1, 2)
    assert (order.status.value, refused.reason_code) == ("Filled", "UNKNOWN_TARGET")


@RARE
def test_intents_in_any_order_are_placed_in_the_order_in_which_they_came(lane: Lane) -> None:
    numbers = [5, 3, 4, 1, 2]
    with lane.running() as engine:
        lane.send(*map(lane.intent, numbers))
        lane.settled(engine, *numbers)
    placed = [each.order_ref for each in lane.gateway.ledger.requests if each.order_ref.startswith(lane.name)]
    assert placed == [f"{lane.name}-{n}" for n in numbers]


# --- poison -------------------------------------------------------------------------------------------

POISON: dict[str, tuple[Callable[[dict[str, Any]], bytes | None], str]] = {
    "half an object": (lambda good: msgspec.json.encode(good)[:-1], "NOT_JSON"),
    "a tombstone": (lambda _: None, "EMPTY_MESSAGE"),
    "nothing": (lambda _: b"", "EMPTY_MESSAGE"),
    "null": (lambda _: b"null", "NOT_AN_OBJECT"),
    "a list of intents": (lambda good: msgspec.json.encode([good]), "NOT_AN_OBJECT"),
    "a number that is none": (
        lambda good: msgspec.json.encode(good).replace(b'"quantity":1', b'"quantity":NaN'),
        "NOT_JSON",
    ),
    "no characters": (lambda _: b'{"intent_id": "\xff\xfe"}', "NOT_JSON"),
    "a byte order mark": (lambda good: b"\xef\xbb\xbf" + msgspec.json.encode(good), "NOT_JSON"),
    "gzip": (lambda good: gzip.compress(msgspec.json.encode(good)), "NOT_JSON"),
    "a field twice": (
        lambda good: msgspec.json.encode(good).replace(b'"quantity":1', b'"quantity":1,"quantity":2'),
        "REPEATED_FIELD",
    ),
    "a deep pile": (lambda _: b"[" * 5000, "MESSAGE_TOO_DEEP"),
    "no id": (lambda good: msgspec.json.encode({**good, "intent_id": None}), "MISSING_INTENT_ID"),
    "an id with a blank": (lambda good: msgspec.json.encode({**good, "intent_id": "a b"}), "BAD_INTENT_ID"),
    "half a megabyte": (lambda _: b"x" * (MB // 2), "MESSAGE_TOO_LARGE"),
}
SAMPLE = ("half an object",)


@pytest.mark.parametrize("kind", [pytest.param(k, marks=() if k in SAMPLE else RARE) for k in POISON])
def test_h20_poison_is_a_dead_letter_and_what_follows_is_an_order(lane: Lane, kind: str) -> None:
    make, code = POISON[kind]
    poison = make(lane.intent(2))
    with lane.running() as engine:
        lane.send(lane.intent(1), poison, lane.intent(3))
        lane.settled(engine, 1, 3)
        (letter,) = lane.letters(1)
        wait_until(lambda: lane.committed() == 3, PATIENCE)
        assert engine.orchestrator.failure is None
    assert letter.value == poison
    headers = dict(letter.headers)
    assert (headers["code"].decode(), headers["offset"]) == (code, b"1")
    assert (lane.orders(1), lane.orders(2), lane.orders(3)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("size", "kept"),
    [(5 * MB, 5 * MB), pytest.param(20 * MB, 64 * 1024, marks=RARE)],
    ids=["5 MB, kept whole", "20 MB, of which an excerpt is kept"],
)
def test_h20_a_huge_message_is_a_dead_letter_and_does_not_stop_the_lane(
    big_lane: Lane, size: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with big_lane.running() as engine:
        with monkeypatch.context() as patch:
            patch.setattr(kafka, "MAX_MESSAGE_BYTES", 40 * MB)
            big_lane.send(b"x" * size, big_lane.intent(1))
        big_lane.settled(engine, 1)
        (letter,) = big_lane.letters(1)
    headers = dict(letter.headers)
    assert (len(letter.value), headers["code"]) == (kept, b"MESSAGE_TOO_LARGE")
    assert headers.get("cut_from_bytes") == (None if kept == size else str(size).encode())


@RARE
def test_h20_a_schema_from_the_future_is_a_dead_letter_and_a_rejection(lane: Lane) -> None:
    with lane.running() as engine:
        lane.send(lane.intent(1, schema_version=2), lane.intent(2))
        lane.settled(engine, 1, 2)
        (letter,) = lane.letters(1)
        (report,) = lane.reports(1)[1]
    assert report["reason_code"] == dict(letter.headers)["code"].decode() == "SCHEMA_FROM_FUTURE"
    assert (lane.orders(1), lane.orders(2)) == (0, 1)


# --- clocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "code"),
    [
        pytest.param({"created_at": 5}, "", marks=RARE),
        ({"created_at": 3600}, "CLOCK_SKEW"),
        pytest.param({"created_at": 3600, "valid_until": 7200}, "CLOCK_SKEW", marks=RARE),
        pytest.param({"created_at": -3600}, "STALE", marks=RARE),
        pytest.param({"created_at": -3600, "valid_until": 60}, "", marks=RARE),
        pytest.param({"valid_until": -1}, "STALE", marks=RARE),
    ],
    ids=["a little fast", "an hour fast", "and valid longer", "an hour slow", "but valid", "past its time"],
)
def test_h19_the_producers_clock_decides_what_is_stale_and_may_not_run_ahead(
    lane: Lane, times: dict[str, float], code: str
) -> None:
    with lane.running() as engine:
        lane.send(lane.intent(1, **{name: ahead(seconds) for name, seconds in times.items()}))
        (state,) = lane.settled(engine, 1)
        (*_, last) = lane.reports(1)[1]
    assert state.reason_code == code
    assert lane.orders(1) == (0 if code else 1)
    assert last["reason_code"] == (code or None)
