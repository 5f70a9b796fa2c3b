"""
The live blotter: a widget that shows orders, refusals, fills and positions, and cancels and changes orders.

Everything leaves from one place, a thread of the blotter's own: at most four messages a second, one
at least every second as a sign of life. So the table moves while a cell runs, too.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
from IPython import display as front_end
from IPython import get_ipython

from toolkit.desk import rows
from toolkit.desk.account import Holding
from toolkit.desk.changes import Changes
from toolkit.desk.detail import detail
from toolkit.desk.feed import Feed, quote_cells
from toolkit.desk.glance import Glance, look, strip_of
from toolkit.desk.kill import KillSwitch, hear_while_busy
from toolkit.desk.requests import Answer, Requests
from toolkit.desk.static_table import MOST_ROWS, static_html
from toolkit.desk.tally import Tally
from toolkit.desk.words import milliseconds
from toolkit.errors import IntentError, NotConnectedError
from toolkit.journal.reader import JournalReader
from toolkit.orders.contract import Instrument
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import Report
from toolkit.orders.state import OrderState
from toolkit.reports.frames import fills_of

if TYPE_CHECKING:
    from toolkit.desk.desk import Desk

log = logging.getLogger(__name__)

SHORTEST_PAUSE: Final = 0.25
"""Seconds from one message to the next, at least."""
HEARTBEAT: Final = 1.0
"""Seconds after which a message goes out though nothing changed: the sign of life."""
MOST_WORK: Final = 0.1
"""Share of a core that the thread may take: a message that costs more is followed by a longer pause."""
LONGEST_PAUSE: Final = 2.0
RECORD_EVERY: Final = 30.0
"""Seconds after which the static table follows what changed, for a notebook that is saved meanwhile."""
ANSWER_TIMEOUT: Final = 2.0
"""Seconds that the engine has to say how it is; the front end calls the blotter stale after three."""

FRONT: Final = Path(__file__).with_name("static")
SCRIPTS: Final = (
    "dom",
    "killing",
    "store",
    "columns",
    "question",
    "drawer",
    "table",
    "status",
    "view",
    "main",
)
"""Files of one ES module, in the order in which they need each other."""


def script() -> str:
    """The front end as one ES module: its files one after another, nothing fetched, nothing built."""
    return "\n".join((FRONT / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)


class Blotter(anywidget.AnyWidget):
    """
    The blotter of one desk; ``desk.blotter()`` makes it, and being displayed starts it.

    A static table is displayed with it, which the live one hides: it stays in a saved notebook.

    Args:
        desk: whose orders it shows.
    """

    _esm = script()
    _css = FRONT / "blotter.css"

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._feed = Feed()
        self._tally = Tally()
        self._changes = Changes()
        self._requests = Requests(desk, self._take_answer)
        self._answers: list[Answer] = []
        self._details: list[str] = []
        self._changed: set[str] | None = None
        """Intents whose rows the feed has not taken yet; None: all of them."""
        self._sent_at = 0.0
        self._last_event: datetime | None = None
        self._fault = ""
        self._greeted = False
        self._hello = threading.Event()
        """A front end has come, or missed something, and was not told everything yet."""
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._static: Any = None
        self._news = 0
        """How many changes were heard of."""
        self._recorded = (0.0, 0)
        """When (monotonic) the static table was brought up to date, and how many it knew of."""
        self.on_msg(self._on_message)
        # None of them waits, so none has to wait for a cell either.
        hear_while_busy(self, "hello", "detail", "cancel", "change", "kill")

    # --- out -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to send; a second call changes nothing."""
        if self._thread is not None or self._stopping:
            return
        listeners = self.desk.engine.client.ledger.listeners
        self.desk.ask(lambda: listeners.append(self._hear))
        self._thread = threading.Thread(target=self._run, name="toolkit-blotter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send how things stand a last time, also to the static table, and end."""
        self._stopping = True
        if self._thread is None:
            return
        self._hello.set()
        self._changes.wake()
        self._thread.join()
        self._thread = None
        listeners = self.desk.engine.client.ledger.listeners
        self.desk.ask(lambda: listeners.remove(self._hear))
        shell = get_ipython()
        if shell is not None and self._static is not None:
            shell.events.unregister("post_run_cell", self._record)
        self._record()

    def close(self) -> None:
        """Stop, and take the widget away."""
        self.stop()
        super().close()

    def _hear(self, event: AnyEvent, state: OrderState, report: Report | None) -> None:
        self._news += 1
        self._changes(event, state, report)

    def _run(self) -> None:
        self._tell_safely(set(), ahead=True)
        self._hello.wait(HEARTBEAT)  # nobody can have listened before
        while not self._stopping:
            self._hello.clear()
            changed = self._changes.take(SHORTEST_PAUSE)
            began, worked = time.monotonic(), time.thread_time()
            self._tell_safely(changed)
            if not changed and self._sent_at < began:
                continue  # nothing went out, so nothing has to be spaced
            worked = time.thread_time() - worked
            pause = max(SHORTEST_PAUSE, min(LONGEST_PAUSE, worked / MOST_WORK))
            if not self._stopping:
                self._hello.wait(max(0.0, pause - (time.monotonic() - began)))
        self._tell_safely(self._changes.take(0))

    def _tell_safely(self, changed: set[str], *, ahead: bool = False) -> None:
        """
        Send; what goes wrong is shown at once, and everything told again in full when it is over.

        Args:
            changed: intents that changed.
            ahead: only write the rows, which takes longest, while the front end still loads.
        """
        try:
            if ahead:
                self._message(due=False)
                self._feed.forget()
            else:
                self._tell(changed)
            self._fault = ""
        except Exception as error:
            fault = f"The blotter could not be brought up to date: {error}"
            if fault != self._fault:
                log.exception("The blotter could not be brought up to date.")
            self._fault = fault
            self._feed.forget()
            self._tally.forget_positions()
            self.send({"kind": "fault", "text": self._fault})

    def _tell(self, changed: set[str]) -> None:
        answers, self._answers = self._answers, []
        changed |= self._changes.take(0)  # an answer never goes out before the facts that it is about
        if changed:
            self._last_event = datetime.now(UTC)
        if self._changed is not None:
            self._changed |= changed
        now = time.monotonic()
        due = self._stopping or bool(answers) or now - self._sent_at >= HEARTBEAT
        if due and not self._greeted:
            # Nobody may have listened to what went out before; until somebody says so, tell it all.
            self._feed.forget()
        message = self._message(due=due)
        if message is not None:
            self._sent_at = now
            self.send({**message, "answers": answers, "mark": self._mark})
        asked, self._details = self._details, []
        for intent_id in asked:
            self.send(self._detail(intent_id))
        if time.monotonic() - self._recorded[0] > RECORD_EVERY:
            self._record()

    def _message(self, *, due: bool) -> dict[str, Any] | None:
        """How things stand: one look at the engine and the orders that changed; None: as they were told."""
        glance = look(self.desk, ANSWER_TIMEOUT)
        ledger = self.desk.engine.client.ledger
        market = self.desk.engine.client.market
        changed = self._changed
        orders = list(ledger) if changed is None else [order for one in changed if (order := ledger.get(one))]
        self._tally.take(orders)
        if changed is None:
            self._last_event = max(filter(None, map(_latest, orders)), default=None)
        tables = rows.tables(orders, ledger.get, self._contract_of)
        tables["positions"] = self._positions(glance)
        strip = strip_of(
            glance,
            working=self._tally.working,
            unknown=self._tally.unknown,
            now=datetime.now(UTC),
            last_event=self._last_event,
            fault=self._fault,
        )
        quotes = quote_cells(glance.quotes, market.by_number)
        message = self._feed.message(strip, tables, quotes, due=due)
        self._changed = set()
        return message

    def _positions(self, glance: Glance) -> list[rows.Row]:
        locks = glance.condition.get("locked", {})
        return self._position_rows(self._tally.changed(glance.positions, locks), locks, glance.currency)

    def _position_rows(self, held: list[Holding], locks: Mapping[str, str], currency: str) -> list[rows.Row]:
        market = self.desk.engine.client.market
        return [
            rows.position_row(one, market.by_number(one.position.instrument.con_id), locks, currency)
            for one in held
        ]

    def _contract_of(self, order: OrderState) -> Instrument | None:
        """An order's contract; of a refused one that of others which named it in the same way."""
        market = self.desk.engine.client.market
        found = market.by_number(order.con_id)
        return market.find(order.intent) if found is None and order.intent is not None else found

    def _detail(self, intent_id: str) -> dict[str, Any]:
        """All there is to know about one order, its facts as the journal holds them."""
        engine = self.desk.engine
        ledger = engine.client.ledger
        order = ledger.get(intent_id)
        if order is None:
            raise IntentError(f"No order is known under the id {intent_id!r}.", code="UNKNOWN_INTENT")
        if engine.running:
            journal = engine.client.journal
            engine.call(journal.durable(journal.last_seq), ANSWER_TIMEOUT)
        with JournalReader(engine.settings.journal_path) as reader:
            events = list(reader.history(intent_id))
        related = [state for state in ledger if _target(state) == intent_id]
        return detail(order, self._contract_of(order), events, related)

    # --- in --------------------------------------------------------------------------------------------

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content["kind"] == "hello":
            self._greeted = True
            self._feed.forget()
            self._hello.set()
            self._changes.wake()
            self._greet()
        elif content["kind"] == "detail":
            self._details.append(content["intent_id"])
            self._changes.wake()
        elif content["kind"] == "kill":
            self.send({"kind": "heard", "press": content["press"]})
            self._requests.take(content)
        else:
            self._requests.take(content)

    def _greet(self) -> None:
        if not self.desk.engine.running:
            return  # a closed desk has no kill button
        try:
            self.send(KillSwitch.of(self.desk.engine).greeting())
        except (NotConnectedError, TimeoutError, OSError) as error:
            log.warning("While a cell runs the blotter's kill switch may not be heard (%s).", error)

    def _take_answer(self, answer: Answer) -> None:
        self._answers.append(answer)
        self._changes.wake()

    # --- shown -----------------------------------------------------------------------------------------

    @property
    def _mark(self) -> str:
        """Class of the static table, by which the live one finds it."""
        return f"toolkit-static-{self.model_id}"

    def _ipython_display_(self) -> None:
        display: Any = front_end.display
        self.start()
        if self._static is None:
            self._static = display(self._content(), display_id=f"blotter-{secrets.token_hex(8)}")
            shell = get_ipython()
            if shell is not None:
                shell.events.register("post_run_cell", self._record)
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)

    def _record(self, _cell: object = None) -> None:
        """Bring the static table up to date, if anything changed."""
        known, self._recorded = self._recorded[1], (time.monotonic(), self._news)
        if self._static is not None and (known != self._news or self._stopping):
            self._static.update(self._content())

    def _content(self) -> _Html:
        return _Html(self._repr_html_(), self._mark, repr(self))

    def _repr_html_(self) -> str:
        orders = self.desk.states()
        glance, tally = look(self.desk, ANSWER_TIMEOUT), Tally()
        tally.take(orders)
        strip = strip_of(
            glance,
            working=tally.working,
            unknown=tally.unknown,
            now=datetime.now(UTC),
            last_event=self._last_event,
        )
        locks = glance.condition.get("locked", {})
        held = tally.changed(glance.positions, locks)
        newest = sorted(orders, key=lambda order: milliseconds(order.received_at))[-MOST_ROWS:]
        fills = fills_of(orders)
        tables = {
            "orders": [rows.order_row(order, self._contract_of) for order in newest],
            "fills": [rows.fill_row(fill, self._contract_of) for fill in fills[-MOST_ROWS:]],
            "positions": self._position_rows(held, locks, glance.currency),
        }
        return static_html(strip, tables, {"orders": len(orders), "fills": len(fills)})

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """The widget for who can show one, and the static table for everybody else."""
        bundle: Any = super()._repr_mimebundle_()
        return {**bundle[0], "text/html": self._content()._repr_html_()}, bundle[1]

    def __repr__(self) -> str:
        return f"<Blotter of {self.desk!r}>"


class _Html:
    """HTML under a class name, by which it can be hidden, and a text for where there is no HTML."""

    def __init__(self, content: str, mark: str, text: str) -> None:
        self._text = text
        self._content = f'<div class="toolkit-blotter-static {mark}">{content}</div>'

    def _repr_html_(self) -> str:
        return self._content

    def __repr__(self) -> str:
        return self._text


def _latest(state: OrderState) -> datetime | None:
    """When, as far as its state tells, the broker or we last did something about an order."""
    moments = state.received_at, state.acked_at, state.cancel_requested_at, state.last_fill_at
    return max(filter(None, moments), default=None)


def _target(state: OrderState) -> str:
    return "" if state.intent is None else state.intent.target_intent_id
