"""Operators' commands off ``order_control``: obeyed once each, whatever intents are doing meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from toolkit.app.intake import Intake
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import ControlError, IntentError
from toolkit.orders.controls import Command, read_command
from toolkit.orders.intent import decode


class ControlIntake:
    """
    Reads the topic with a consumer of its own, so that a kill never waits behind intents.

    Args:
        consumer: of ``order_control``; kafka-python's KafkaConsumer, or the embedded bus's twin.
        client: obeys.
        bury: sends a message that is no command to the dead letters; takes the record, where it was, and why.
        on_failure: called when the topic cannot be read any more: who cannot be stopped must stop.
    """

    def __init__(
        self,
        consumer: Any,
        client: IBKRExecClient,
        bury: Callable[[Any, str, IntentError], Awaitable[None]],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._client = client
        self._bury = bury
        self._intake = Intake(consumer, self._on_record, on_failure)

    def start(self) -> None:
        """Start to read, from the client's event loop."""
        self._intake.start()

    async def stop(self) -> None:
        """Stop after the command in work, and close the consumer."""
        await self._intake.stop()

    async def _on_record(self, record: Any) -> None:
        source = f"{record.topic}/{record.partition}@{record.offset}"
        controls = self._client.controls
        if source in controls.standing.commands:
            return  # it came again after a crash before the commit
        try:
            command = _command(record.value, source)
        except (ControlError, IntentError) as error:
            await self._bury(record, source, IntentError(str(error), code="BAD_COMMAND"))
            return
        await controls.obey(command)


def _command(body: bytes | None, source: str) -> Command:
    return read_command(decode(body), now=datetime.now(UTC), id=source)
