"""Risk from a notebook: judge a frame before it is sent, and see what is left of the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from toolkit.desk.show import framed
from toolkit.errors import IntentError
from toolkit.orders.intent import OrderIntent, parse
from toolkit.reports.plots import headroom_bars
from toolkit.risk import frame as frames
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.columns import row
from toolkit.risk.exposure import Book
from toolkit.risk.headroom import headroom, headroom_frame
from toolkit.risk.kinds import CONTRACT
from toolkit.risk.portfolio import Portfolio, portfolio_frame, portfolio_of, with_approved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from toolkit.app.engine import Engine

_UNITS: Final = {
    "open_buys": "shares",
    "open_sells": "shares",
    "worst_case": "shares",
    "value": "account currency",
}
PORTFOLIO: Final = {"position": "shares"} | {
    f"{name}{ending}": unit for ending in ("", "_after") for name, unit in _UNITS.items()
}
"""Column of ``portfolio`` -> unit."""


class RiskDesk:
    """
    The limits in force at a desk, asked without sending anything; made by ``desk.risk``.

    Everything is worked out in the caller's thread on a copy of what the engine knows, so that a
    large frame holds up no order.

    Args:
        engine: what runs behind the desk.
        call: runs a coroutine in the engine's loop and waits for its result.
    """

    def __init__(self, engine: Engine, call: Callable[[Coroutine[Any, Any, Book]], Book]) -> None:
        self._engine = engine
        self._call = call

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """
        What would become of each row if the frame were submitted now.

        Args:
            frame: one intent per row, as for ``desk.submit``; ``intent_id`` is not needed. Quotes are
                kept of at most 90 contracts at a time; a frame of more finds some without one.

        Returns:
            A copy with the columns ``approved``, ``reason_codes``, ``observed`` and ``limit``; see
            ``toolkit.risk.frame.check``.

        Raises:
            NotConnectedError: the gateway is away.
        """
        return framed(self._judge(frame)[0], {})

    def portfolio(self, frame: pd.DataFrame | None = None) -> pd.DataFrame:
        """
        Position, open orders and their worst case by contract, before and after the approved rows.

        Returns:
            Columns as in ``toolkit.risk.portfolio.portfolio_frame``.

        Raises:
            NotConnectedError: the gateway is away.
        """
        before, after, _ = self._before_and_after(frame)
        return framed(portfolio_frame(before, after), PORTFOLIO)

    def headroom(self, frame: pd.DataFrame | None = None) -> pd.DataFrame:
        """
        How much of each limit is used and left, with the approved rows of ``frame`` when there is one.

        Returns:
            Columns as in ``toolkit.risk.headroom.headroom_frame``.

        Raises:
            NotConnectedError: the gateway is away.
        """
        _, after, book = self._before_and_after(frame)
        return framed(headroom_frame(headroom(after, self._checker, book), book.currency), {})

    def plot(self, frame: pd.DataFrame | None = None) -> Figure:
        """``headroom`` as a picture."""
        return headroom_bars(self.headroom(frame))

    @property
    def _checker(self) -> SimpleRiskChecker:
        return self._engine.orchestrator.risk_checker

    def _judge(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Book]:
        book = self._call(self._look_up(_contracts(frame)))
        return frames.check(frame, self._checker, book), book

    def _before_and_after(self, frame: pd.DataFrame | None) -> tuple[Portfolio, Portfolio, Book]:
        if frame is None:
            book = self._call(self._look_up([]))
            before = portfolio_of(book)
            return before, before, book
        checked, book = self._judge(frame)
        before = portfolio_of(book)
        return before, with_approved(before, checked, book), book

    async def _look_up(self, intents: list[OrderIntent]) -> Book:
        """
        A copy of the book, with every contract described and quoted.

        A contract that the broker does not know stays unknown.
        """
        client = self._engine.client
        outcomes = await asyncio.gather(*(client.quote(intent) for intent in intents), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, IntentError):
                raise outcome
        return client.market.copy()


def _contracts(frame: pd.DataFrame) -> list[OrderIntent]:
    """One intent for every contract that a frame names; what names none is denied by the rules."""
    names = [name for name in CONTRACT if name in frame]
    found = []
    for number in range(len(unique := frame[names].drop_duplicates())):
        raw: dict[str, Any] = dict(row(unique, number))
        raw |= {"intent_id": "check", "direction": "BUY", "quantity": 1, "order_type": "MARKET"}
        try:
            found.append(parse(raw, now=datetime.now(UTC)))
        except IntentError:
            continue
    return found
