"""
What is asked before every order, and again right before the socket: may it go as things stand?

The kill switch and halts, read-only, the connection, arming for live accounts, and reduce-only, in
this order. No checker can leave it out or overrule it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from toolkit.broker.client_config import ClientConfig, is_paper
from toolkit.broker.control_files import ControlFiles
from toolkit.broker.market import MarketBook
from toolkit.broker.placement import Refusal
from toolkit.broker.session import Session
from toolkit.orders.contract import Instrument
from toolkit.orders.controls import Armed, ControlState, Standing
from toolkit.orders.events import AnyEvent, Decision
from toolkit.orders.ledger import OrderLedger, Report
from toolkit.orders.state import ZERO, OrderState
from toolkit.risk.authority import not_armed, notional, only_reduces, within_arming

_NOT_CONNECTED: Final = Refusal("NOT_CONNECTED", "The gateway is not connected; nothing was sent.")
_CHANGEABLE: Final = ("quantity", "limit_price", "stop_price")


class Permission:
    """
    Refuses what may not go.

    Args:
        standing: what operators have put in force.
        ledger, market: our orders; account, positions and contracts.
        config: which account and port, and whether it is read-only.
        clock: gives the time, UTC.
        files: where an operator may have left a kill that nobody has read yet.

    Attributes:
        standing: kept up to date by whoever obeys the operators.
    """

    def __init__(
        self,
        standing: Standing,
        ledger: OrderLedger,
        market: MarketBook,
        *,
        config: ClientConfig,
        clock: Callable[[], datetime],
        files: ControlFiles,
    ) -> None:
        self.standing = standing
        self._ledger = ledger
        self._market = market
        self._config = config
        self._clock = clock
        self._files = files
        self._session: Session | None = None
        self._problem: Callable[[], Refusal | None] = lambda: _NOT_CONNECTED
        self._counted_for: Armed | None = None
        self._sent: dict[str, Decimal] = {}
        """intent id -> the most money that its order was for, of those sent since that arming"""
        ledger.listeners.append(self._on_event)

    def connected(self, session: Session, problem: Callable[[], Refusal | None]) -> None:
        """There is a connection; ``problem`` says why it takes no order at all, now and later."""
        self._session, self._problem = session, problem

    @property
    def account(self) -> str:
        """The account that is traded, ``""`` while it is not known."""
        return self._market.account or self._config.account

    def refusal(
        self, state: OrderState | None = None, instrument: Instrument | None = None
    ) -> Refusal | None:
        """
        Why an order may not be sent as things stand, None when it may.

        Args:
            state: the order; None: whether any order may.
            instrument: its contract; None while it is not resolved.
        """
        if self._files.killed:
            return Refusal("KILLED", f"The kill switch is pressed: {self._files.kill_file} exists.")
        if self.standing.state in (ControlState.KILLED, ControlState.HALTED):
            told = f"Trading is {self.standing.told}; `toolkit resume` ends that."
            return Refusal(self.standing.state.value, told)
        if self._config.read_only:
            return Refusal("READ_ONLY", "IBKR_READ_ONLY is set; unset it to place orders on a paper account.")
        problem = self._problem()
        if problem is not None:
            return problem
        order = None if state is None else self._as_asked(state)
        account = (order.intent.account if order is not None and order.intent else "") or self.account
        if not is_paper(account, self._config.port):
            refusal = self._unarmed(account, order, instrument)
            if refusal is not None:
                return refusal
        # A new order is resolved, and asked about again, before it is sent.
        con_id = instrument.con_id if instrument is not None else 0 if order is None else order.con_id
        if self.standing.state is ControlState.REDUCE_ONLY and order is not None and con_id:
            verdict = self._reduces(order, con_id)
            return None if verdict.passed else Refusal(verdict.code, verdict.message)
        return None

    def _unarmed(
        self, account: str, order: OrderState | None, instrument: Instrument | None
    ) -> Refusal | None:
        """Why an order may not go to a live account, None when it may."""
        token, accounts = self.standing.token, () if self._session is None else self._session.accounts
        problem = not_armed(token, account, self._config.port, accounts, self._clock())
        if problem is not None:
            return Refusal("NOT_ARMED", problem)
        if self._config.read_only is None:
            return Refusal(
                "READ_ONLY",
                "IBKR_READ_ONLY is not set, which means read-only on a live account; set it to false.",
            )
        if token is None or order is None or order.accepted_at is None:
            return None
        instrument = instrument or self._market.by_number(order.con_id)
        if instrument is None:
            return Refusal(
                "NO_CONTRACT", "The order's contract is not known yet; ask for its quote, then again."
            )
        spent = self._spent_besides(order.intent_id, token)
        verdict = within_arming(token, spent, order, instrument, self._market.currency)
        return None if verdict.passed else Refusal(verdict.code, verdict.message)

    def _reduces(self, order: OrderState, con_id: int) -> Decision:
        exposure = self._market.exposure
        return only_reduces(order, exposure.line(con_id, without=order.intent_id) if exposure.known else None)

    def _as_asked(self, state: OrderState) -> OrderState:
        """The order that a REPLACE would make of its target; of any other intent, its own."""
        intent = state.intent
        target = None if intent is None else self._ledger.get(intent.target_intent_id)
        if intent is None or intent.action != "REPLACE" or target is None or target.intent is None:
            return state
        terms = {name: value for name in _CHANGEABLE if (value := getattr(intent, name))}
        return replace(target, intent=replace(target.intent, **terms))

    # --- the armed amount

    def _spent_besides(self, intent_id: str, token: Armed) -> Decimal:
        """Money of the orders sent since arming, this one left out, in account currency."""
        if token is not self._counted_for:
            self._counted_for = token
            self._sent.clear()
            for state in self._ledger:
                self._count(state, token)
        return sum(self._sent.values(), ZERO) - self._sent.get(intent_id, ZERO)

    def _on_event(self, _event: AnyEvent, state: OrderState, _report: Report | None) -> None:
        if self._counted_for is not None:
            self._count(state, self._counted_for)

    def _count(self, state: OrderState, token: Armed) -> None:
        if state.sent_at is not None and state.sent_at >= token.at:
            money = notional(state) or ZERO
            self._sent[state.intent_id] = max(money, self._sent.get(state.intent_id, money))
