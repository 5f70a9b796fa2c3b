"""What is the embedded bus's own: several processes on one file, and a file that can go wrong."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer
from toolkit.bus.store import TopicPartition
from toolkit.errors import BusError

ROOT = Path(__file__).parents[2]
PRODUCE = """
import pathlib, sys
from toolkit.bus.embedded import EmbeddedProducer
with EmbeddedProducer(pathlib.Path(sys.argv[1])) as producer:
    for n in range(int(sys.argv[3])):
        producer.send("t", value=f"{sys.argv[2]} {n}".encode())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "bus.db"


def test_several_processes_feed_one_topic_without_a_hole(path):
    children = [
        subprocess.Popen([sys.executable, "-c", PRODUCE, str(path), name, "300"], cwd=ROOT) for name in "abc"
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    with EmbeddedConsumer(path, "t", group_id="g") as consumer:
        (records,) = consumer.poll(timeout_ms=1_000, max_records=1_000).values()
    assert [record.offset for record in records] == list(range(900))
    for name in "abc":
        own = [record.value.decode() for record in records if record.value.startswith(name.encode())]
        assert own == [f"{name} {n}" for n in range(300)]


def test_a_waiting_consumer_wakes_promptly_when_another_connection_wrote(path):
    waits = []

    def consume() -> None:
        with EmbeddedConsumer(path, "t", group_id="g") as consumer:
            for _ in range(15):
                assert consumer.poll(timeout_ms=20_000)
                woke.append(time.perf_counter())
                seen.set()

    woke: list[float] = []
    seen = threading.Event()
    reader = threading.Thread(target=consume)
    reader.start()
    with EmbeddedProducer(path) as producer:
        for _ in range(15):
            producer.send("t", value=b"x").get(20)
            stored = time.perf_counter()
            assert seen.wait(20)
            seen.clear()
            waits.append(woke[-1] - stored)
    reader.join(20)
    assert statistics.median(waits) <= 0.020


def test_waiting_costs_next_to_no_processor_time(path):
    with EmbeddedConsumer(path, "t", group_id="g") as consumer:
        before = time.thread_time()
        consumer.poll(timeout_ms=500)
        assert time.thread_time() - before < 0.05


def test_a_second_member_of_a_group_gets_the_partition_when_the_first_leaves(path):
    with EmbeddedProducer(path) as producer:
        producer.send("t", value=b"x")
    first = EmbeddedConsumer(path, "t", group_id="g")
    assert first.poll(timeout_ms=5_000)
    with EmbeddedConsumer(path, "t", group_id="g") as second:
        assert second.poll(timeout_ms=50) == {}
        assert second.assignment() == set()
        leaving = threading.Timer(0.05, first.close)
        leaving.start()
        assert second.poll(timeout_ms=20_000)
        leaving.join()
        assert second.assignment() == {TopicPartition("t", 0)}


def test_a_long_backlog_of_one_topic_does_not_starve_another(path):
    with EmbeddedProducer(path) as producer:
        for _ in range(50):
            producer.send("intents", value=b"x")
        producer.send("control", value=b"kill")
    with EmbeddedConsumer(path, "intents", "control", group_id="g") as consumer:
        taken = [consumer.poll(max_records=10) for _ in range(2)]
    assert TopicPartition("control", 0) in taken[1]


def test_a_burst_is_stored_in_far_fewer_transactions_than_messages(path):
    with EmbeddedProducer(path) as producer, closing(sqlite3.connect(path, isolation_level=None)) as other:
        (before,) = other.execute("pragma data_version").fetchone()
        other.execute("begin immediate")
        futures = [producer.send("t", value=b"x") for _ in range(500)]
        assert not futures[-1].is_done
        other.execute("commit")
        producer.flush(20)
        (after,) = other.execute("pragma data_version").fetchone()
    assert all(future.succeeded() for future in futures)
    assert after - before <= 3


def test_a_partition_that_is_not_ours_cannot_be_moved(path):
    with EmbeddedConsumer(path, "t", group_id="g") as consumer:
        for move in (
            lambda: consumer.position(TopicPartition("t", 0)),
            lambda: consumer.seek(TopicPartition("t", 0), 1),
            lambda: consumer.pause(TopicPartition("t", 0)),
        ):
            with pytest.raises(BusError, match="Partition 0 of t is not assigned"):
                move()


def test_a_closed_producer_and_consumer_say_so(path):
    producer, consumer = EmbeddedProducer(path), EmbeddedConsumer(path, "t", group_id="g")
    for each in (producer, consumer):
        each.close()
        each.close()
    with pytest.raises(BusError, match="producer is closed"):
        producer.send("t", value=b"x")
    with pytest.raises(BusError, match="consumer is closed"):
        consumer.poll()


def test_a_message_that_cannot_be_stored_fails_its_future_with_the_path(path):
    heard = []
    with EmbeddedProducer(path) as producer:
        producer.send("t", value=b"x").get(20)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("drop table records")
        future = producer.send("t", value=b"x")
        future.add_callback(heard.append)
        future.add_errback(heard.append)
        with pytest.raises(BusError, match=r"embedded bus .*bus\.db failed"):
            future.get(20)
        producer.flush(20)
        assert future.failed()
        assert heard == [future.exception]


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table mine (a)")
    before = path.read_bytes()
    for opening in (lambda: EmbeddedProducer(path), lambda: EmbeddedConsumer(path, "t", group_id="g")):
        with pytest.raises(BusError, match="another program"):
            opening()
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BusError, match=f"{tmp_path}/file/bus.db"):
        EmbeddedProducer(tmp_path / "file" / "bus.db")
    (tmp_path / "noise.db").write_bytes(b"noise" * 1_000)
    with pytest.raises(BusError, match="noise"):
        EmbeddedConsumer(tmp_path / "noise.db", "t", group_id="g")
