"""Accounts: values, positions and profits, at once and then whenever they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from toolkit.gateway import account_replies, requests
from toolkit.gateway.events import PositionChanged
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.requests import Feed

if TYPE_CHECKING:
    from toolkit.gateway.floor import Floor
    from toolkit.gateway.session import Session

REFRESH_SECONDS = 1.0
"""How often streams follow the market while nothing is traded, in seconds."""

_LEDGER_TAGS = ("CashBalance", "RealizedPnL", "UnrealizedPnL")

Rows = Iterable[tuple[object, bytes]]


class Stream:
    """A subscription that says each row once and again only when it has changed."""

    __slots__ = ("_rows", "_said")

    def __init__(self, rows: Callable[[], Rows]) -> None:
        self._rows = rows
        self._said: dict[object, bytes] = {}

    def tell(self, session: Session) -> None:
        """Send the rows that the client has not heard yet."""
        for key, row in self._rows():
            if self._said.get(key) != row:
                self._said[key] = row
                session.send(row)


class Refresh:
    """When the streams are told: after every trade, and else as often as the market may have moved."""

    def __init__(self, now: datetime) -> None:
        self._touched = False
        self._told_at = now

    def touch(self) -> None:
        """Something was traded, or another day has begun."""
        self._touched = True

    def due(self, now: datetime) -> bool:
        """Whether the streams should be told now; asking counts as telling."""
        if self._touched or (now - self._told_at).total_seconds() >= REFRESH_SECONDS:
            self._touched = False
            self._told_at = now
            return True
        return False


def refresh(floor: Floor, now: datetime) -> None:
    """Tell every stream, if something was traded or the market had time to move."""
    if floor.refreshing.due(now):
        for session in floor.sessions.values():
            for stream in session.streams.values():
                stream.tell(session)


def updates(session: Session, request: requests.AccountUpdates, now: datetime) -> None:
    """Start (all values and positions, then the end mark) or stop the account stream."""
    key = (Feed.ACCOUNT_UPDATES, -1)
    session.streams.pop(key, None)
    if not request.subscribe:
        return
    account = _known_account(session, request.account, -1, "reqAccountUpdates")
    if account is None:
        return
    stream = session.streams[key] = Stream(lambda: _account_rows(session.floor.exchange, account))
    stream.tell(session)
    session.send(account_replies.account_update_time(now))
    session.send(account_replies.account_download_end(account))


def updates_multi(session: Session, request: requests.AccountUpdatesMulti, _: datetime) -> None:
    """All values of one account, the end mark, then changes."""
    account = _known_account(session, request.account, request.req_id, "reqAccountUpdatesMulti")
    if account is None or not session.may_subscribe(request.req_id):
        return

    def rows() -> Rows:
        for key, (value, currency) in session.floor.exchange.account_values(account).items():
            row = (account, request.model, key, value, currency)
            yield key, account_replies.account_update_multi(request.req_id, *row)

    _start(session, Feed.ACCOUNT_UPDATES, request.req_id, rows)
    session.send(account_replies.account_update_multi_end(request.req_id))


def summary(session: Session, request: requests.AccountSummary, _: datetime) -> None:
    """The tags asked for of every account, the end mark, then changes."""
    if not session.may_subscribe(request.req_id):
        return
    tags = [tag.strip() for tag in request.tags.split(",")]

    def rows() -> Rows:
        for account in session.floor.accounts:
            values = session.floor.exchange.account_values(account)
            for tag, value, currency in _summary_rows(values, tags):
                row = (account, tag, value, currency)
                yield (account, tag, currency), account_replies.account_summary(request.req_id, *row)

    _start(session, Feed.ACCOUNT_SUMMARY, request.req_id, rows)
    session.send(account_replies.account_summary_end(request.req_id))


def positions(session: Session, request: requests.Positions, _: datetime) -> None:
    """All positions of all accounts, the end mark, then changes; or an end of that."""
    session.hears_positions = request.subscribe
    if request.subscribe:
        for row in session.floor.exchange.positions():
            session.send(account_replies.position(row))
        session.send(account_replies.position_end())


def positions_multi(session: Session, request: requests.PositionsMulti, _: datetime) -> None:
    """All positions of one account, the end mark, then changes."""
    account = _known_account(session, request.account, request.req_id, "reqPositionsMulti")
    if account is None or not session.may_subscribe(request.req_id):
        return
    session.position_feeds[request.req_id] = request
    for row in session.floor.exchange.positions(account):
        session.send(account_replies.position_multi(request.req_id, row, request.model))
    session.send(account_replies.position_multi_end(request.req_id))


def pnl(session: Session, request: requests.Pnl, _: datetime) -> None:
    """Profit of one account, then changes. There is no end mark."""
    account = _known_account(session, request.account, request.req_id, "reqPnL")
    if account is None or not session.may_subscribe(request.req_id):
        return

    def rows() -> Rows:
        values = session.floor.exchange.account_values(account)
        unrealized, realized = values["UnrealizedPnL"][0], values["RealizedPnL"][0]
        daily = session.floor.day.profit(account)
        yield "", account_replies.pnl(request.req_id, daily, Decimal(unrealized), Decimal(realized))

    _start(session, Feed.PNL, request.req_id, rows)


def pnl_single(session: Session, request: requests.PnlSingle, _: datetime) -> None:
    """Profit of one position, then changes. There is no end mark; without a position there is no profit."""
    account = _known_account(session, request.account, request.req_id, "reqPnLSingle")
    if account is None or not session.may_subscribe(request.req_id):
        return
    if session.floor.universe.get(request.con_id) is None:
        session.error(request.req_id, 200, f"No security definition has been found for {request.con_id}")
        return

    def rows() -> Rows:
        for row in session.floor.exchange.portfolio(account):
            if row.instrument.con_id == request.con_id:
                daily = session.floor.day.profit_of(row)
                yield "", account_replies.pnl_single(request.req_id, row, daily)
                return
        yield "", account_replies.pnl_single_of_nothing(request.req_id)

    _start(session, Feed.PNL_SINGLE, request.req_id, rows)


def tell_position(session: Session, event: PositionChanged) -> None:
    """A position that has just changed."""
    if session.hears_positions:
        session.send(account_replies.position(event))
    for req_id, feed in session.position_feeds.items():
        if feed.account in ("", event.account):
            session.send(account_replies.position_multi(req_id, event, feed.model))


def _start(session: Session, feed: Feed, req_id: int, rows: Callable[[], Rows]) -> None:
    stream = session.streams[feed, req_id] = Stream(rows)
    stream.tell(session)


def _known_account(session: Session, account: str, req_id: int, name: str) -> str | None:
    """The account meant (the first when none is named); or None, and the client is told."""
    if not account:
        return session.floor.accounts[0]
    if account in session.floor.accounts:
        return account
    session.error(req_id, 200 if req_id >= 0 else 321, f"Invalid account code '{account}' in {name}")
    return None


def _account_rows(exchange: Exchange, account: str) -> Iterator[tuple[object, bytes]]:
    for key, (value, currency) in exchange.account_values(account).items():
        yield key, account_replies.account_value(key, value, currency, account)
    for row in exchange.portfolio(account):
        yield row.instrument.con_id, account_replies.portfolio_value(row)


def _summary_rows(
    values: dict[str, tuple[Decimal | str, str]], tags: list[str]
) -> Iterator[tuple[str, Decimal | str, str]]:
    for tag in tags:
        if tag.startswith("$LEDGER"):
            for key in _LEDGER_TAGS:
                value, currency = values[key]
                yield key, value, currency
        elif tag in values:
            value, currency = values[tag]
            yield tag, value, currency
