"""The same scenarios on the embedded bus and on Kafka: who uses one cannot tell it from the other."""

from __future__ import annotations

import time
from typing import Any

import pytest

DEADLINE_S = 60.0


def read(consumer: Any, count: int, **options: Any) -> list[Any]:
    """The next ``count`` records, or as many as came within the deadline."""
    records: list[Any] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(records) < count and time.monotonic() < deadline:
        for batch in consumer.poll(timeout_ms=200, **options).values():
            records += batch
    return records


def texts(records: list[Any]) -> list[str]:
    return [record.value.decode() for record in records]


def only(assignment: set[Any]) -> Any:
    (partition,) = assignment
    return partition


def test_a_record_arrives_as_it_was_sent(bus):
    before = time.time() * 1000
    headers = [("source", b"order_intents"), ("reason", b"\xff\x00")]
    bus.producer().send(bus.topic, value=b"\x00{broken", key=b"k", headers=headers).get(30)
    (record,) = read(bus.consumer(), 1)
    assert (record.topic, record.partition, record.offset) == (bus.topic, 0, 0)
    assert (record.key, record.value) == (b"k", b"\x00{broken")
    assert list(record.headers) == headers
    assert abs(record.timestamp - before) < 60_000


def test_a_record_without_a_value_or_a_key_arrives_too(bus):
    producer = bus.producer()
    producer.send(bus.topic, value=None, key=b"k").get(30)
    producer.send(bus.topic, value=b"", key=None).get(30)
    assert [(record.key, record.value) for record in read(bus.consumer(), 2)] == [(b"k", None), (None, b"")]


def test_a_new_group_starts_at_the_earliest_record_and_keeps_the_order(bus):
    sent = [f"intent {n}" for n in range(300)]
    bus.send(*sent)
    records = read(bus.consumer(), 300)
    assert texts(records) == sent
    assert [record.offset for record in records] == list(range(300))


def test_the_future_tells_where_a_record_was_stored(bus):
    bus.send("first")
    metadata = bus.producer().send(bus.topic, value=b"second").get(30)
    assert (metadata.topic, metadata.partition, metadata.offset) == (bus.topic, 0, 1)


def test_callbacks_hear_of_a_stored_record_before_and_after_the_fact(bus):
    heard = []
    producer = bus.producer()
    future = producer.send(bus.topic, value=b"x")
    future.add_callback(lambda metadata: heard.append(metadata.offset))
    future.add_errback(heard.append)
    producer.flush(30)
    future.get(30)
    future.add_callback(lambda name, metadata: heard.append((name, metadata.offset)), "late")
    assert future.is_done
    assert future.succeeded()
    assert not future.failed()
    assert heard == [0, ("late", 0)]


def test_what_was_not_committed_is_delivered_again(bus):
    bus.send("a", "b")
    first = bus.consumer()
    assert texts(read(first, 2)) == ["a", "b"]
    first.close()
    assert texts(read(bus.consumer(), 2)) == ["a", "b"]


def test_what_was_committed_is_not_delivered_again(bus):
    bus.send("a", "b", "c")
    first = bus.consumer()
    assert texts(read(first, 2, max_records=2)) == ["a", "b"]
    first.commit()
    first.close()
    assert texts(read(bus.consumer(), 1)) == ["c"]


def test_groups_do_not_see_each_others_commits(bus):
    bus.send("a")
    first = bus.consumer(group="one")
    read(first, 1)
    first.commit()
    assert texts(read(bus.consumer(group="two"), 1)) == ["a"]


def test_nothing_new_is_an_empty_poll_that_took_its_time(bus):
    consumer = bus.consumer()
    bus.send("a")
    read(consumer, 1)
    started = time.monotonic()
    assert consumer.poll(timeout_ms=150) == {}
    assert time.monotonic() - started >= 0.14


def test_max_records_limits_one_poll(bus):
    bus.send("a", "b", "c")
    consumer = bus.consumer()
    first = read(consumer, 1, max_records=1)
    assert texts(first) == ["a"]
    assert texts(read(consumer, 2, max_records=2)) == ["b", "c"]


def test_a_paused_partition_delivers_nothing_until_it_is_resumed(bus):
    consumer = bus.consumer()
    bus.send("a")
    read(consumer, 1)
    partition = only(consumer.assignment())
    consumer.pause(partition)
    assert consumer.paused() == {partition}
    bus.send("b")
    assert consumer.poll(timeout_ms=300) == {}
    consumer.resume(partition)
    assert consumer.paused() == set()
    assert texts(read(consumer, 1)) == ["b"]


def test_seeking_back_delivers_again_from_there(bus):
    bus.send("a", "b", "c")
    consumer = bus.consumer()
    read(consumer, 3)
    partition = only(consumer.assignment())
    assert (partition.topic, partition.partition) == (bus.topic, 0)
    assert consumer.position(partition) == 3
    consumer.seek(partition, 1)
    assert consumer.position(partition) == 1
    assert texts(read(consumer, 2)) == ["b", "c"]


def test_a_record_sent_while_a_poll_waits_ends_the_wait(bus):
    consumer = bus.consumer()
    bus.send("a")
    read(consumer, 1)
    producer = bus.producer()
    producer.send(bus.topic, value=b"b")
    assert texts(read(consumer, 1)) == ["b"]


def test_what_is_no_bytes_is_refused_at_once(bus):
    producer = bus.producer()
    with pytest.raises(TypeError):
        producer.send(bus.topic, value="text")
    with pytest.raises(TypeError):
        producer.send(bus.topic, value=b"x", headers=[("name", "text")])
    with pytest.raises(ValueError):
        producer.send(bus.topic)
    with pytest.raises(ValueError):
        producer.send("no such/topic name", value=b"x")


def test_flushing_and_closing_leave_nothing_behind(bus):
    producer = bus.producer()
    futures = [producer.send(bus.topic, value=str(n).encode()) for n in range(100)]
    producer.close()
    assert all(future.succeeded() for future in futures)
    assert len(read(bus.consumer(), 100)) == 100
