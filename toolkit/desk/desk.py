"""
The desk: buy, sell, and see what happened, from a notebook or any other Python.

Nothing here runs in the caller's event loop: the engine has its own thread, so a busy cell never
keeps a fill from being heard, and no loop is ever nested in another.
"""

from __future__ import annotations

import asyncio
import secrets
import warnings
import weakref
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import pandas as pd

from toolkit.app.engine import Engine
from toolkit.desk import intents
from toolkit.desk.changes import listening, wait_until_final
from toolkit.desk.operator import Operator, from_desk
from toolkit.desk.sending import Sending
from toolkit.desk.shape import MOST_ROWS
from toolkit.desk.show import framed
from toolkit.desk.stopping import stopped
from toolkit.desk.submission import Submission
from toolkit.desk.timetable import FRAME, Standing, Timetable, Waiting
from toolkit.desk.view import ANSWER_TIMEOUT
from toolkit.desk.widgets import Widgets
from toolkit.errors import IntentError, NotConnectedError
from toolkit.intents.ids import batch_id, fresh_id
from toolkit.orders.controls import ControlState
from toolkit.orders.intent import parse, readable_id
from toolkit.orders.state import OrderState
from toolkit.reports.frames import ORDERS, orders_frame

if TYPE_CHECKING:
    from toolkit.desk.blotter import Blotter
    from toolkit.gateway import PaperGateway

OPEN: Final[weakref.WeakValueDictionary[Path, Desk]] = weakref.WeakValueDictionary()
"""folder of the journal -> the desk of this process that owns it"""


class Desk(Operator, Widgets):
    """
    One connection to a broker: orders out, frames back. ``toolkit.connect()`` makes it.

    Send::

        desk.buy("SPY", 100)                             # at the market; returns the intent's id
        desk.sell("SPY", 100, limit=540.10, tif="GTC")
        desk.submit(frame, batch="monday")               # one order per row, sent once for ever
        desk.wait()                                      # until every order is final
        desk.cancel(intent_id), desk.replace(intent_id, limit=540.05)

    Look, each a DataFrame as things stand, with its units::

        desk.orders, desk.fills, desk.reports, desk.positions, desk.account, desk.scheduled
        desk.quote("SPY"), desk.health(), desk.measures(), desk.timeline(intent_id), desk.decisions
        desk.blotter(), desk.ticket(), desk.panel()      # alive, as the last line of a cell

    Before you send::

        desk.risk.check(frame), desk.risk.portfolio(frame), desk.risk.plot(frame)

    Stop::

        desk.reduce_only("why"), desk.halt("why"), desk.kill("why"), desk.resume("why")

    What is denied never leaves, and says why in ``desk.orders``. What was sent stays at the broker when
    the desk closes, and is found again by the next one. ``toolkit.intents`` makes frames of orders out
    of target positions, weights or signals, and slices of large orders.

    Attributes:
        engine: what runs behind it.
        gateway: the paper gateway that ``connect("paper")`` started, else None.
    """

    def __init__(self, engine: Engine, gateway: PaperGateway | None = None) -> None:
        super().__init__(engine)
        self.gateway = gateway
        self._blotters: list[Blotter] = []
        controls = engine.client.controls
        # Of the engine alone: a desk that nobody holds any more must not be held by what it waits for.
        self._process = partial(_process, engine)
        self._timetable = Timetable(self._process, lambda: controls.standing.state is ControlState.KILLED)
        self._close = weakref.finalize(self, _shut_down, engine, gateway)
        OPEN[engine.settings.toolkit_home.resolve()] = self

    # --- orders out ----------------------------------------------------------------------------------

    def buy(
        self,
        symbol: str,
        quantity: Any,
        *,
        limit: Any = None,
        stop: Any = None,
        tif: str = "DAY",
        outside_rth: bool = False,
        strategy_id: str = "",
        intent_id: str | None = None,
        **contract: Any,
    ) -> str:
        """
        Buy.

        The prices say which type of order it is: none a market order, ``limit`` a limit order, ``stop``
        a stop order, both a stop limit order.

        Args:
            symbol: of the contract.
            quantity: units of the contract (shares for stocks), above 0.
            limit: price units.
            stop: price units.
            tif: DAY, GTC, IOC, FOK or OPG.
            outside_rth: whether it may trade outside regular hours.
            strategy_id: carried into every report.
            intent_id: of an order that is sent at most once, however often it is asked for; None for a
                new order.
            contract: ``sec_type``, ``currency``, ``exchange``, ``primary_exchange``, ``con_id``, ``expiry``,
                ``strike``, ``right``, ``multiplier`` where it is no US stock.

        Returns:
            The intent's id. When it was denied a warning says why, and so does ``desk.orders``.

        Raises:
            IntentError: it is no order: names what is wrong, and nothing was sent.
            NotConnectedError: the engine has stopped.
        """
        return self._place(
            "BUY",
            symbol,
            quantity,
            intent_id,
            limit=limit,
            stop=stop,
            tif=tif,
            outside_rth=outside_rth,
            strategy_id=strategy_id,
            **contract,
        )

    def sell(
        self,
        symbol: str,
        quantity: Any,
        *,
        limit: Any = None,
        stop: Any = None,
        tif: str = "DAY",
        outside_rth: bool = False,
        strategy_id: str = "",
        intent_id: str | None = None,
        **contract: Any,
    ) -> str:
        """As ``buy``, but sell."""
        return self._place(
            "SELL",
            symbol,
            quantity,
            intent_id,
            limit=limit,
            stop=stop,
            tif=tif,
            outside_rth=outside_rth,
            strategy_id=strategy_id,
            **contract,
        )

    def submit(
        self,
        frame: pd.DataFrame,
        batch: str | None = None,
        *,
        partial: bool = False,
        max_rows: int = MOST_ROWS,
    ) -> Submission:
        """
        Place one order per row.

        The stop button begins no further order; it shows which are live, and these stay tracked.

        Args:
            frame: columns ``symbol``, ``direction``, ``quantity``, ``order_type``, and any other field of an
                intent; what is NaN is left out, and unknown columns travel along into the reports. Rows
                with a time in ``send_at`` wait for it as long as this desk is open, and expire
                INTENT_TTL_S after it unless ``valid_until`` says otherwise; see ``scheduled``.
            batch: a name for these orders. Each row's id then follows from the name and the row's
                label, so that running the cell again sends nothing twice and returns the first
                run's orders. Without it every call makes new orders.
            partial: send the rows that are all right, and let the others be denied.
            max_rows: refuse a frame of more, which is rarely meant.

        Raises:
            IntentError: without ``partial``, some row is wrong: names each, and nothing was sent.
            NotConnectedError: the engine has stopped.
        """
        now = datetime.now(UTC)

        def identify(label: Hashable) -> str:
            return _new_id(now) if batch is None else batch_id(batch, label)

        rows = intents.rows_of(frame, identify, now=now, account=self._account, max_rows=max_rows)
        rows = [intents.compare(row, row.intent and self._known(row.intent.intent_id)) for row in rows]
        refused = {row.label: row.problem for row in rows if row.problem and row.intent is not None}
        # What has no usable id cannot be denied under it either.
        intents.refuse_all([row for row in rows if not readable_id(row.raw)] if partial else rows)
        ttl = timedelta(seconds=self.engine.settings.intent_ttl_s)
        rows = [intents.expiring(row, ttl) for row in rows]
        # What is known went already, and is only asked after.
        later = [
            Waiting(row.send_at, row.raw)
            for row in rows
            if row.send_at is not None and row.send_at > now and not self._known(row.raw["intent_id"])
        ]
        waiting = {one.raw["intent_id"] for one in later}
        self._send([row.raw for row in rows if row.raw["intent_id"] not in waiting])
        if later:
            self.ask(lambda: self._timetable.add(later))
        return Submission(self, rows, refused)

    @property
    def scheduled(self) -> pd.DataFrame:
        """What waits for its time, the next one first; ``desk.cancel`` withdraws one."""
        waiting = self.ask(self._timetable.frame).iloc[: None if self.engine.running else 0]
        return framed(waiting, FRAME)

    def cancel(self, intent_id: str) -> bool:
        """
        Ask the broker to cancel an order; what comes of it is in ``orders``.

        One that waits for its time is withdrawn instead.

        Returns:
            Whether it was asked or withdrawn: False when the order was finished already.

        Raises:
            IntentError: no order is known under this id.
            NotConnectedError: the gateway is away.
        """
        if self.ask(lambda: self._timetable.withdraw(intent_id, "cancelled before its time")):
            return True
        if self.order(intent_id).final:
            return False
        client = self.engine.client
        asked = self._call(client.cancel_intent(intent_id, by="desk"))
        if not asked and not client.ready:
            raise NotConnectedError(
                client.last_error or "The gateway is not connected; nothing was cancelled."
            )
        return asked

    def replace(
        self, intent_id: str, *, quantity: object = None, limit: object = None, stop: object = None
    ) -> bool:
        """
        Change an open order; what is left out stays.

        Returns:
            Whether the change was sent: ``reports`` says what came of it, or why not.
        """
        order_id = self.order(intent_id).order_id
        terms = {"quantity": quantity, "limit_price": limit, "stop_price": stop}
        return order_id is not None and self._call(self.engine.client.replace_order(order_id, **terms))

    def wait(
        self, intents: str | Iterable[str] | Submission | None = None, timeout: float = 30.0
    ) -> pd.DataFrame:
        """
        Wait until orders are final: filled, cancelled or refused.

        Args:
            intents: an intent id, several, or a submission; None waits for every open order.
            timeout: seconds.

        Returns:
            Those orders, as in ``orders``; without those that were withdrawn before they were sent.

        Raises:
            TimeoutError: some are still open; names them.
            IntentError: an id is unknown.
            NotConnectedError: the engine has stopped.
        """
        if intents is None:
            ids = [state.intent_id for state in self.states() if not state.final]
        elif isinstance(intents, str):
            ids = [intents]
        else:
            ids = list(intents.intent_ids if isinstance(intents, Submission) else intents)
        try:
            with listening(self.engine.client.ledger.listeners, self.ask) as changes:
                wait_until_final(ids, self.standing, changes, lambda: self.engine.running, timeout)
        except KeyboardInterrupt:
            raise stopped(self._orders(ids)) from None
        return framed(orders_frame(self._orders(ids)), ORDERS)

    async def wait_async(
        self, intents: str | Iterable[str] | Submission | None = None, timeout: float = 30.0
    ) -> pd.DataFrame:
        """As ``wait``, for a caller with an event loop of its own."""
        return await asyncio.to_thread(self.wait, intents, timeout)

    def blotter(self) -> Blotter:
        """The live blotter, to be the last line of a cell; elsewhere a table of how it stands."""
        from toolkit.desk.blotter import Blotter

        blotter = Blotter(self)
        self._blotters.append(blotter)
        return blotter

    # --- the end ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Disconnect and close the journal; orders at the broker stay, and frames can still be read."""
        self._close()
        for blotter in self._blotters:
            blotter.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ----------------------------------------------------------------------------------------

    def _place(self, direction: str, symbol: str, quantity: Any, intent_id: str | None, **terms: Any) -> str:
        now = datetime.now(UTC)
        intent_id = _new_id(now) if intent_id is None else intent_id
        raw = intents.from_call(direction, symbol, quantity, intent_id=intent_id, **terms)
        intent = parse(raw, now=now, account=self._account)
        other = intents.conflict(intent, self._known(intent_id))
        if other is not None:
            raise IntentError(f"Nothing was sent: {other[1]}", field=other[0], code="DUPLICATE_INTENT")
        self._send([raw])
        denied = self.order(intent_id).denied
        if denied is not None:
            warnings.warn(f"{direction} {quantity} {symbol} was denied: {denied.reason}", stacklevel=3)
        return intent_id

    def _send(self, raws: list[dict[str, Any]]) -> None:
        sending = Sending(self._process, raws)
        try:
            sending.run(self.engine, ANSWER_TIMEOUT)
        except KeyboardInterrupt:
            raise stopped(self._orders(sending.begun), len(raws) - len(sending.begun)) from None

    def standing(self, intent_id: str) -> Standing:
        """
        How an intent stands, also while it waits for its time.

        Raises:
            IntentError: it is not known.
        """
        state = self.engine.client.get_order_state(intent_id)
        waits = None if state is not None else self._timetable.standing(intent_id, self.engine.running)
        return waits or state or self.order(intent_id)

    def _orders(self, intent_ids: Iterable[str]) -> list[OrderState]:
        standings = map(self.standing, intent_ids)
        return [standing for standing in standings if isinstance(standing, OrderState)]


async def _process(engine: Engine, raw: Mapping[str, Any]) -> bool:
    return await engine.orchestrator.process_order_intent(raw, source=from_desk())


def _shut_down(engine: Engine, gateway: PaperGateway | None) -> None:
    engine.stop()
    if gateway is not None:
        gateway.stop()


def _new_id(now: datetime) -> str:
    return fresh_id(now, secrets.token_hex(4))
