"""Intents for a drill, sent over the bus as strategies send them, and the reports that come back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from toolkit.bus import choose
from toolkit.bus.embedded import EmbeddedConsumer
from toolkit.bus.topics import DEAD_LETTERS, INTENTS, REPORTS
from toolkit.errors import ConfigError
from toolkit.orders.state import OrderStatus
from toolkit.settings import Settings

TOO_LARGE: Final = 1_000_000
"""Shares that no limit of a drill lets through."""
POLL_MS: Final = 200
UNKNOWN: Final = OrderStatus.UNKNOWN.value


def kafka_servers(bus: str) -> str:
    """
    The servers of a drill: none for the embedded bus, those of the settings for Kafka.

    Raises:
        ConfigError: Kafka is wanted and the settings name no server.
    """
    if bus == "embedded":
        return ""
    servers = Settings.load().kafka_bootstrap_servers
    if not servers:
        raise ConfigError(
            "KAFKA_BOOTSTRAP_SERVERS is not set; name the brokers there, or use the embedded bus."
        )
    return servers


def practice_intents(count: int, symbol: str, account: str, run: str, seed: int) -> list[dict[str, Any]]:
    """
    Intents of a drill: small market orders both ways, and every tenth too large to be let through.

    Args:
        count: how many.
        symbol: of a US stock with a quote.
        account: the paper gateway's; on a shared topic a service of another account refuses them.
        run: makes their ids unique.
        seed: of sides and quantities.
    """
    chance = random.Random(seed)  # noqa: S311 - practice, guards nothing
    return [
        {
            "intent_id": f"{run}-{number:05d}",
            "symbol": symbol,
            "direction": chance.choice(("BUY", "SELL")),
            "quantity": TOO_LARGE if number % 10 == 9 else chance.randint(1, 10),
            "order_type": "MARKET",
            "strategy_id": f"drill-{number % 3}",
            "account": account,
        }
        for number in range(count)
    ]


def no_intent(run: str) -> bytes:
    """What a strategy that died in mid-sentence leaves on the topic."""
    return f'{{"intent_id": "{run}'.encode()


def as_messages(intents: Iterable[Mapping[str, Any]], run: str) -> list[tuple[str, bytes]]:
    """Key and body of each, every twentieth twice as after a producer's retry, and one that is no intent."""
    messages: list[tuple[str, bytes]] = []
    for number, intent in enumerate(intents):
        message = (str(intent["strategy_id"]), msgspec.json.encode(intent))
        messages += [message] * (2 if number % 20 == 19 else 1)
    return [*messages, ("drill-0", no_intent(run))]


def send(settings: Settings, messages: Iterable[tuple[str, bytes]]) -> None:
    """Put them on the topic of the intents, and wait until the bus has them. Raises BusError."""
    choose.send_all(settings, INTENTS, messages)


class Reports:
    """
    The reports about some intents, as a strategy reads them off the topic.

    Args:
        settings: which bus.
        group: a consumer group that nobody else uses.
        prefix: of the ids of the intents that count.

    Raises:
        BusError: the bus cannot be reached.
    """

    def __init__(self, settings: Settings, group: str, prefix: str) -> None:
        self.all: list[dict[str, Any]] = []
        self._prefix = prefix
        self._consumer = _consumer(settings, REPORTS, group)

    @property
    def final(self) -> dict[str, dict[str, Any]]:
        """Intent id -> its latest final report; only of intents that have one."""
        return {report["intent_id"]: report for report in self.all if report.get("final")}

    @property
    def settled(self) -> set[str]:
        """Intents with a final report, and those that wait for a person because nobody can tell their end."""
        latest = {report["intent_id"]: report for report in self.all}
        return {name for name, report in latest.items() if report.get("final") or report["status"] == UNKNOWN}

    def read_until(self, enough: Callable[[], bool], timeout_s: float) -> bool:
        """Read until ``enough()``, at most ``timeout_s`` seconds; whether it came true."""
        deadline = time.monotonic() + timeout_s
        while not enough():
            if time.monotonic() > deadline:
                return False
            for records in self._consumer.poll(timeout_ms=POLL_MS).values():
                read = (msgspec.json.decode(record.value) for record in records)
                self.all += [each for each in read if str(each["intent_id"]).startswith(self._prefix)]
        return True

    def close(self) -> None:
        """Leave the topic."""
        self._consumer.close()


def put_aside(settings: Settings, group: str, body: bytes, timeout_s: float) -> bool:
    """Whether these bytes turn up among the dead letters within ``timeout_s`` seconds; as ``Reports``."""
    consumer, deadline = _consumer(settings, DEAD_LETTERS, group), time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            polled = consumer.poll(timeout_ms=POLL_MS)
            if any(record.value == body for records in polled.values() for record in records):
                return True
        return False
    finally:
        consumer.close()


def _consumer(settings: Settings, topic: str, group: str) -> Any:
    if not settings.kafka_bootstrap_servers:
        return EmbeddedConsumer(settings.bus_path, topic, group_id=group)
    from toolkit.bus import kafka

    return kafka.consumer(settings.kafka_bootstrap_servers, topic, group)
