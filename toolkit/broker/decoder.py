"""
From the fields of a message to the callback that hears it.

The library decodes, but for two things: what comes with every order is read straight from its fields
(``order_messages``), and what the library would swallow, a message it cannot decode, is handed over as
a failure (hazard H9).
"""

from __future__ import annotations

import sys
from datetime import UTC
from typing import Any, Final

from ib_async import Contract, Execution
from ib_async.decoder import Decoder

from toolkit.broker import order_messages
from toolkit.broker.execution_wrapper import Broker, IBKRExecutionWrapper


class OrderDecoder(Decoder):
    """
    The library's decoder without the two ways in which it loses a fill, and faster at orders.

    It reads an execution's time before anything else and drops the whole execution when it cannot
    (hazard H9): here the time is taken out first and read by ``parse_time``. And it only logs a
    message that it cannot decode: here that is handed over.

    Args:
        wrapper: the callbacks.
        server_version: agreed on, 0 before the handshake.
        broker: who hears of what cannot be decoded.
        fast: read the messages about orders with ``order_messages``; False leaves them to the library.
    """

    _TIME: Final = 15
    """Place of the time in execDetails at every supported server version."""
    _ANY_TIME: Final = "19700101 00:00:00 UTC"

    def __init__(
        self, wrapper: IBKRExecutionWrapper, server_version: int, broker: Broker, *, fast: bool = True
    ) -> None:
        super().__init__(wrapper, server_version)  # type: ignore[arg-type]  # it calls what it needs by name
        self.logger = _Alarm(broker)  # type: ignore[assignment]
        if fast:
            self._orders = wrapper
            self.handlers |= {3: self._order_status, 5: self._open_order, 11: self._execution}

    def execDetails(self, fields: list[str]) -> None:
        """Decode an execution, whatever its time looks like."""
        time_text, fields[self._TIME] = fields[self._TIME], self._ANY_TIME
        handler, self.wrapper = self.wrapper, _WithTime(self.wrapper, time_text)  # type: ignore[assignment]
        try:
            super().execDetails(fields)  # type: ignore[no-untyped-call]
        finally:
            self.wrapper = handler

    def _order_status(self, fields: list[str]) -> None:
        _, order_id, word, filled, remaining, average, perm_id, parent_id, last, client_id, held, *_ = fields
        self._orders.orderStatus(
            int(order_id or 0),
            word,
            float(filled or 0),
            float(remaining or 0),
            float(average or 0),
            int(perm_id or 0),
            int(parent_id or 0),
            float(last or 0),
            int(client_id or 0),
            held,
        )

    def _open_order(self, fields: list[str]) -> None:
        try:
            shown = order_messages.open_order(fields, self.serverVersion)
        except (ValueError, IndexError):
            shown = None
        if shown is None:
            self.openOrder(fields)  # type: ignore[no-untyped-call]
        else:
            self._orders.on_open_order(shown)

    def _execution(self, fields: list[str]) -> None:
        try:
            fill = order_messages.execution(fields, self.serverVersion)
        except (ValueError, IndexError):
            fill = None
        if fill is None:
            self.execDetails(fields)
        else:
            self._orders.on_fill(fill)


class _WithTime:
    """Passes one execution on with the broker's own time text attached."""

    defaultTimezone = UTC

    def __init__(self, wrapper: Any, time_text: str) -> None:
        self._wrapper = wrapper
        self._time_text = time_text

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        execution.time_text = self._time_text  # type: ignore[attr-defined]
        self._wrapper.execDetails(reqId, contract, execution)


class _Alarm:
    """Stands where the decoder logs what it could not decode."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def exception(self, message: str) -> None:
        self._broker.on_decode_failure(sys.exc_info()[1], message)
