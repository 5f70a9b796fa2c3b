"""
The execution client: places and cancels orders at Interactive Brokers and knows their state.

It belongs to the event loop that connected it; ``toolkit.connect`` gives notebooks one that lives
in a thread of its own.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from toolkit.broker.connection import BrokerConnection, there
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.placement import Placement, Refusal
from toolkit.broker.quotes import QuoteLines
from toolkit.errors import ConfigError, NotConnectedError
from toolkit.orders.contract import Quote
from toolkit.orders.controls import Swept
from toolkit.orders.events import AnyEvent, Executed
from toolkit.orders.intent import OrderIntent
from toolkit.orders.ledger import Report
from toolkit.orders.resolution import resolution
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate
from toolkit.risk.margin import Margin

__all__ = ["IBKRExecClient", "IBKRExecutionWrapper", "OrderState", "OrderStatus"]

log = logging.getLogger(__name__)
T = TypeVar("T")

KEPT_REPORTS: Final = 100_000
"""Reports kept for ``get_execution_reports``; older ones are in the journal."""


class IBKRExecClient(BrokerConnection):
    """
    Main client: orders out, facts back, every one of them journaled.

    Args:
        config: see ``ClientConfig``; ``{'host': ..., 'port': ..., 'client_id': ...}`` is enough.
        clock: gives the time, UTC.

    Attributes:
        config: what it was told, merged with the environment.
        risk_checker: judges the orders that are placed without an orchestrator.
        last_error: why the last connection failed or ended, one sentence; ``""`` while all is well.

    Raises:
        ConfigError: ``config`` or the environment is malformed.
    """

    def __init__(
        self, config: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(config, clock=clock)
        self.risk_checker = SimpleRiskChecker(self.config.limits)
        self._reports: deque[Report] = deque(maxlen=KEPT_REPORTS)

    async def open(self, timeout: float = 10.0) -> bool:
        """See ``BrokerConnection.open``; an unfinished kill goes on at once."""
        ready = await super().open(timeout)
        if self.connected:
            await self.controls.use_limits(self.risk_checker, "start")
            self.controls.connected(there(self._placement), there(self._session), self._problem)
            self.controls.latch_losses(lambda: self.risk_checker.limits)
        return ready

    # --- orders ------------------------------------------------------------------------------------

    async def place_order(self, intent: Mapping[str, Any]) -> int | None:
        """
        Take one order intent all the way to the broker's socket.

        The same intent again returns the first one's order id and sends nothing.

        Returns:
            The broker order id, or None: denied or failed, and the report says why.

        Raises:
            IntentError: the intent has no usable ``intent_id``, so no report could name it.
            JournalError: nothing can be remembered, so nothing was sent.
            NotConnectedError: the client was never connected.
        """
        return await self.process(intent, self.risk_checker)

    async def process(
        self, raw: Mapping[str, Any], checker: SimpleRiskChecker, source: str = "python"
    ) -> int | None:
        """As ``place_order``, judged by ``checker``; a CANCEL intent returns its target's order id."""
        await self.controls.use_limits(checker, "first use")
        return await there(self._placement).take(raw, checker, source)

    async def cancel_order(self, ibkr_order_id: int) -> bool:
        """
        Ask the broker to cancel one of our orders.

        Returns:
            Whether the request was sent; what comes of it is in the reports.
        """
        state = self.ledger.by_order(self.config.client_id, ibkr_order_id)
        if state is None:
            log.error("Order %s is not one of ours; nothing was cancelled.", ibkr_order_id)
            return False
        return await self.cancel_intent(state.intent_id)

    async def cancel_intent(self, intent_id: str, by: str = "python") -> bool:
        """As ``cancel_order``, by intent id; an order that was not sent yet is cancelled at once."""
        return await there(self._placement).cancel(intent_id, by)

    async def replace_order(
        self,
        ibkr_order_id: int,
        *,
        quantity: object = None,
        limit_price: object = None,
        stop_price: object = None,
    ) -> bool:
        """
        Change a working order's terms; what is left out stays. Risk judges the order as it would be.

        Returns:
            Whether the change was sent; what comes of it is in the order's reports, and why it was
            denied in those of the REPLACE intent that this makes.
        """
        state = self.ledger.by_order(self.config.client_id, ibkr_order_id)
        if state is None:
            log.error("Order %s is not one of ours; nothing was changed.", ibkr_order_id)
            return False
        terms = {"quantity": quantity, "limit_price": limit_price, "stop_price": stop_price}
        replace_id = f"replace-{uuid.uuid4().hex}"
        intent = {"intent_id": replace_id, "action": "REPLACE", "target_intent_id": state.intent_id, **terms}
        if await self.place_order(intent) is not None:
            return True
        denied = self.ledger.get(replace_id)
        log.error("Order %s was not changed: %s", ibkr_order_id, denied.reason if denied else "")
        return False

    async def kill(self, reason: str = "", by: str = "python") -> Swept | None:
        """
        Close intake at once, cancel our working orders one by one, and see each of them end (hazard H44).

        Returns:
            What is left, see ``Swept``; None while there is no connection to cancel through.
        """
        await self.controls.order("kill", by, reason)
        return await self.controls.swept()

    def get_order_state(self, intent_id: str) -> OrderState | None:
        """
        The order of an intent as it stands now, or None.

        A snapshot: it does not change afterwards. Ask again for a newer one.
        """
        return self.ledger.get(intent_id)

    async def get_execution_reports(self) -> list[dict[str, Any]]:
        """The reports since the last call, oldest first, each with all executions of its order so far."""
        reports, self._reports = self._reports, deque(maxlen=KEPT_REPORTS)
        return [report.full() for report in reports]

    async def quote(self, intent: OrderIntent) -> Quote:
        """
        The latest quote of the contract that an intent names; its sides are None where there is none.

        Raises:
            IntentError: the broker knows no such contract, or several.
            NotConnectedError: the gateway is not connected.
        """
        if not self.ready:
            raise NotConnectedError(self.last_error or "The gateway is not connected.")
        return await there(self._placement).quote(intent)

    async def what_if(self, intent: OrderIntent) -> Margin:
        """
        What margin an order would leave, as the broker says; nothing is placed.

        Raises:
            IntentError: the broker knows no such contract, or several.
            NotConnectedError: the gateway is not connected, or did not answer within 2 s.
        """
        if not self.ready:
            raise NotConnectedError(self.last_error or "The gateway is not connected.")
        return await there(self._placement).what_if(intent)

    def health(self) -> dict[str, Any]:
        """How the client is, as plain values."""
        ledger = self._ledger
        return {
            "orders_tracked": 0 if ledger is None else len(ledger),
            "orders_working": 0 if ledger is None else len(ledger.working()),
            "orders_unknown": 0 if ledger is None else len(ledger.unknown()),
            **self.condition(),
        }

    def condition(self) -> dict[str, Any]:
        """As ``health``, without counting orders: it costs the same however many there are."""
        session, inbox = self._session, self._inbox
        return {
            "connected": self.connected,
            "ready": self.ready,
            "next_order_id": 0 if self._placement is None else self._placement.next_order_id,
            "account": self._account,
            "paper": self.paper,
            "read_only": self._controls is None or self._controls.permission.refusal() is not None,
            "control": "" if self._controls is None else self._controls.standing.told,
            "server_version": 0 if session is None else session.server_version,
            "decode_failures": 0 if inbox is None else inbox.decode_failures,
            "foreign_fills": 0 if inbox is None else inbox.foreign_fills,
            "error": self.last_error,
            **({} if self._watch is None else self._watch.health()),
        }

    def accept_positions(self, symbol: str) -> bool:
        """
        Take the broker's word for a position that no execution explains, and unlock its contracts.

        Returns:
            Whether a position of this symbol was in question.
        """
        watch = there(self._watch)
        held = {position.instrument for position in self.market.held()}
        asked = [watch.accept_positions(each.con_id) for each in held if each.symbol == symbol]
        return any(asked)

    def resolve(
        self,
        intent_id: str,
        outcome: str,
        *,
        by: str,
        reason: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> OrderState:
        """
        Settle an unknown order by hand; see ``toolkit.orders.resolution.resolution``.

        Raises:
            ConfigError: there is no such unknown order, or something is missing or does not fit.
            JournalError: it cannot be remembered.
        """
        state = self.ledger.get(intent_id)
        if state is None:
            raise ConfigError(f"No order is known for intent {intent_id}.")
        now = self._clock()
        for event in resolution(
            state, outcome, by=by, reason=reason, now=now, quantity=quantity, price=price
        ):
            state = self.ledger.record(event)
            if isinstance(event, Executed):
                self.inbox.count(event, state)
        return state

    # --- starting up and stopping -------------------------------------------------------------------

    def _open(self, account: str) -> None:
        session, inbox, market, ledger = there(self._session), self.inbox, self.market, self.ledger
        market.account = account
        market.forget_quotes()
        inbox.lines = QuoteLines(session, market, delayed=self.paper)
        gate = Gate(
            ledger,
            clock=self._clock,
            ttl=timedelta(seconds=self.config.intent_ttl_s),
            account=account,
            paper=self.paper,
        )
        self._placement = Placement(
            ledger=ledger,
            journal=self.journal,
            gate=gate,
            session=session,
            inbox=inbox,
            market=market,
            lines=inbox.lines,
            deadlines=self.config.timing.deadlines,
            reconcile=self.reconcile_soon,
            client_id=self.config.client_id,
            clock=self._clock,
            refusal=self.controls.permission.refusal,
        )
        self.risk_checker.bind(market)
        for state in ledger.unasked():
            gate.deny_unasked(state)

    def _problem(self) -> Refusal | None:
        """Why this connection takes no order at all, None when it does."""
        watch = there(self._watch)
        if not self.ready:
            return Refusal(*watch.problem)
        if watch.restarting:
            return Refusal(
                "RESTART_WINDOW", "The gateway restarts about now and could swallow an order; send it later."
            )
        return None

    def _keep_report(self, _event: AnyEvent, _state: OrderState, report: Report | None) -> None:
        if report is not None:
            self._reports.append(report)
