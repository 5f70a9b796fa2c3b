"""
The live blotter: a widget that shows orders, refusals, fills and positions, and cancels.

Everything leaves from one place, a thread of the blotter's own: at most four messages a second, one
at least every second as a sign of life. So the table moves while a cell runs, too.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget

from toolkit.desk import rows
from toolkit.desk.account import Holding, holdings
from toolkit.desk.changes import Changes
from toolkit.desk.feed import Feed, static_html, strip_of
from toolkit.desk.kill import KillSwitch, hear_while_busy
from toolkit.errors import NotConnectedError

if TYPE_CHECKING:
    from toolkit.desk.desk import Desk

log = logging.getLogger(__name__)

SHORTEST_PAUSE: Final = 0.25
"""Seconds between two messages."""
HEARTBEAT: Final = 1.0
"""Seconds after which a message goes out though nothing changed."""
ANSWER_TIMEOUT: Final = 2.0
"""Seconds that the engine has to say how it is; the front end calls the blotter stale after three."""


class Blotter(anywidget.AnyWidget):
    """
    The blotter of one desk; ``desk.blotter()`` makes it, and being displayed starts it.

    A static table is displayed with it, which the live one hides: it stays in a saved notebook.

    Args:
        desk: whose orders it shows.
    """

    _esm = Path(__file__).with_name("blotter.js")
    _css = Path(__file__).with_name("blotter.css")

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._feed = Feed()
        self._changes = Changes()
        self._answers: list[dict[str, Any]] = []
        self._last_event: datetime | None = None
        self._fault = ""
        self._greeted = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._static: Any = None
        self.on_msg(self._on_message)
        hear_while_busy(self, "kill")

    # --- out -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to send; a second call changes nothing."""
        if self._thread is not None or self._stopping:
            return
        listeners = self.desk.engine.client.ledger.listeners
        self.desk.ask(lambda: listeners.append(self._changes))
        self._thread = threading.Thread(target=self._run, name="toolkit-blotter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send how things stand a last time, also to the static table, and end."""
        self._stopping = True
        if self._thread is None:
            return
        self._changes.wake()
        self._thread.join()
        self._thread = None
        listeners = self.desk.engine.client.ledger.listeners
        self.desk.ask(lambda: listeners.remove(self._changes))
        if self._static is not None:
            self._static.update(_Html(self._repr_html_(), self._mark, repr(self)))

    def close(self) -> None:
        """Stop, and take the widget away."""
        self.stop()
        super().close()

    def _run(self) -> None:
        while not self._stopping:
            self._tell_safely(self._changes.take(HEARTBEAT))
            time.sleep(SHORTEST_PAUSE)
        self._tell_safely(self._changes.take(0))

    def _tell_safely(self, changed: set[str]) -> None:
        """Send; what goes wrong is shown with the next message, and told again in full."""
        try:
            self._tell(changed)
            self._fault = ""
        except Exception as error:
            log.exception("The blotter could not be brought up to date.")
            self._fault = f"The blotter could not be brought up to date: {error}"
            self._feed.forget()

    def _tell(self, changed: set[str]) -> None:
        if changed:
            self._last_event = datetime.now(UTC)
        if not self._greeted:
            # Nobody may have listened to what went out before; until somebody says so, tell it all.
            self._feed.forget()
        health, held = self._engine_state()
        states = self.desk.states()
        if self._feed.complete:
            states = [state for state in states if state.intent_id in changed]
        strip = strip_of(health, now=datetime.now(UTC), last_event=self._last_event, fault=self._fault)
        message = self._feed.message(strip, rows.tables(states, held))
        answers, self._answers = self._answers, []
        self.send({**message, "answers": answers, "mark": self._mark})

    def _engine_state(self) -> tuple[dict[str, Any], list[Holding]]:
        """Health and positions, both from one moment of the engine."""
        desk = self.desk
        client = desk.engine.client
        return desk.health(ANSWER_TIMEOUT), holdings(
            desk.ask(client.market.held, ANSWER_TIMEOUT), client.ledger.working()
        )

    # --- in --------------------------------------------------------------------------------------------

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content["kind"] == "hello":
            self._greeted = True
            self._feed.forget()
            self._changes.wake()
        elif content["kind"] == "cancel":
            self._cancel(content["intent_id"])
        elif content["kind"] == "kill":
            # A click has no name of its own here; the strip says when the kill is in force.
            switch = KillSwitch.of(self.desk.engine)
            switch.press(secrets.token_hex(8), "the blotter", self._changes.wake)

    def _cancel(self, intent_id: str) -> None:
        """Ask for a cancel without waiting for it: the answer travels with the next message."""

        def answer(asked: Future[bool]) -> None:
            error = asked.exception()
            told = "asked" if error is None and asked.result() else "refused"
            reason = "" if told == "asked" else str(error or "The order is finished, or the gateway is away.")
            self._answers.append({"intent_id": intent_id, "told": told, "reason": reason})
            self._changes.wake()

        engine = self.desk.engine
        try:
            engine.submit(engine.client.cancel_intent(intent_id, by="blotter")).add_done_callback(answer)
        except NotConnectedError as error:
            self._answers.append({"intent_id": intent_id, "told": "refused", "reason": str(error)})
            self._changes.wake()

    # --- shown -----------------------------------------------------------------------------------------

    @property
    def _mark(self) -> str:
        """Class of the static table, by which the live one finds it."""
        return f"toolkit-static-{self.model_id}"

    def _ipython_display_(self) -> None:
        from IPython import display as front_end

        display: Any = front_end.display
        self.start()
        if self._static is None:
            content = _Html(self._repr_html_(), self._mark, repr(self))
            self._static = display(content, display_id=f"blotter-{secrets.token_hex(8)}")
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)

    def _repr_html_(self) -> str:
        strip = strip_of(self.desk.health(), now=datetime.now(UTC), last_event=self._last_event)
        return static_html(strip, [rows.order_row(state) for state in self.desk.states()])

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
