"""
The past of a contract: bars of what the market has done, and where its data begins.

Made of what this gateway has generated or replayed, and before that of what the synthetic market
would have done (see ``past``). What nobody recorded is error 162, as at the broker.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from toolkit.gateway import history_replies, requests
from toolkit.gateway.account_requests import Rows, Stream
from toolkit.gateway.bars import BarSize, bar_size, gathered, span_start
from toolkit.gateway.contract_requests import the_one
from toolkit.gateway.delay import DELAY
from toolkit.gateway.fields import moment
from toolkit.gateway.history import FOR_EVER, known_rows
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.record import ASK, BID, MIDPOINT, TRADES
from toolkit.gateway.requests import Feed

if TYPE_CHECKING:
    from toolkit.gateway.session import Session

MOST_BARS = 11_000
"""Longest answer to one request: a week of minutes, in less than a mebibyte. The broker's limits differ."""

_LEAST_OPEN = 0.19
"""Share of all time in regular hours: so much of a span has bars at least, where anything is known."""

NO_DATA = 162
"""The code for all that is wrong with these requests: clients end them with it, with 321 they do not."""

_TOO_LONG = "Time length exceed max"
_KINDS = {TRADES: TRADES, "ADJUSTED_LAST": TRADES, MIDPOINT: MIDPOINT, BID: BID, ASK: ASK}


def historical_data(session: Session, request: requests.HistoricalData, now: datetime) -> None:
    """Bars, or why there are none; then, when the client wants to be kept up to date, changes."""
    req_id, size = request.req_id, bar_size(request.bar_size)
    instrument = the_one(session, req_id, request.contract)
    if instrument is None:
        return
    end = moment(request.end, "endDateTime") or now
    hours = session.floor.exchange.hours
    begin = span_start(request.duration, end, hours, regular=request.regular)
    wrong = _cannot_be_asked(request, session.floor.delay is not None)
    if size is None:
        wrong = f"bar size '{request.bar_size}' is none of the broker's, such as '5 mins'"
    elif begin is None:
        wrong = f"duration '{request.duration}' is none of the broker's, such as '2 D'"
    elif _LEAST_OPEN * (end - begin).total_seconds() / size.seconds > MOST_BARS:
        wrong = _TOO_LONG
    if wrong or size is None or begin is None:
        _refuse(session, req_id, wrong)
        return
    what, until = _KINDS[request.what], end.timestamp() if request.end else FOR_EVER
    if session.floor.delay is not None:
        until = min(until, (now - DELAY).timestamp())
    rows = known_rows(session.floor, instrument.con_id, what, begin.timestamp(), until, size.seconds)
    bars = list(islice(gathered(rows, size, hours, regular=request.regular), MOST_BARS + 1))
    if len(bars) > MOST_BARS:
        _refuse(session, req_id, _TOO_LONG)
        return
    if not bars and not request.keep_up_to_date:
        place = f"{instrument.symbol}@{instrument.exchange} {request.what}"
        _refuse(session, req_id, f"HMDS query returned no data: {place}")
        return
    session.send(
        history_replies.historical_data(
            session.version, req_id, (begin, end), size, bars, seconds=request.seconds
        )
    )
    if request.keep_up_to_date:
        _keep_up_to_date(session, request, instrument, size)


def head_timestamp(session: Session, request: requests.HeadTimestamp, _: datetime) -> None:
    """When the oldest data begins, or why there is none."""
    instrument = the_one(session, request.req_id, request.contract)
    if instrument is None:
        return
    floor, what = session.floor, _KINDS.get(request.what)
    first = None
    if what is not None:
        past = floor.past(instrument.con_id, floor.exchange.hours)
        first = past.first(what) if past else None
        first = first or floor.exchange.record(instrument.con_id).series[what].first
    if first is None:
        _refuse(session, request.req_id, f"No head time stamp: there is no {request.what} of it")
        return
    begins = datetime.fromtimestamp(first, UTC)
    session.send(
        history_replies.head_timestamp(session.version, request.req_id, begins, seconds=request.seconds)
    )


def _cannot_be_asked(request: requests.HistoricalData, delayed: bool) -> str:
    """Why there is no such history, empty when there may be one."""
    if request.what not in _KINDS:
        return f"{request.what} is not served here; ask for {', '.join(_KINDS)}"
    if request.keep_up_to_date and request.end:
        return "what is kept up to date has no end date"
    if request.keep_up_to_date and delayed:
        return "No market data permissions: live data is not subscribed"
    return ""


def _keep_up_to_date(
    session: Session, request: requests.HistoricalData, instrument: Instrument, size: BarSize
) -> None:
    """Say the last two bars again whenever the market has changed them, at most once a second."""
    floor, what = session.floor, _KINDS[request.what]
    series = floor.exchange.record(instrument.con_id).series[what]

    def rows() -> Rows:
        if series.last is None:
            return
        begin = series.last - 2 * size.seconds
        found = known_rows(floor, instrument.con_id, what, begin, FOR_EVER, size.seconds)
        for bar in gathered(found, size, floor.exchange.hours, regular=request.regular):
            if bar.time > begin:  # an earlier one is cut
                update = history_replies.historical_data_update(
                    session.version, request.req_id, size, bar, seconds=request.seconds
                )
                yield bar.time, update

    session.streams[Feed.HISTORY, request.req_id] = Stream(rows)


def _refuse(session: Session, req_id: int, why: str) -> None:
    session.error(req_id, NO_DATA, f"Historical Market Data Service error message:{why}")
