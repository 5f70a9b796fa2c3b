"""What a desk shows: orders, fills, positions and account of one connection, as frames."""

from __future__ import annotations

import concurrent.futures
import html
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import pandas as pd

from toolkit.app.engine import Engine
from toolkit.desk import intents
from toolkit.desk.account import ACCOUNT, POSITIONS, account_frame, holdings, holdings_frame
from toolkit.desk.risk import RiskDesk
from toolkit.desk.show import framed
from toolkit.errors import IntentError, NotConnectedError
from toolkit.journal.quotes import read_quotes
from toolkit.journal.reader import JournalReader
from toolkit.orders.contract import Quote
from toolkit.orders.intent import OrderIntent, parse
from toolkit.orders.state import OrderState
from toolkit.reports.fills_table import FillsTable
from toolkit.reports.frames import (
    DECISIONS,
    FILLS,
    ORDERS,
    REPORTS,
    decisions_frame,
    orders_frame,
    reports_frame,
)
from toolkit.reports.session import Trading, trading_of
from toolkit.reports.timeline import TIMELINE, timeline_frame

T = TypeVar("T")

ANSWER_TIMEOUT: Final = 30.0
"""Seconds that the engine has to answer."""


class View:
    """
    The reading half of a desk.

    Every call may come from any thread but the engine's. Frames are snapshots: ask again for newer
    ones. They can still be read when the engine has stopped.

    Attributes:
        engine: what runs behind it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._fills = FillsTable()

    @property
    def orders(self) -> pd.DataFrame:
        """Every order of the journal, oldest first; columns as in ``toolkit.reports.frames.ORDERS``."""
        return framed(orders_frame(self.states()), ORDERS)

    @property
    def fills(self) -> pd.DataFrame:
        """Every execution of those orders, oldest first; columns as in ``toolkit.reports.frames.FILLS``."""
        return framed(self._fills.frame(self.states()), FILLS)

    @property
    def decisions(self) -> pd.DataFrame:
        """What risk decided about every order; columns as in ``toolkit.reports.frames.DECISIONS``."""
        return framed(decisions_frame(self.states()), DECISIONS)

    @property
    def reports(self) -> pd.DataFrame:
        """Every execution report of the journal; columns as in ``toolkit.reports.frames.REPORTS``."""
        self._settle()
        with JournalReader(self.engine.settings.journal_path) as reader:
            return framed(reports_frame(reader.reports()), REPORTS)

    def trading(self, since: datetime | None = None) -> Trading:
        """
        Parents, slices, fills and quotes of the journal, as execution measures are taken from them.

        Args:
            since: leave out orders that were decided on before this moment, UTC; None: all orders.
        """
        self._settle()
        path = self.engine.settings.journal_path
        with JournalReader(path) as reader:
            return trading_of(reader.events(), read_quotes(path, since), since=since)

    def measures(self, level: str = "parent", since: datetime | None = None) -> pd.DataFrame:
        """
        What the orders of the journal cost; columns as in ``toolkit.reports.tca.measure``, labels before.

        Args:
            level: ``parent``, or ``child`` for one row per slice.
            since: as in ``trading``.
        """
        measured = self.trading(since).measures(level)
        return framed(measured, {str(name): _unit(str(name)) for name in measured})

    @property
    def positions(self) -> pd.DataFrame:
        """The account's positions in the broker's words; columns as in ``toolkit.desk.account.POSITIONS``."""
        held = holdings(self.ask(self.engine.client.market.held), self.states())
        return framed(holdings_frame(held), POSITIONS)

    @property
    def risk(self) -> RiskDesk:
        """What the limits in force say to orders that are not sent yet, and what is left of them."""
        return RiskDesk(self.engine, self._call)

    @property
    def account(self) -> pd.DataFrame:
        """The account's figures in the broker's words; columns as in ``toolkit.desk.account.ACCOUNT``."""
        return framed(account_frame(self.ask(lambda: dict(self.engine.client.market.values))), ACCOUNT)

    def order(self, intent_id: str) -> OrderState:
        """
        One order as it stands now.

        Raises:
            IntentError: no order is known under this id.
        """
        state = self.engine.client.get_order_state(intent_id)
        if state is None:
            raise IntentError(
                f"No order is known under the id {intent_id!r}; desk.orders lists them all.",
                field="intent_id",
                code="UNKNOWN_INTENT",
            )
        return state

    def timeline(self, intent_id: str) -> pd.DataFrame:
        """
        One order's life, fact by fact; columns as in ``toolkit.reports.timeline.TIMELINE``.

        Raises:
            IntentError: no order is known under this id.
        """
        self.order(intent_id)
        self._settle()
        with JournalReader(self.engine.settings.journal_path) as reader:
            facts = timeline_frame(event for event in reader.events() if event.intent_id == intent_id)
        return framed(facts, TIMELINE)

    def quote(self, symbol: str, **given: Any) -> Quote:
        """
        The latest quote of a contract: bid and ask in price units, sizes in units of the contract.

        A side is None where there is none.

        Args:
            symbol: of the contract.
            given: ``sec_type``, ``currency``, ``exchange``, ... where it is no US stock.

        Raises:
            IntentError: the broker knows no such contract, or several.
            NotConnectedError: the gateway is away.
        """
        raw = {
            "intent_id": "quote",
            "symbol": symbol,
            "direction": "BUY",
            "quantity": 1,
            **intents.contract(given),
        }
        intent = parse({**raw, "order_type": "MARKET"}, now=datetime.now(UTC))
        return self._call(self.engine.client.quote(intent))

    def health(self, timeout: float = ANSWER_TIMEOUT) -> dict[str, Any]:
        """
        How connection and orders are, as plain values; ``running`` says whether the engine is.

        Raises:
            TimeoutError: the engine did not answer within ``timeout`` seconds.
        """
        settings = self.engine.settings
        return {
            "running": self.engine.running,
            **self.ask(self.engine.client.health, timeout),
            "gateway": f"{settings.ibkr_host}:{settings.ibkr_port}",
            "journal": str(settings.journal_path),
        }

    def __repr__(self) -> str:
        return f"<Desk {self._told()}>"

    def _repr_html_(self) -> str:
        return f"<b>Desk</b> {html.escape(self._told())}"

    def _told(self) -> str:
        health = self.health()
        link = "connected to" if health["ready"] else "NOT CONNECTED to"
        link = link if health["running"] else "closed, was connected to"
        return (
            f"{health['account']} {'PAPER' if health['paper'] else 'LIVE'}, {link} {health['gateway']}, "
            f"{health['orders_tracked']} orders, {health['orders_working']} working"
            + (f", {health['orders_unknown']} UNKNOWN" if health["orders_unknown"] else "")
            + (f": {health['error']}" if health["error"] else "")
        )

    def _settle(self) -> None:
        """Wait until what the engine knows is in its files."""
        if self.engine.running:
            journal = self.engine.client.journal
            self._call(journal.durable(journal.last_seq))
            self._call(self.engine.client.recorder.flush())

    @property
    def _account(self) -> str:
        return self.engine.client.market.account

    def states(self) -> list[OrderState]:
        """Every order, without the CANCEL intents, which are wishes about orders."""
        ledger = self.engine.client.ledger
        return [state for state in ledger if state.intent is None or state.intent.action == "NEW"]

    def _known(self, intent_id: Any) -> OrderIntent | None:
        state = self.engine.client.get_order_state(intent_id)
        return None if state is None else state.asked

    def ask(self, question: Callable[[], T], timeout: float = ANSWER_TIMEOUT) -> T:
        """
        Ask something in the engine's thread; of what it left behind when it has stopped.

        Raises:
            TimeoutError: no answer came within ``timeout`` seconds.
        """

        async def ask() -> T:
            return question()

        return self._call(ask(), timeout) if self.engine.running else question()

    def _call(self, work: Coroutine[Any, Any, T], timeout: float = ANSWER_TIMEOUT) -> T:
        try:
            return self.engine.call(work, timeout)
        except TimeoutError:
            raise TimeoutError(
                f"The engine did not answer within {timeout:g} s; the work goes on, see desk.orders."
            ) from None
        except concurrent.futures.CancelledError:
            raise NotConnectedError("The engine stopped before it answered; connect again.") from None


def _unit(measure: str) -> str:
    """Of a measure, which has it in its name."""
    if measure.endswith("_bps"):
        return "bps"
    return "currency" if measure.startswith("is_") or measure in ("notional", "commission") else ""
