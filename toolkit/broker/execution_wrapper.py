"""
The broker's raw callbacks, each turned into one frozen event and handed over; nothing else.

The library's own trade book is never consulted: it marks live orders cancelled on informational
codes and forgets fills on a disconnect (hazards H1, H8).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from ib_async import CommissionReport, Contract, ContractDetails, Execution, Order
from ib_async import OrderState as BrokerOrderState

from toolkit.broker.order_messages import Fill, OpenOrder
from toolkit.broker.values import commission_of, decimal, money, parse_time
from toolkit.orders.events import AnyEvent, CommissionCharged, Executed, StatusReported

log = logging.getLogger(__name__)

_LIQUIDITY: Final = {1: "add", 2: "remove", 3: "routed"}
_ENDED: Final = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})
"""What a completed order may be called."""


class Broker(Protocol):
    """Who hears the callbacks: the execution client."""

    def intent_of(
        self,
        client_id: int | None,
        order_id: int,
        perm_id: int,
        order_ref: str,
        con_id: int = 0,
        side: str = "",
    ) -> str | None:
        """The intent behind a broker order, None for an order that is not ours."""

    def intent_of_execution(self, exec_id: str) -> str | None:
        """The intent behind an execution id, None when it is not known (yet)."""

    def record(self, event: AnyEvent) -> None:
        """Take one fact about one of our orders."""

    def on_error(self, request_id: int, code: int, text: str) -> None:
        """Take one message of the error channel."""

    def on_open_order(self, intent_id: str | None, shown: OpenOrder) -> None:
        """Take an order as the broker shows it; ``intent_id`` is None when it is none of ours."""

    def on_foreign_execution(self, fill: Fill) -> None:
        """Take a fill that belongs to none of our orders."""

    def on_reply(self, name: str, *values: Any) -> None:
        """Take an answer to a request, or a push of account or market data."""

    def on_decode_failure(self, error: BaseException | None, message: str) -> None:
        """Take note that a message was lost because it could not be read."""

    def on_disconnected(self) -> None:
        """Take note that the socket is gone."""


class IBKRExecutionWrapper:
    """
    Callback handler: raw callbacks in, immutable events out.

    Args:
        broker: who hears them.
        clock: gives the time at which a message is learnt, UTC.
    """

    defaultTimezone = UTC
    """The library converts times into this zone."""

    def __init__(self, broker: Broker, clock: Callable[[], datetime]) -> None:
        self._broker = broker
        self._clock = clock
        self._early_commissions: dict[str, CommissionReport] = {}
        """execution root -> commission that came before its execution"""
        self._parked: dict[int, dict[str, Fill]] = {}
        """permanent id -> execution id -> a fill that is none of ours, as far as we know"""

    # --- connection

    def connectAck(self) -> None:
        """The handshake is done; ids and accounts follow."""

    def connectionClosed(self) -> None:
        """The socket is gone."""
        self._broker.on_disconnected()

    def setEventsDone(self) -> None:
        """The library asks its own trade book to close; there is none."""

    def nextValidId(self, orderId: int) -> None:
        """The lowest order id that the gateway takes."""
        self._broker.on_reply("nextValidId", orderId)

    def managedAccounts(self, accountsList: str) -> None:
        """The accounts behind this connection, separated by commas."""
        self._broker.on_reply("managedAccounts", [name for name in accountsList.split(",") if name])

    # --- orders

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        whyHeld: str,
        mktCapPrice: float = 0.0,
    ) -> None:
        """An order's status changed, or is repeated."""
        intent_id = self._broker.intent_of(clientId, orderId, permId, "")
        if intent_id is None:
            self._broker.on_reply("foreignStatus", permId, status, decimal(remaining))
            return
        self._broker.record(
            StatusReported(
                intent_id=intent_id,
                at=self._clock(),
                word=status,
                perm_id=permId,
                filled=decimal(filled),
                why_held=whyHeld,
            )
        )
        self._claim_parked(permId)

    def openOrder(self, orderId: int, contract: Contract, order: Order, orderState: BrokerOrderState) -> None:
        """An order as the broker holds it, or the answer to one that was only asked about."""
        if order.whatIf:
            self._broker.on_reply("whatIf", orderId, orderState)
            return
        self.on_open_order(OpenOrder.of(orderId, contract, order, orderState))

    def on_open_order(self, shown: OpenOrder) -> None:
        """An order as the broker holds it; its status is evidence like any other."""
        intent_id = self._broker.intent_of(
            shown.client_id, shown.order_id, shown.perm_id, shown.order_ref, shown.con_id, shown.action
        )
        self._broker.on_open_order(intent_id, shown)
        if intent_id is not None:
            self._broker.record(
                StatusReported(
                    intent_id=intent_id, at=self._clock(), word=shown.status, perm_id=shown.perm_id
                )
            )
            self._claim_parked(shown.perm_id)

    def openOrderEnd(self) -> None:
        """The open orders asked for are complete."""
        self._broker.on_reply("openOrderEnd")

    def completedOrder(self, contract: Contract, order: Order, orderState: BrokerOrderState) -> None:
        """A finished order of the day; it has neither order id nor trustworthy quantities."""
        intent_id = self._broker.intent_of(None, 0, order.permId, order.orderRef)
        if intent_id is not None and orderState.status in _ENDED:
            self._broker.record(
                StatusReported(
                    intent_id=intent_id, at=self._clock(), word=orderState.status, perm_id=order.permId
                )
            )

    def completedOrdersEnd(self) -> None:
        """The completed orders asked for are complete."""
        self._broker.on_reply("completedOrdersEnd")

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        """An execution, live (``reqId`` -1) or in answer to a request."""
        self.on_fill(Fill.of(reqId, contract, execution))

    def on_fill(self, fill: Fill) -> None:
        """An execution of anybody's order."""
        intent_id = self._broker.intent_of(
            fill.client_id, fill.order_id, fill.perm_id, fill.order_ref, fill.con_id, fill.side
        )
        if intent_id is None:
            self._parked.setdefault(fill.perm_id, {})[fill.exec_id] = fill
            self._broker.on_foreign_execution(fill)
            return
        self._broker.record(
            Executed(
                intent_id=intent_id,
                at=self._clock(),
                exec_id=fill.exec_id,
                shares=fill.shares,
                price=fill.price,
                side=fill.side,
                exchange=fill.exchange,
                time=parse_time(fill.time_text),
                time_text=fill.time_text,
                perm_id=fill.perm_id,
                liquidity=_LIQUIDITY.get(fill.liquidity, ""),
                recovered=fill.request_id != -1,
            )
        )
        early = self._early_commissions.pop(fill.exec_id, None)
        if early is not None:
            self.commissionReport(early)

    def _claim_parked(self, perm_id: int) -> None:
        """Fills that came before anything told whose they are (hazard H33)."""
        for parked in self._parked.pop(perm_id, {}).values() if perm_id else ():
            self.on_fill(parked)

    def execDetailsEnd(self, reqId: int) -> None:
        """The executions asked for are complete."""
        self._broker.on_reply("execDetailsEnd", reqId)

    def commissionReport(self, commissionReport: CommissionReport) -> None:
        """Commission of one execution; kept when it comes before its execution (hazard H39)."""
        intent_id = self._broker.intent_of_execution(commissionReport.execId)
        if intent_id is None:
            self._early_commissions[commissionReport.execId] = commissionReport
            return
        self._broker.record(
            CommissionCharged(
                intent_id=intent_id,
                at=self._clock(),
                exec_id=commissionReport.execId,
                commission=commission_of(commissionReport.commission),
                currency=commissionReport.currency,
                realized_pnl=money(commissionReport.realizedPNL),
            )
        )

    def error(self, reqId: int, errorCode: int, errorString: str, advancedOrderRejectJson: str = "") -> None:
        """A message of the error channel, which also carries notices."""
        self._broker.on_error(reqId, errorCode, errorString)

    # --- account and contracts

    def position(self, account: str, contract: Contract, posn: float, avgCost: float) -> None:
        """A position of one account."""
        self._broker.on_reply("position", account, contract, decimal(posn), decimal(avgCost))

    def positionEnd(self) -> None:
        """The positions asked for are complete."""
        self._broker.on_reply("positionEnd")

    def updatePortfolio(
        self,
        contract: Contract,
        posn: float,
        marketPrice: float,
        marketValue: float,
        averageCost: float,
        unrealizedPNL: float,
        realizedPNL: float,
        account: str,
    ) -> None:
        """A position with the broker's own mark, money in account currency."""
        self._broker.on_reply(
            "updatePortfolio",
            account,
            contract,
            decimal(posn),
            decimal(marketPrice),
            decimal(averageCost),
            decimal(unrealizedPNL),
            decimal(realizedPNL),
        )

    def updateAccountValue(self, key: str, val: str, currency: str, account: str) -> None:
        """One figure of the account."""
        self._broker.on_reply("updateAccountValue", account, key, val, currency)

    def pnl(self, reqId: int, dailyPnL: float, unrealizedPnL: float, realizedPnL: float) -> None:
        """The account's profit of the day."""
        self._broker.on_reply("pnl", money(dailyPnL))

    def accountDownloadEnd(self, account: str) -> None:
        """The account's figures are complete."""
        self._broker.on_reply("accountDownloadEnd", account)

    def contractDetails(self, reqId: int, contractDetails: ContractDetails) -> None:
        """One contract that fits a question."""
        self._broker.on_reply("contractDetails", reqId, contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:
        """The contracts that fit a question are complete."""
        self._broker.on_reply("contractDetailsEnd", reqId)

    def currentTime(self, time: int) -> None:
        """The broker's clock, seconds since 1970."""
        self._broker.on_reply("currentTime", time)

    # --- market data

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        """A price and the size that stands behind it."""
        self._broker.on_reply("tick", reqId, tickType, decimal(price), decimal(size))

    def tickSize(self, reqId: int, tickType: int, size: float) -> None:
        """A size alone."""
        self._broker.on_reply("tick", reqId, tickType, None, decimal(size))
