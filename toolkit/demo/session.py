"""
The demo's trading session: a paper gateway, the embedded bus, an engine, and a day of intents on the wire.

Nothing is special about it: it is what ``toolkit serve`` runs, fed by what ``toolkit submit`` sends.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

from toolkit.app.engine import Engine
from toolkit.bus import choose
from toolkit.bus.embedded import EmbeddedConsumer
from toolkit.bus.topics import DEAD_LETTERS, INTENTS, REPORTS
from toolkit.demo.day import SYMBOLS, Day, sample_day
from toolkit.errors import ToolkitError
from toolkit.gateway import PaperGateway
from toolkit.gateway.ledger import Ledger
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState
from toolkit.settings import Settings

DAY_S: Final = 12.0
"""Seconds that the day lasts."""
SETTLE_S: Final = 20.0
"""Longest wait, in seconds, for the last order to end and the last commission to come."""
LOOK_S: Final = 0.05
"""Seconds between two looks at the quotes."""
RATE: Final = 200.0
"""Messages a second; the gateway on this machine takes more than the broker's 50."""

Progress = Callable[[float, OrderLedger, int], None]
"""Called while the day runs with its age in seconds, the orders so far, and the messages sent so far."""


@dataclass(frozen=True, slots=True)
class Session:
    """
    What is left when the day is over.

    Attributes:
        day: what was sent.
        orders: live state of every order when the engine stopped, by intent id.
        truth: the gateway's own record.
        reports: values of the topic of reports, in order.
        dead_letters: how many messages ended there.
        working: intents whose orders did not end in time; none when all went well.
        quotes: CSV file with ``ts_utc,symbol,bid,ask``, as the client saw them.
    """

    day: Day
    orders: dict[str, OrderState]
    truth: Ledger
    reports: list[bytes]
    dead_letters: int
    working: list[str]
    quotes: Path


def trade(settings: Settings, seed: int, progress: Progress, seconds: float = DAY_S) -> Session:
    """
    Trade a sample day and return when every order has ended.

    Args:
        settings: limits, and the home of journal and bus; the gateway is our own.
        seed: of the market and of the day.
        progress: told a few times a second how far the day is.
        seconds: how long the day lasts.

    Raises:
        ToolkitError: the session could not start, or the engine stopped in the middle.
    """
    with PaperGateway.start_in_thread(seed=seed) as gateway:
        prices = {symbol: _price(gateway, symbol) for symbol in SYMBOLS}
        day = sample_day(seed, prices, seconds)
        settings = settings.model_copy(update={"ibkr_host": gateway.host, "ibkr_port": gateway.port})
        quotes = settings.toolkit_home / "quotes.csv"
        with _running(settings) as engine:
            _send(engine, day, quotes, progress)
            _cancel_the_rest(engine, day)
            working = _settle(engine, day)
            orders = {state.intent_id: state for state in engine.client.ledger}
        reports = _values(settings.bus_path, REPORTS)
        dead_letters = len(_values(settings.bus_path, DEAD_LETTERS))
        return Session(day, orders, gateway.ledger, reports, dead_letters, working, quotes)


@contextmanager
def _running(settings: Settings) -> Iterator[Engine]:
    engine = Engine(settings, bus=choose.consumer_and_producer, max_messages_per_second=RATE)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def _send(engine: Engine, day: Day, quotes: Path, progress: Progress) -> None:
    """Put every message on the bus at its time, and write down the quotes meanwhile."""
    sent: list[Any] = []
    with closing(choose.producer(engine.settings)) as bus, quotes.open("w", newline="") as file:
        recorder = _QuoteRecorder(engine, file)
        start = time.monotonic()
        for message in day.messages:
            while (age := time.monotonic() - start) < message.at:
                recorder.look()
                progress(age, engine.client.ledger, len(sent))
                time.sleep(min(message.at - age, LOOK_S))
            _still_running(engine)
            sent.append(bus.send(INTENTS, value=message.body, key=message.key))
        for future in sent:
            future.get(timeout=SETTLE_S)
        recorder.look()


class _QuoteRecorder:
    """Writes down every quote that is another than at the last look."""

    def __init__(self, engine: Engine, file: TextIO) -> None:
        self._market = engine.client.market
        self._table = csv.writer(file)
        self._table.writerow(("ts_utc", "symbol", "bid", "ask"))
        self._last: dict[str, tuple[Decimal | None, Decimal | None]] = {}

    def look(self) -> None:
        now = datetime.now(UTC).isoformat()
        for symbol in SYMBOLS:
            instrument = self._market.instrument({"symbol": symbol})
            if instrument is None:
                continue
            quote = self._market.quote(instrument.con_id)
            if quote.mid is not None and self._last.get(symbol) != (quote.bid, quote.ask):
                self._last[symbol] = quote.bid, quote.ask
                self._table.writerow((now, symbol, quote.bid, quote.ask))


def _cancel_the_rest(engine: Engine, day: Day) -> None:
    """When every intent has arrived, cancel what still rests, as at the end of a day."""
    ledger = engine.client.ledger
    _wait(engine, lambda: all(ledger.get(intent_id) is not None for intent_id in day.intent_ids))
    _wait(engine, lambda: not any(state.undecided for state in ledger))
    for state in ledger.working():
        engine.call(engine.client.cancel_intent(state.intent_id, by="demo"))


def _settle(engine: Engine, day: Day) -> list[str]:
    """Wait until every order has ended and its commissions are known; returns those that did not."""
    ledger = engine.client.ledger

    def open_ones() -> list[str]:
        return [
            state.intent_id
            for state in ledger
            if not state.final or (state.executions and state.known_commission is None)
        ]

    def all_read() -> bool:
        return len(_values(engine.settings.bus_path, DEAD_LETTERS)) >= day.dead

    _wait(engine, lambda: not open_ones() and all_read())
    return open_ones()


def _wait(engine: Engine, reached: Callable[[], bool]) -> None:
    """Return when a condition holds, or when the time for it is over: the audit tells what is missing."""
    deadline = time.monotonic() + SETTLE_S
    while not reached() and time.monotonic() < deadline:
        _still_running(engine)
        time.sleep(0.02)


def _still_running(engine: Engine) -> None:
    if not engine.running:
        raise ToolkitError("The engine stopped in the middle of the day; demo.log says why.")


def _values(path: Path, topic: str) -> list[bytes]:
    """Everything on a topic of the embedded bus."""
    with EmbeddedConsumer(path, topic, group_id="demo") as consumer:
        values: list[bytes] = []
        while records := consumer.poll():
            values += [record.value or b"" for batch in records.values() for record in batch]
        return values


def _price(gateway: PaperGateway, symbol: str) -> Decimal:
    instrument = gateway.floor.universe.named(symbol)
    assert instrument is not None, symbol
    return instrument.reference_price
