"""
One connection to the gateway: the handshake, questions and answers, and the message budget.

Speaks through ib_async's ``Client``; its ``IB`` object and trade book are not used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from ib_async import Contract, ContractDetails, ExecutionFilter
from ib_async import Order as BrokerOrder
from ib_async import OrderState as BrokerOrderState
from ib_async.client import Client

from toolkit.broker import contracts
from toolkit.broker.decoder import OrderDecoder
from toolkit.broker.execution_wrapper import Broker, IBKRExecutionWrapper
from toolkit.broker.heartbeat import Heartbeat
from toolkit.broker.order_template import OrderTemplates
from toolkit.broker.pacing import Lane, Pacer
from toolkit.broker.requests import Requests
from toolkit.errors import ClientIdTakenError, NotConnectedError
from toolkit.orders.contract import Instrument
from toolkit.orders.intent import OrderIntent

log = logging.getLogger(__name__)

# The library reports every failed connection on its own; the sentence that we raise says more.
logging.getLogger("ib_async.client").setLevel(logging.CRITICAL)

CLIENT_ID_IN_USE: Final = 326
SHORTABLE: Final = "236"
"""Generic tick that has the shares told which the broker has to lend; for stocks alone."""
DELAYED_DATA: Final = 3
CLOSE_TIMEOUT: Final = 2.0
"""Seconds to wait for the socket to close, so that the gateway frees the client id (hazard H24)."""


class Session:
    """
    A socket to the gateway, with questions that end and a budget that cancels overtake.

    Args:
        broker: who hears the callbacks.
        wrapper: the callbacks.
        rate: messages per second that we allow ourselves.
        fast: read and write the messages about orders ourselves; False leaves them to the library.

    Attributes:
        heartbeat: asked before an order when the gateway has been silent; None: never.
        silence: seconds without a byte from the gateway after which it is asked.
    """

    heartbeat: Heartbeat | None = None
    silence: float = 5.0

    def __init__(
        self, broker: Broker, wrapper: IBKRExecutionWrapper, *, rate: float, fast: bool = True
    ) -> None:
        self.requests = Requests()
        self._wrapper = wrapper
        self._broker = broker
        self._rate = rate
        self._fast = fast
        self._templates: OrderTemplates | None = None
        self._api: Client | None = None
        self._pacer: Pacer | None = None
        self._refused: asyncio.Future[str] | None = None
        self._closed: asyncio.Future[None] | None = None
        self.accounts: list[str] = []
        self.next_valid_id = 0
        self._heard_at = 0.0

    @property
    def connected(self) -> bool:
        """Whether the handshake is done and the socket is open."""
        return self._api is not None and bool(self._api.isReady())

    @property
    def server_version(self) -> int:
        """The protocol version agreed on, 0 before the handshake."""
        return 0 if self._api is None else int(self._api.serverVersion())

    @property
    def client_id_refused(self) -> bool:
        """Whether the gateway says that another connection holds our client id (code 326)."""
        return self._refused is not None and self._refused.done()

    @property
    def silent_for(self) -> float:
        """Seconds since the last byte from the gateway."""
        return asyncio.get_running_loop().time() - self._heard_at

    async def connect(self, host: str, port: int, client_id: int, timeout: float) -> None:
        """
        Connect and wait for ids and accounts.

        Args:
            host: where the gateway listens.
            port: its API port.
            client_id: who we are there.
            timeout: seconds for everything.

        Raises:
            ClientIdTakenError: another program has our client id.
            NotConnectedError: says which of the known ways it went wrong, and what to do.
        """
        loop = asyncio.get_running_loop()
        self._pacer = Pacer(self._rate, loop.time)
        self._refused = loop.create_future()
        self._closed = loop.create_future()
        api = Client(self._wrapper)
        api.MaxRequests = 0  # our own budget stands in front of it; its queue must stay empty
        api.throttleStart += _alarm
        api.decoder = OrderDecoder(self._wrapper, 0, self._broker, fast=self._fast)
        api.conn.disconnected += self._on_closed
        api.conn.hasData -= api._onSocketHasData
        api.conn.hasData += self._on_data
        self._api = api
        connecting = loop.create_task(api.connectAsync(host, port, client_id, timeout=0))
        await asyncio.wait(
            {connecting, self._refused, self._closed}, timeout=timeout, return_when="FIRST_COMPLETED"
        )
        reason = self._failure(connecting, f"{host}:{port}", client_id, timeout)
        if not reason:
            self.accounts, self.next_valid_id = list(api.getAccounts()), int(api._reqIdSeq)
            return
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await self.close()
        raise (ClientIdTakenError if self._refused.done() else NotConnectedError)(reason)

    def _failure(self, connecting: asyncio.Task[None], where: str, client_id: int, timeout: float) -> str:
        """Why the connection could not be made, in one sentence; "" when it was."""
        assert self._api is not None
        assert self._refused is not None
        if self._refused.done():
            return (
                f"Client id {client_id} is already in use on {where}; "
                "stop the other program, or set IBKR_CLIENT_ID to another number."
            )
        if connecting.done() and not connecting.cancelled():
            error = connecting.exception()
            if error is None and self.connected:
                return ""
            if isinstance(error, ConnectionRefusedError):
                return (
                    f"Connection refused: nothing listens on {where}; start TWS, IB Gateway or "
                    "`toolkit gateway` there, and enable its API."
                )
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                return f"{where} cannot be reached: {error.strerror or error}."
        if self._closed is not None and self._closed.done():
            return (
                f"{where} closed the connection during the handshake; it is not the API port of TWS or "
                "IB Gateway, or it does not trust this machine."
            )
        if self._api._numBytesRecv and not self.server_version:
            return f"{where} answered, but not like TWS or IB Gateway; check IBKR_HOST and IBKR_PORT."
        return (
            f"Connection to {where} timed out: it accepted the connection but did not answer within "
            f"{timeout:g} s; check that TWS or IB Gateway is logged in and its API enabled."
        )

    async def close(self) -> None:
        """Close the socket and wait until it is closed, so that the client id is free again."""
        self.requests.fail_all("The connection was closed.")
        if self._api is None or self._closed is None:
            return
        if self._api.conn.transport is not None:
            self._api.disconnect()
            await asyncio.wait({self._closed}, timeout=CLOSE_TIMEOUT)
        self._api = None

    async def wait_closed(self) -> None:
        """Return when the socket is closed, by whomever."""
        if self._closed is not None:
            await asyncio.shield(self._closed)

    def refuse_client_id(self) -> None:
        """Take note that the gateway refused our client id (code 326) during the handshake."""
        if self._refused is not None and not self._refused.done():
            self._refused.set_result("")

    # --- orders

    async def order_turn(self, lane: Lane = Lane.ORDER) -> None:
        """Wait until the budget allows one more order, and a silent gateway proved awake (hazard H4)."""
        assert self._pacer is not None
        await self._pacer.turn(lane)
        if self.heartbeat is not None and self.silent_for > self.silence:
            await self.heartbeat.beat()

    def place(self, intent: OrderIntent, instrument: Instrument, order_id: int, account: str) -> None:
        """
        Write an order to the socket; the caller has waited for its turn.

        Raises:
            NotConnectedError: the socket is gone, and nothing was written.
        """
        api = self._socket()
        if self._fast and self._templates is None:
            self._templates = OrderTemplates(self.server_version, api.clientId)
        message = self._templates and self._templates.message(intent, instrument, order_id, account)
        if message:
            api.conn.sendMsg(message)
        else:
            order = contracts.order(intent, order_id, api.clientId, account)
            api.placeOrder(order_id, contracts.contract(instrument, intent.exchange), order)

    async def what_if(
        self, order_id: int, contract: Contract, order: BrokerOrder, timeout: float
    ) -> BrokerOrderState:
        """
        What the account would look like after an order, which is not placed; the caller has its turn.

        Raises:
            RequestRefusedError: the broker would refuse the order; says why.
            NotConnectedError: the socket is gone, or the answer did not come within ``timeout`` seconds.
        """
        order.whatIf = True
        rows = await self._answer(order_id, lambda api: api.placeOrder(order_id, contract, order), timeout)
        state: BrokerOrderState = rows[0]
        return state

    async def cancel(self, order_id: int) -> None:
        """Write a cancel to the socket; it overtakes orders that wait for their turn."""
        assert self._pacer is not None
        await self._pacer.turn(Lane.CANCEL)
        self._socket().cancelOrder(order_id)

    async def cancel_account(self) -> None:
        """Cancel every order of the account, of other programs and manual ones too (hazard H44)."""
        assert self._pacer is not None
        await self._pacer.turn(Lane.CANCEL)
        self._socket().reqGlobalCancel()

    # --- questions

    async def contract_details(self, contract: Contract, timeout: float) -> list[ContractDetails]:
        """Every contract that fits; RequestRefusedError with code 200 when none does."""
        request_id = self.requests.new_id()
        return await self._ask(
            request_id,
            lambda api: api.reqContractDetails(request_id, contract),
            timeout,
            "contractDetailsEnd",
        )

    async def executions(self, timeout: float) -> None:
        """Ask for the day's executions of all clients; they arrive as callbacks before this returns."""
        request_id = self.requests.new_id()
        question = ExecutionFilter()
        await self._ask(
            request_id, lambda api: api.reqExecutions(request_id, question), timeout, "execDetailsEnd"
        )

    async def open_orders(self, timeout: float) -> None:
        """Ask for the open orders of all clients; they arrive as callbacks before this returns."""
        await self._ask("openOrderEnd", lambda api: api.reqAllOpenOrders(), timeout)

    async def completed_orders(self, timeout: float) -> None:
        """Ask for the day's completed orders; they arrive as callbacks before this returns."""
        await self._ask("completedOrdersEnd", lambda api: api.reqCompletedOrders(False), timeout)

    async def positions(self, timeout: float) -> None:
        """Ask for all positions, and to be told of changes; returns when the complete set has arrived."""
        await self._ask("positionEnd", lambda api: api.reqPositions(), timeout)

    async def account_updates(self, account: str, timeout: float) -> None:
        """Subscribe to an account's figures; returns when the first complete set has arrived."""
        await self._ask("accountDownloadEnd", lambda api: api.reqAccountUpdates(True, account), timeout)

    async def watch_profit(self, account: str) -> None:
        """Subscribe to an account's profit of the day; there is no end mark."""
        await self._turn()
        self._socket().reqPnL(self.requests.new_id(), account, "")

    async def current_time(self, timeout: float) -> int:
        """The broker's clock in seconds since 1970: a round trip through the gateway."""
        rows = await self._ask("currentTime", lambda api: api.reqCurrentTime(), timeout)
        return int(rows[0])

    async def watch(self, request_id: int, contract: Contract, delayed: bool) -> None:
        """Subscribe to a contract's quotes; its ticks carry ``request_id``."""
        await self._turn()
        api = self._socket()
        if delayed:
            api.reqMarketDataType(DELAYED_DATA)
        api.reqMktData(request_id, contract, SHORTABLE if contract.secType == "STK" else "", False, False, [])

    async def unwatch(self, request_id: int) -> None:
        """End a subscription to quotes."""
        await self._turn()
        self._socket().cancelMktData(request_id)

    async def _ask(
        self, key: int | str, send: Callable[[Client], object], timeout: float, end: str = ""
    ) -> list[Any]:
        await self._turn()
        return await self._answer(key, send, timeout, end)

    async def _answer(
        self, key: int | str, send: Callable[[Client], object], timeout: float, end: str = ""
    ) -> list[Any]:
        answer = self.requests.open(key)
        try:
            send(self._socket())
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            raise NotConnectedError(
                f"The gateway did not complete its answer ({end or key}) within {timeout:g} s."
            ) from None
        finally:
            self.requests.abandon(key)

    async def _turn(self) -> None:
        assert self._pacer is not None
        await self._pacer.turn(Lane.DATA)

    def _socket(self) -> Client:
        if self._api is None or not self.connected:
            raise NotConnectedError("The connection to the gateway is gone; nothing was sent.")
        return self._api

    def _on_data(self, data: bytes) -> None:
        """
        Take what came off the socket.

        The library copies all that is left of it for every message, and so takes four times as long for
        a burst of them.
        """
        self._heard_at = asyncio.get_running_loop().time()
        api = self._api
        assert api is not None
        if not api.isReady():
            api._onSocketHasData(data)
            return
        buffer = api._data + data if api._data else data
        start, received = 0, len(buffer)
        while received - start > 4:
            end = start + 4 + int.from_bytes(buffer[start : start + 4], "big")
            if end > received:
                break
            fields = buffer[start + 4 : end].decode(errors="backslashreplace").split("\0")
            fields.pop()
            start = end
            api.decoder.interpret(fields)
            if not api.isReady():  # that message ended the connection
                return
        api._data = buffer[start:]

    def _on_closed(self, _: str) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)


def _alarm() -> None:
    """The library queues on its own, so what is marked sent may not have left (hazard H11)."""
    log.critical("The library holds messages back behind our own budget; cancel what matters by hand.")
