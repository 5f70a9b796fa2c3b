"""``gateway.faults``: what is to go wrong at a running gateway, from Python and from a file."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from toolkit.errors import ConfigError, GatewayError
from toolkit.gateway import fault_broker
from toolkit.gateway.fault_messages import Seen
from toolkit.gateway.faults import Fault, Plan

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway

logger = logging.getLogger(__name__)

_OF_CONNECTIONS = frozenset({"mute", "freeze", "reset", "close", "notice"})


class Faults:
    """
    The faults of one gateway; every method may be called from any thread.

    A fault that names no message happens as soon as the gateway runs (``after`` seconds later);
    any other waits for its message.
    """

    def __init__(self, gateway: PaperGateway) -> None:
        self._gateway = gateway
        self._plan = Plan()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._plan)

    def add(self, fault: str, **conditions: Any) -> int:
        """
        Set a fault of :data:`toolkit.gateway.faults.FAULTS`, and return its number.

        Raises:
            ConfigError: a name is unknown (the nearest known one is told), missing or malformed.
            GatewayError: it happens at once, and there is no such instrument, position or execution.
        """
        asked = {"fault": fault, **conditions}
        added: Fault = self._on_the_loop(lambda: self._add(asked))
        return added.number

    def clear(self, number: int | None = None) -> None:
        """
        Take one fault back, or all; muted and frozen connections go on then.

        Raises:
            ConfigError: no fault has this number.
        """
        self._on_the_loop(lambda: self._clear(number))

    def active(self) -> list[dict[str, Any]]:
        """The faults that are set, as they can be asked for again."""
        return [fault.as_dict() for fault in self._plan.active()]

    def load(self, path: str | Path) -> None:
        """
        Set the faults of a YAML file: a list of mappings with ``fault`` and its conditions.

        Raises:
            ConfigError: it cannot be read, or a fault in it is wrong; names which.
        """
        try:
            asked = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
        except (OSError, ValueError, yaml.YAMLError) as error:
            why = " ".join(str(error).split())
            raise ConfigError(f"The plan of faults {path} cannot be read: {why}.") from error
        if not isinstance(asked, list) or not all(isinstance(row, dict) for row in asked):
            raise ConfigError(f"The plan of faults {path} should be a list of faults, each a mapping.")
        for place, row in enumerate(asked, start=1):
            try:
                self._add(row)
            except ConfigError as error:
                raise ConfigError(f"{path}, fault {place}: {error}") from error

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The gateway runs; for the gateway."""
        self._loop = loop
        waiting, self._waiting = self._waiting, []
        for fault in waiting:
            self._schedule(fault, loop)

    def strike(self, seen: Seen) -> list[Fault]:
        """The faults that strike this message; for its connection."""
        return self._plan.strike(seen, time.monotonic())

    def _add(self, asked: Mapping[str, Any]) -> Fault:
        fault = self._plan.add(asked, time.monotonic())
        if not fault.message:
            if self._loop is None:
                self._waiting.append(fault)
            else:
                self._schedule(fault, self._loop)
        return fault

    def _schedule(self, fault: Fault, loop: asyncio.AbstractEventLoop) -> None:
        if fault.after:
            loop.call_later(fault.after, self._happen_late, fault)
        else:
            self._happen(fault)

    def _happen(self, fault: Fault) -> None:
        if fault.name not in _OF_CONNECTIONS:
            self._gateway.call(lambda now: fault_broker.happen(fault, self._gateway, now))
            return
        for session, connection in tuple(self._gateway.connections.items()):
            if fault.client in (None, session.client_id):
                connection.line.strike_session(fault)

    def _happen_late(self, fault: Fault) -> None:
        try:
            self._happen(fault)
        except GatewayError as error:
            logger.warning("fault %s did not happen: %s", fault.name, error)

    def _clear(self, number: int | None) -> None:
        self._plan.clear(number)
        if number is None:
            for connection in self._gateway.connections.values():
                connection.line.thaw()

    def _on_the_loop(self, action: Callable[[], Any]) -> Any:
        """Run it where the gateway runs; before that, here."""
        if self._loop is None:
            return action()
        found: list[Any] = []

        def act(_: datetime) -> None:
            found.append(action())

        self._gateway.call(act)
        return found[0]
