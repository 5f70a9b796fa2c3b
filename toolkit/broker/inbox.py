"""
What the gateway tells us, taken to where it belongs: orders to the ledger, the rest to the market book.

The wrapper turns callbacks into events; here they find their order. Nothing is dropped silently:
what belongs to none of our orders is counted and logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ib_async import Contract, Execution

from toolkit.broker import codes
from toolkit.broker.codes import Action, Meaning
from toolkit.broker.market import MarketBook
from toolkit.broker.quotes import QuoteLines
from toolkit.broker.requests import FIRST_REQUEST_ID
from toolkit.broker.session import CLIENT_ID_IN_USE, Session
from toolkit.errors import JournalError
from toolkit.orders.events import (
    AnyEvent,
    BrokerCancelled,
    BrokerRejected,
    CancelRefused,
    Lost,
    Noticed,
)
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState

log = logging.getLogger(__name__)


class Inbox:
    """
    Hears one connection's callbacks; satisfies ``execution_wrapper.Broker``.

    Args:
        ledger, market: where facts go.
        client_id: whose order ids are ours.
        clock: gives the time, UTC.
        on_lost: called with a sentence when the connection is gone or trading must stop.

    Attributes:
        session, lines: the connection that is heard, set by the client once it exists.
        seen: intents that the broker mentioned while a snapshot is taken; None otherwise.
        code_listeners: called with the number of each message of the error channel.
        highest_order_id: the largest order id that the broker mentioned for our client.
        decode_failures: messages that could not be read.
        foreign_fills: fills of other programs, or of the broker itself.
    """

    session: Session
    lines: QuoteLines | None = None

    def __init__(
        self,
        ledger: OrderLedger,
        market: MarketBook,
        *,
        client_id: int,
        clock: Callable[[], datetime],
        on_lost: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._market = market
        self._client_id = client_id
        self._clock = clock
        self._on_lost = on_lost
        self.seen: set[str] | None = None
        self.code_listeners: list[Callable[[int], None]] = []
        self.highest_order_id = 0
        self.decode_failures = 0
        self.foreign_fills = 0

    def intent_of(self, client_id: int | None, order_id: int, perm_id: int, order_ref: str) -> str | None:
        """The intent behind a broker order: by reference, then permanent id, then order id (hazard H33)."""
        state = self._ledger.get(order_ref) if order_ref else None
        if state is None and perm_id:
            state = self._ledger.by_perm(perm_id)
        if state is None and client_id is not None:
            state = self._ledger.by_order(client_id, order_id)
            # The number may belong to an order of another journal, whose reference is not ours.
            if state is not None and order_ref and order_ref != state.intent_id:
                state = None
        return None if state is None else state.intent_id

    def intent_of_execution(self, exec_id: str) -> str | None:
        """The intent behind an execution id, None when it is not known."""
        state = self._ledger.by_execution(exec_id)
        return None if state is None else state.intent_id

    def record(self, event: AnyEvent) -> None:
        """
        Take one fact about one of our orders.

        When it cannot be remembered trading stops: what the broker says now will be asked for again
        at the next connection.
        """
        if self.seen is not None:
            self.seen.add(event.intent_id)
        try:
            self._ledger.record(event)
        except JournalError as error:
            self._on_lost(f"The journal failed, so trading stopped: {error}")

    def on_error(self, request_id: int, code: int, text: str) -> None:
        """Take one message of the error channel and give it to whom it concerns."""
        for listener in self.code_listeners:
            listener(code)
        if code == CLIENT_ID_IN_USE:
            self.session.refuse_client_id()
            return
        if request_id >= FIRST_REQUEST_ID:
            subscription = self.lines is not None and self.lines.on_refused(request_id, code, text)
            if not subscription and not self.session.requests.refuse(request_id, code, text):
                log.warning("The gateway says about request %s: %s (code %s).", request_id, text, code)
            return
        if self.session.requests.refuse(request_id, code, text):  # an order that was only asked about
            return
        state = None
        if request_id > 0 and code not in codes.LINK:
            state = self._ledger.by_order(self._client_id, request_id)
        if state is not None:
            self.record(self._order_error(state, code, text))
            return
        level = logging.INFO if 2100 <= code < 2200 else logging.WARNING
        log.log(level, "The gateway says: %s (code %s).", text, code)

    def on_foreign_execution(self, contract: Contract, execution: Execution) -> None:
        """Take note of a fill that belongs to none of our orders; positions will show it."""
        self.foreign_fills += 1
        log.info(
            "A fill of another program or of the broker: %s %s %s at %s.",
            execution.side,
            execution.shares,
            contract.symbol,
            execution.price,
        )

    def on_decode_failure(self, error: BaseException | None, message: str) -> None:
        """A message was lost: the connection is given up, and the next one asks for everything again."""
        self.decode_failures += 1
        log.critical("A message of the gateway could not be read (%s): %s", error, message[:500])
        self._on_lost("A message of the gateway could not be read; connect again to ask for what it said.")

    def on_disconnected(self) -> None:
        """The socket is gone."""
        self._on_lost("The connection to the gateway was lost; connect again.")

    def on_reply(self, name: str, *values: Any) -> None:
        """Take an answer to a question, or a push of account or market data."""
        requests = self.session.requests
        match name:
            case "tick":
                if self.lines is not None:
                    self.lines.on_tick(*values)
            case "updateAccountValue":
                self._market.figure(*values)
            case "pnl":
                self._market.profit.tell_daily(*values)
            case "updatePortfolio":
                self._market.value(*values)
            case "position":
                self._market.hold(*values)
            case "openOrder":
                order_id, _, order, _ = values
                if order.clientId == self._client_id:
                    self.highest_order_id = max(self.highest_order_id, order_id)
            case "whatIf":
                requests.row(*values)
                requests.end(values[0])
            case "contractDetails":
                requests.row(*values)
            case "contractDetailsEnd" | "execDetailsEnd":
                requests.end(*values)
            case "currentTime":
                requests.row(name, *values)
                requests.end(name)
            case "positionEnd":
                self._market.exposure.known = True
                requests.end(name)
            case "openOrderEnd" | "completedOrdersEnd" | "accountDownloadEnd":
                requests.end(name)

    def _order_error(self, state: OrderState, code: int, text: str) -> AnyEvent:
        if state.cancel_requested:
            action = Action.CANCEL
        else:
            action = Action.PLACE if state.acked_at is None else Action.NONE
        intent_id, now = state.intent_id, self._clock()
        match codes.meaning(code, action):
            case Meaning.REJECTED:
                return BrokerRejected(intent_id=intent_id, at=now, code=code, text=text)
            case Meaning.CANCELLED:
                return BrokerCancelled(intent_id=intent_id, at=now, code=code, text=text)
            case Meaning.CANCEL_REFUSED:
                return CancelRefused(intent_id=intent_id, at=now, code=code, text=text)
            case Meaning.NOTICE:
                return Noticed(intent_id=intent_id, at=now, code=code, text=text)
            case Meaning.UNKNOWN:
                return Lost(intent_id=intent_id, at=now, reason=f"{text} (code {code})")
