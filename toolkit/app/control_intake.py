"""Operators' commands off ``order_control``: obeyed once each, whatever intents are doing meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from toolkit.app.intake import Intake
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.bus.topics import DEAD_LETTERS
from toolkit.errors import ControlError, IntentError
from toolkit.orders.controls import Command, read_command
from toolkit.orders.intent import decode

log = logging.getLogger(__name__)

DEAD_LETTER_TIMEOUT: Final = 30.0
"""Seconds for the bus to take a dead letter; without it the record is not committed."""


class ControlIntake:
    """
    Reads the topic with a consumer of its own, so that a kill never waits behind intents.

    Args:
        consumer: of ``order_control``; kafka-python's KafkaConsumer, or the embedded bus's twin.
        producer: for dead letters.
        client: obeys.
        on_failure: called when the topic cannot be read any more: who cannot be stopped must stop.
    """

    def __init__(
        self,
        consumer: Any,
        producer: Any,
        client: IBKRExecClient,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._client = client
        self._intake = Intake(consumer, self._on_record, on_failure)

    def start(self) -> None:
        """Start to read, from the client's event loop."""
        self._intake.start()

    async def stop(self) -> None:
        """Stop after the command in work, and close the consumer."""
        await self._intake.stop()
        await asyncio.to_thread(self._consumer.close)

    async def _on_record(self, record: Any) -> None:
        source = f"{record.topic}/{record.partition}@{record.offset}"
        controls = self._client.controls
        if source in controls.standing.commands:
            return  # it came again after a crash before the commit
        try:
            command = _command(record.value, source)
        except (ControlError, IntentError) as error:
            await asyncio.to_thread(self._bury, record, source, str(error))
            return
        await controls.obey(command)

    def _bury(self, record: Any, source: str, reason: str) -> None:
        log.error("A message at %s is no command: %s It goes to %s.", source, reason, DEAD_LETTERS)
        headers = [
            ("topic", record.topic.encode()),
            ("partition", str(record.partition).encode()),
            ("offset", str(record.offset).encode()),
            ("code", b"BAD_COMMAND"),
            ("reason", reason.encode()),
        ]
        sent = self._producer.send(DEAD_LETTERS, value=record.value, key=record.key, headers=headers)
        self._producer.flush(timeout=DEAD_LETTER_TIMEOUT)
        sent.get(timeout=DEAD_LETTER_TIMEOUT)


def _command(body: bytes | None, source: str) -> Command:
    return read_command(decode(body), now=datetime.now(UTC), id=source)
