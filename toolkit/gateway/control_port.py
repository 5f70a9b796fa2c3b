"""
The control port: one JSON object a line, on this machine only.

A line asks with ``do`` and the fields of that action; the answer is one line, ``{"ok": true, ...}`` or
``{"ok": false, "error": "one sentence"}``. The ledger comes as one line for each row before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.errors import ConfigError, GatewayError, ToolkitError
from toolkit.gateway.faults import nearest
from toolkit.gateway.ledger import Ledger

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway

LOOPBACK = "127.0.0.1"


class ControlPort:
    """
    Takes commands for one running gateway.

    Args:
        gateway: obeys them.
        port: TCP port of the loopback address; 0 picks a free one.

    Attributes:
        port: the one it listens on, once started.
    """

    def __init__(self, gateway: PaperGateway, port: int) -> None:
        self.port = port
        self._gateway = gateway
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises GatewayError: the port cannot be listened on."""
        try:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        except OSError as error:
            raise GatewayError(
                f"The paper gateway cannot listen on {LOOPBACK}:{self.port} ({error.strerror}): "
                "choose another --control-port."
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end the conversations that are open."""
        if self._server is not None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            readable = True
            while readable and (line := await reader.readline()):
                readable = self._answer(line, writer)
                await writer.drain()
        except (ConnectionError, ValueError):  # it has gone, or its line does not end
            pass
        finally:
            writer.close()

    def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one line; False when it is none of this protocol, so that nothing else is read."""
        try:
            asked = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:
            writer.write(_line({"ok": False, "error": "Every line should be one JSON object."}))
            return False
        try:
            for row in self._do(asked):
                writer.write(_line(row))
        except ToolkitError as error:
            writer.write(_line({"ok": False, "error": str(error)}))
        return True

    def _do(self, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        values = dict(asked)
        name = values.pop("do", "")
        if name not in ACTIONS:
            raise ConfigError(f"There is no command {name!r}; the nearest is {nearest(name, ACTIONS)}.")
        if name == "ledger":
            yield from ledger_rows(self._gateway.ledger)
            yield {"ok": True}
            return
        try:
            found = ACTIONS[name](self._gateway, values)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"Command {name} cannot use {values}: {error!r}.") from error
        yield {"ok": True, **(found or {})}


def ledger_rows(ledger: Ledger) -> Iterator[Mapping[str, Any]]:
    """The ledger of truth as plain rows: orders received, cancels received, fills issued."""
    for order in tuple(ledger.requests):
        yield {"row": "order", **msgspec.to_builtins(order)}
    for client_id, order_id in tuple(ledger.cancels):
        yield {"row": "cancel", "client_id": client_id, "order_id": order_id}
    for fill in tuple(ledger.fills.values()):
        yield {"row": "fill", **msgspec.to_builtins(fill)}


def _add(gateway: PaperGateway, values: dict[str, Any]) -> Mapping[str, Any]:
    return {"number": gateway.faults.add(**{"fault": "", **values})}


def _clear(gateway: PaperGateway, values: dict[str, Any]) -> None:
    gateway.faults.clear(values.get("number"))


def _list(gateway: PaperGateway, _: dict[str, Any]) -> Mapping[str, Any]:
    return {"faults": gateway.faults.active()}


def _quote(gateway: PaperGateway, values: dict[str, Any]) -> None:
    gateway.market.set_quote(**values)


def _trade(gateway: PaperGateway, values: dict[str, Any]) -> None:
    gateway.market.trade(**values)


def _freeze(gateway: PaperGateway, _: dict[str, Any]) -> None:
    gateway.market.freeze()


def _halt(gateway: PaperGateway, values: dict[str, Any]) -> None:
    gateway.market.halt(**values)


def _resume(gateway: PaperGateway, values: dict[str, Any]) -> None:
    gateway.market.resume(**values)


def _fault(name: str) -> Callable[[PaperGateway, dict[str, Any]], None]:
    """A command that is a fault which happens at once."""

    def happen(gateway: PaperGateway, values: dict[str, Any]) -> None:
        gateway.faults.add(name, **values)

    return happen


ACTIONS: Mapping[str, Callable[[PaperGateway, dict[str, Any]], Mapping[str, Any] | None]] = {
    "add": _add,
    "clear": _clear,
    "list": _list,
    "quote": _quote,
    "trade": _trade,
    "freeze": _freeze,
    "halt": _halt,
    "resume": _resume,
    "notice": _fault("notice"),
    "disconnect": _fault("close"),
    "roll-ids": _fault("roll_ids"),
    "ledger": lambda _gateway, _values: None,
}
"""What can be asked for, by its name."""


def _line(row: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(row) + b"\n"
