"""What is Kafka's own: its settings, its topics, and a broker that is not there."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import crc32c
import pytest
from kafka.record import util

from tests.kafka_broker import free_ports
from toolkit.bus import kafka
from toolkit.errors import BusError


@pytest.mark.parametrize(
    "use",
    [
        lambda bootstrap: kafka.consumer(bootstrap, "t", "g", connect_s=0.3),
        lambda bootstrap: kafka.producer(bootstrap, connect_s=0.3),
        lambda bootstrap: kafka.ensure_topics(bootstrap, connect_s=0.3),
    ],
    ids=["consumer", "producer", "topics"],
)
def test_a_broker_that_is_not_there_is_one_sentence(use: Callable[[str], Any]):
    bootstrap = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(BusError, match=f"Kafka at {bootstrap} cannot be used .*KAFKA_BOOTSTRAP_SERVERS"):
        use(bootstrap)


@pytest.mark.parametrize("bootstrap", ["kafka", "kafka:", "kafka:9092,other", ","])
def test_servers_without_a_port_are_one_sentence(bootstrap: str):
    with pytest.raises(BusError, match="name it as host:port"):
        kafka.producer(bootstrap)


def test_checksums_are_computed_by_the_c_library():
    """kafka-python's own loop in Python takes some 100 times as long, for every byte sent and read."""
    assert util.calc_crc32c.__defaults__ == (crc32c.crc32c,)


@pytest.mark.kafka
def test_the_settings_lose_nothing(kafka_bootstrap: str):
    with closing(kafka.consumer(kafka_bootstrap, "t", "g")) as consumer:
        assert consumer.config["enable_auto_commit"] is False
        assert consumer.config["auto_offset_reset"] == "earliest"
        assert consumer.config["value_deserializer"] is None
    with closing(kafka.producer(kafka_bootstrap)) as producer:
        assert producer.config["acks"] == -1
        assert producer.config["enable_idempotence"] is True
        assert producer.config["linger_ms"] == 0


@pytest.mark.kafka
def test_making_topics_twice_leaves_them_as_they_are(kafka_bootstrap: str):
    topic = f"test-{uuid.uuid4().hex}"
    kafka.ensure_topics(kafka_bootstrap, [topic], partitions=3)
    kafka.ensure_topics(kafka_bootstrap, [topic], partitions=1)
    with closing(kafka.consumer(kafka_bootstrap, topic, topic)) as consumer:
        assert consumer.partitions_for_topic(topic) == {0, 1, 2}
