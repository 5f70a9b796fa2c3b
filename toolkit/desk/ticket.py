"""
The order ticket: look a contract up, see what an order would mean, and only then send it, once.

Made of plain ipywidgets. The intent's id is made with the preview and used up by sending, so neither
a double click nor a cell that is run again can send a second order.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import TYPE_CHECKING, Final

from ipywidgets import Button

from toolkit.desk import preview
from toolkit.desk.enquiry import enquire
from toolkit.desk.preview import Preview
from toolkit.desk.ticket_form import TicketForm
from toolkit.errors import IntentError, NotConnectedError, ToolkitError
from toolkit.intents.ids import fresh_id
from toolkit.orders.contract import Instrument
from toolkit.orders.intent import OrderIntent, parse

if TYPE_CHECKING:
    from toolkit.desk.view import View

ANSWER_TIMEOUT: Final = 15.0
"""Seconds that the gateway has for everything a preview asks, and for taking an order."""
QUOTE_TIMEOUT: Final = 3.0
"""Seconds that it has for a quote of a contract that is known."""


class Ticket(TicketForm):
    """
    One ticket of a desk; ``desk.ticket()`` makes it.

    Every part is an attribute, see ``TicketForm``, so that a notebook may fill it in.

    Args:
        desk: where the order goes.

    Attributes:
        shown: the preview that may be sent now; None when there is none.
        sent: id of the intent that was sent last, ``""`` before the first.
    """

    def __init__(self, desk: View) -> None:
        self.desk = desk
        self.shown: Preview | None = None
        self.sent = ""
        self._looked_up: tuple[OrderIntent, Instrument] | None = None
        health = desk.health()
        super().__init__(lambda: desk.engine.running, health["account"], live=not health["paper"])
        self._listen()

    def _listen(self) -> None:
        names = (self.symbol, self.sec_type, self.currency, self.exchange)
        contract = (*names, self.expiry, self.strike, self.right)
        order = (self.side, self.quantity, self.kind, self.limit, self.stop, self.tif, self.outside)
        for field in (*contract, *order, self.strategy):
            field.observe(lambda _: self.drop(), names="value")
        for field in contract:
            field.observe(lambda _: self.guard(self._look_up), names="value")
        self.last_four.observe(lambda _: self._on_last_four(), names="value")
        self.preview_button.on_click(lambda _: self._pressed(self.preview_button, self._preview))
        self.send_button.on_click(lambda _: self.guard(self._press_send))
        self.confirm_button.on_click(lambda _: self.guard(self._confirmed))
        for word, button in self.touches.items():
            button.on_click(lambda _, word=word: self.guard(lambda: self._at_touch(word)))
        for way, button in self.steps.items():
            button.on_click(lambda _, way=way: self.guard(lambda: self._step(way)))

    # --- the fields ------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Forget the preview: what is in the fields is another order now."""
        self.shown = None
        self.send_button.disabled = True
        self.send_button.description, self.send_button.tooltip = "Send", "Preview first"
        self.confirm.layout.display = "none"
        self.last_four.value = ""
        self.page.value = ""
        self.say("")

    def _on_last_four(self) -> None:
        self.confirm_button.disabled = self.shown is None or self.last_four.value != self._account[-4:]

    def _look_up(self) -> None:
        """Ask the gateway which contract is meant, and for its quote."""
        self._looked_up = None
        self.quote.value = ""
        if not self.symbol.value.strip():
            self.contract.value = '<span class="tkt-dim">Give a symbol.</span>'
            return
        self.contract.value = '<span class="tkt-dim">Looking it up …</span>'
        try:
            intent = self._contract_intent()
            quote = self.desk.engine.call(self.desk.engine.client.quote(intent), ANSWER_TIMEOUT)
        except (ToolkitError, TimeoutError) as error:
            self.contract.value = f'<span class="tkt-bad">{html.escape(_sentence(error))}</span>'
            return
        found = self.desk.ask(lambda: self.desk.engine.client.market.find(intent))
        assert found is not None  # it has just been quoted
        self.contract.value = preview.described(found)
        self.quote.value = preview.quoted(quote, found.min_tick, datetime.now(UTC))
        self._looked_up = intent, found

    def _contract_intent(self) -> OrderIntent:
        now = datetime.now(UTC)
        form = {name: field.value for name, field in self.contract_fields.items()}
        form |= {"direction": "BUY", "quantity": "1", "order_type": "MARKET"}
        return parse(preview.raw_intent(form, "quote", now), now=now)

    def _known(self) -> tuple[OrderIntent, Instrument]:
        known = self._looked_up
        if known is None:
            raise IntentError("Name a contract that the gateway knows first.", field="symbol")
        return known

    def _at_touch(self, word: str) -> None:
        """Put the limit at the bid, the mid or the ask; the mid on the passive side of an increment."""
        intent, found = self._known()
        quote = self.desk.engine.call(self.desk.engine.client.quote(intent), ANSWER_TIMEOUT)
        value = {"Bid": quote.bid, "Mid": quote.mid, "Ask": quote.ask}[word]
        if value is None:
            self.say(f"There is no {word.lower()} now.", bad=True)
            return
        rounding = ROUND_FLOOR if self.side.value == "BUY" else ROUND_CEILING
        self.limit.value = f"{preview.snapped(value, found.min_tick, rounding):f}"

    def _step(self, way: int) -> None:
        """Move the limit to the next increment up or down."""
        step = self._known()[1].min_tick
        now = datetime.now(UTC)
        form = self.form | {"symbol": "any", "order_type": "LIMIT", "quantity": "1"}
        limit = parse(preview.raw_intent(form, "step", now), now=now).limit_price
        assert limit is not None  # a limit order has one, or parse has said so
        rounding = ROUND_CEILING if way < 0 else ROUND_FLOOR
        self.limit.value = f"{preview.snapped(limit, step, rounding) + way * step:f}"

    # --- preview and send ------------------------------------------------------------------------------

    def _pressed(self, button: Button, work: Callable[[], object]) -> None:
        button.disabled = True
        try:
            self.guard(work)
        finally:
            button.disabled = False

    def _preview(self) -> None:
        self.drop()
        engine, now = self.desk.engine, datetime.now(UTC)
        raw = preview.raw_intent(self.form, fresh_id(now, secrets.token_hex(4)), now)
        intent = parse(raw, now=now, account=self._account)
        known, book = engine.call(enquire(engine, raw, intent), ANSWER_TIMEOUT)
        judged = preview.judge(raw, intent, known, engine.orchestrator.risk_checker, book)
        self.page.value = preview.as_html(judged)
        if judged.may_go:
            self.shown = judged
            self.send_button.description = f"Send {intent.direction}"
            self.send_button.tooltip = f"Send {preview.sentence(intent)}"
            self.send_button.disabled = False
        self.record()

    def _press_send(self) -> None:
        """The first step on a live account, the only one on a paper account."""
        if self._live and self.shown is not None:
            self.send_button.disabled = True
            self.confirm.layout.display = None
            return
        self._place()

    def _confirmed(self) -> None:
        if not self.confirm_button.disabled:
            self._place()

    def _place(self) -> None:
        shown, engine, now = self.shown, self.desk.engine, datetime.now(UTC)
        self.drop()  # whatever comes of it, this preview is used up: a second click finds none
        if shown is None:
            return
        if shown.expired(now):
            self.say(f"The preview is older than {preview.LIFE.seconds} s; preview again.", bad=True)
            return
        self.sent = shown.intent.intent_id
        self.outcome.value = html.escape(f"Sending {preview.sentence(shown.intent)} …")
        try:
            engine.call(engine.orchestrator.process_order_intent(shown.raw, source="ticket"), ANSWER_TIMEOUT)
        except TimeoutError:
            self.say(
                f"No answer within {ANSWER_TIMEOUT:g} s; do not send it again: desk.order({self.sent!r}) "
                "says what became of it.",
                bad=True,
            )
        self._show_outcome()
        self.record()

    # --- as time goes by -------------------------------------------------------------------------------

    def _follow(self) -> None:
        shown, now = self.shown, datetime.now(UTC)
        if shown is not None and shown.expired(now):
            self.drop()
            self.say(f"The preview is older than {preview.LIFE.seconds} s; preview again.", bad=True)
        self._show_outcome()
        known, client = self._looked_up, self.desk.engine.client
        if known is None:
            return
        intent, found = known
        try:
            quote = self.desk.engine.call(client.quote(intent), QUOTE_TIMEOUT)
            self.quote.value = preview.quoted(quote, found.min_tick, datetime.now(UTC))
        except (NotConnectedError, TimeoutError) as error:
            self.quote.value = f'<span class="tkt-bad">No quote: {html.escape(_sentence(error))}</span>'

    def _show_outcome(self) -> None:
        state = self.desk.engine.client.get_order_state(self.sent) if self.sent else None
        if state is not None:
            self.outcome.value = preview.outcome(state)

    def _summary(self) -> str:
        mode = "LIVE" if self._live else "PAPER"
        told = self.outcome.value or "Nothing was sent from it."
        shown = self.page.value or "No preview."
        return f"<p><b>Order ticket</b> · {html.escape(self._account)} {mode}</p>{shown}<p>{told}</p>"

    def __repr__(self) -> str:
        return f"<Ticket of {self.desk!r}>"


def _sentence(error: Exception) -> str:
    return str(error) or f"The gateway did not answer ({type(error).__name__})."
