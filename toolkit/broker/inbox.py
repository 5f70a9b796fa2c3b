"""
What the gateway tells us, taken to where it belongs: orders to the ledger, the rest to the market book.

The wrapper turns callbacks into events; here they find their order. Nothing is dropped silently:
what belongs to none of our orders is counted and logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from toolkit.broker import codes, echo
from toolkit.broker.answers import answer, reads_only
from toolkit.broker.incarnations import Incarnations
from toolkit.broker.market import MarketBook
from toolkit.broker.order_messages import Fill, OpenOrder
from toolkit.broker.quotes import QuoteLines
from toolkit.broker.reconcile import PositionWatch
from toolkit.broker.requests import FIRST_REQUEST_ID
from toolkit.broker.session import CLIENT_ID_IN_USE, Session
from toolkit.errors import JournalError
from toolkit.orders.events import AnyEvent, Executed, Mismatched, StatusReported
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState, execution_root
from toolkit.orders.status import LIVE_WORDS

log = logging.getLogger(__name__)

REFUSED_WHEN_READ_ONLY: Final = 321
COMPLETED_ORDERS: Final = "completedOrdersEnd"
DUPLICATE_LIVE: Final = "DUPLICATE_LIVE"
OVERFILL: Final = "OVERFILL"
_SIDES: Final = {"BOT": "BUY", "SLD": "SELL"}


class Inbox:
    """
    Hears one connection's callbacks; satisfies ``execution_wrapper.Broker``.

    Args:
        ledger, market: where facts go.
        client_id: whose order ids are ours.
        clock: gives the time, UTC.
        on_lost: called with a sentence when the connection is gone or trading must stop.
        on_link: called with code and text of each message that is about no order and no question.
        on_incident: called with a sentence when the broker should be asked what is true.
        patience: how long the broker may show an order's old terms after a change was sent.

    Attributes:
        session, lines: the connection that is heard, set by the client once it exists.
        positions: every fill, ours or not, to hold the positions against.
        reads_only: whether the gateway refused an order because its API is set to read only.
        code_listeners: called with the number of each message of the error channel.
        highest_order_id: the largest order id that the broker mentioned for our client.
        decode_failures: messages that could not be read.
        rows: messages about orders, executions and positions so far.
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
        on_link: Callable[[int, str], None],
        on_incident: Callable[[str], None],
        patience: timedelta,
    ) -> None:
        self._ledger = ledger
        self._market = market
        self._client_id = client_id
        self._clock = clock
        self._on_lost = on_lost
        self._on_link = on_link
        self._on_incident = on_incident
        self._patience = patience
        self.reads_only = False
        self._asked_at: datetime | None = None
        """when the round of questions under way began, UTC; None between rounds"""
        self._seen: set[str] = set()
        """intents whose order the round under way showed"""
        self._incarnations = Incarnations()
        self._foreign: set[str] = set()
        """execution roots that belong to none of our orders, as far as we know"""
        self.foreign_refs: set[str] = set()
        """References of orders that this journal never reserved; intents of that name were sent elsewhere."""
        self._unremembered: set[int] = set()
        """permanent ids of orders under our client id that were told to be none of this journal's"""
        self.positions = PositionWatch()
        self.rows = 0
        self.code_listeners: list[Callable[[int], None]] = []
        self.highest_order_id = 0
        self.decode_failures = 0

    @property
    def foreign_fills(self) -> int:
        """Fills of other programs, or of the broker itself."""
        return len(self._foreign)

    def begin_round(self, now: datetime) -> datetime:
        """A round of questions begins; returns ``now``."""
        self._asked_at, self._seen = now, set()
        return now

    def end_round(self) -> frozenset[str]:
        """It ended; returns the intents whose order it showed."""
        self._asked_at = None
        return frozenset(self._seen)

    def twins(self) -> list[str]:
        """Intents of which the broker has more than one order, at least one of them alive (hazard H6)."""
        return self._incarnations.twins()

    def intent_of(
        self,
        client_id: int | None,
        order_id: int,
        perm_id: int,
        order_ref: str,
        con_id: int = 0,
        side: str = "",
    ) -> str | None:
        """
        The intent behind a broker order: by reference, then permanent id, then order id (hazard H33).

        An order id alone only routes: an order under it that has another permanent id, contract or side
        than ours is not ours (hazard H5).
        """
        state = self._ledger.get(order_ref) if order_ref else None
        if state is not None and state.order_id is None:
            state = None  # the journal never sent it: another one did, or this one lost its newest facts
        if state is None and perm_id:
            owner = self._incarnations.owner(perm_id)
            state = self._ledger.by_perm(perm_id) if owner is None else self._ledger.get(owner)
        if state is None and client_id is not None:
            state = self._ledger.by_order(client_id, order_id)
            # The number may belong to an order of another journal, whose reference is not ours.
            if state is not None and order_ref and order_ref != state.intent_id:
                state = None
            if state is not None and perm_id and state.perm_id not in (0, perm_id):
                self._quarantine(state, f"permanent id {perm_id}, and ours has {state.perm_id}")
                state = None
        if state is None:
            if order_ref:
                self.foreign_refs.add(order_ref)
            return None
        if order_ref == state.intent_id and (client_id, order_id) == (state.client_id, state.order_id):
            return state.intent_id
        if con_id and state.con_id and con_id != state.con_id:
            self._quarantine(state, f"contract {con_id}, and ours has {state.con_id}")
            return None
        if side and _SIDES.get(side, side) != state.direction:
            self._quarantine(state, f"side {side}, and ours is a {state.direction}")
            return None
        return state.intent_id

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
        self.rows += 1
        if isinstance(event, StatusReported):
            if event.filled or event.word != "Filled":  # without its fills it is not found (hazard H32)
                self._seen.add(event.intent_id)
            self._note_incarnation(event)
            event = self._mark_recovered(event)
        event = self._incarnations.tempered(event)
        try:
            state = self._ledger.record(event)
        except JournalError as error:
            self._on_lost(f"The journal failed, so trading stopped: {error}")
            return
        if isinstance(event, Executed):
            self.count(event, state)
        elif isinstance(event, StatusReported) and event.word in LIVE_WORDS and state.contested:
            self._on_incident(
                f"The broker refused intent {state.intent_id} and calls it {event.word} all the same."
            )

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
        if request_id > 0 and (code in codes.TABLE or code not in codes.LINK):
            state = self._ledger.by_order(self._client_id, request_id)
        if state is not None:
            fact, ask = answer(state, code, text, self._clock())
            self.reads_only |= reads_only(fact)
            self.record(fact)
            if ask:
                self._on_incident(f"The gateway says of intent {state.intent_id}: {text} (code {code}).")
            if code not in codes.LINK:
                return
        if code == REFUSED_WHEN_READ_ONLY and request_id < 0:
            self.session.requests.refuse(COMPLETED_ORDERS, code, text)
        self._on_link(code, text)
        level = logging.INFO if 2100 <= code < 2200 else logging.WARNING
        log.log(level, "The gateway says: %s (code %s).", text, code)

    def on_open_order(self, intent_id: str | None, shown: OpenOrder) -> None:
        """Take an order as the broker shows it: ours is held against what was sent, others are counted."""
        self.rows += 1
        if shown.client_id == self._client_id:
            self.highest_order_id = max(self.highest_order_id, shown.order_id)
        if intent_id is None:
            self._market.foreign_orders.open(shown)
            self._tell_unremembered(shown)
        else:
            self._compare(intent_id, shown)

    def on_foreign_execution(self, fill: Fill) -> None:
        """Take note of a fill that belongs to none of our orders; positions will show it (hazard H26)."""
        self.rows += 1
        root = execution_root(fill.exec_id)
        units = _signed(fill.shares, fill.side)
        self.positions.fill(fill.account, fill.con_id, root, units, self._clock())
        if root in self._foreign:
            return
        self._foreign.add(root)
        news = logging.WARNING if self.positions.begun else logging.INFO
        log.log(
            logging.CRITICAL if fill.liquidation else news,
            "%s: %s %s %s at %s in %s.",
            "The broker LIQUIDATED" if fill.liquidation else "A fill of another program or by hand",
            fill.side,
            fill.shares,
            fill.symbol,
            fill.price,
            fill.account,
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
                self.rows += 1
                self._market.hold(*values)
            case "foreignStatus":
                self._market.foreign_orders.status(*values)
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
            case "positionEnd" | "openOrderEnd" | "completedOrdersEnd" | "accountDownloadEnd":
                requests.end(name)

    # --- one order of ours

    def _note_incarnation(self, event: StatusReported) -> None:
        if not self._incarnations.note(event.intent_id, event.perm_id, event.word):
            return
        live = self._incarnations.live(event.intent_id)
        state = self._ledger.get(event.intent_id)
        if state is None or len(live) < 2:
            return
        reason = (
            f"DUPLICATE_LIVE: the broker has {len(live)} live orders for intent {event.intent_id} "
            f"(permanent ids {', '.join(map(str, live))}); both are cancelled, and {state.symbol} waits "
            "until they ended."
        )
        log.critical("%s", reason)
        self._market.lock(state.con_id, DUPLICATE_LIVE, reason)
        self._on_incident(reason)

    def _mark_recovered(self, event: StatusReported) -> StatusReported:
        """Say so when an order that was sent before the questions is heard of in their answers."""
        if self._asked_at is None:
            return event
        state = self._ledger.get(event.intent_id)
        if state is None or state.sent_at is None:
            return event
        return replace(event, recovered=True) if state.sent_at < self._asked_at else event

    def count(self, event: Executed, state: OrderState) -> None:
        """Count a fill of ours, which led to ``state``, among those that explain the positions."""
        root = execution_root(event.exec_id)
        self._foreign.discard(root)
        account = state.account or self._market.account
        units = _signed(event.shares, event.side)
        self.positions.fill(account, state.con_id, root, units, self._clock())
        if state.filled_quantity > state.quantity and state.con_id not in self._market.locked_by(OVERFILL):
            reason = (
                f"OVERFILL: {state.filled_quantity} of intent {state.intent_id} are filled and "
                f"{state.quantity} were ordered; {state.symbol} waits until that is looked into."
            )
            log.critical("%s", reason)
            self._market.lock(state.con_id, OVERFILL, reason)
            self._on_incident(reason)

    def _quarantine(self, state: OrderState, what: str) -> None:
        log.critical(
            "A message under the number or reference of intent %s has %s; it is not taken for ours.",
            state.intent_id,
            what,
        )

    def _tell_unremembered(self, shown: OpenOrder) -> None:
        """Say once that an order under our client id is none that this journal sent."""
        if shown.client_id != self._client_id or shown.perm_id in self._unremembered:
            return
        self._unremembered.add(shown.perm_id)
        log.critical(
            "The broker has order %s of our client id %s (%s %s %s, reference %s, %s), which this journal "
            "never sent: bring back the journal that did, or cancel it by hand.",
            shown.order_id,
            shown.client_id,
            shown.action,
            shown.quantity,
            shown.symbol,
            shown.order_ref or "none",
            shown.status,
        )

    def _compare(self, intent_id: str, shown: OpenOrder) -> None:
        """Hold an order as the broker shows it against what was sent."""
        state = self._ledger.get(intent_id)
        fact = None if state is None else echo.compare(state, shown, self._clock(), self._patience)
        if state is None or fact is None:
            return
        if isinstance(fact, Mismatched) and fact.text != state.mismatch:
            log.critical("Order of intent %s: %s", fact.intent_id, fact.text)
        self.record(fact)


def _signed(shares: Decimal, side: str) -> Decimal:
    return shares if side == "BOT" else -shares
