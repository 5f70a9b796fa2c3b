"""
The controls of a desk as a panel: kill, halt, reduce only, resume, arm and disarm, and what is in force.

The kill switch is heard while a cell runs; the other buttons wait for the cell, and the panel says so.
"""

from __future__ import annotations

import asyncio
import html
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ipywidgets import HTML, Button, Dropdown, HBox, Text

from toolkit.broker.control_files import whoami
from toolkit.desk.kill import KillButton
from toolkit.desk.record import Recorded
from toolkit.errors import ConfigError
from toolkit.orders.controls import ControlState, Standing, Swept
from toolkit.orders.numbers import exact

if TYPE_CHECKING:
    from toolkit.desk.view import View

ANSWER_TIMEOUT: Final = 10.0
"""Seconds that the engine has to obey."""
BUSY_AFTER: Final = 1.5
"""Seconds without a sign of life after which the kernel's main thread is called busy."""
MINUTES: Final = (15, 30, 60, 120, 240, 480)
"""How long a live account may be armed from here; `toolkit arm` takes any end within a day."""


class Panel(Recorded):
    """
    The panel of one desk; ``desk.panel()`` makes it.

    Args:
        desk: whose orders it stops and lets go.

    Attributes:
        state: what is in force, since when and by whom.
        kill: the kill switch.
        name, reason: of whoever presses, for the journal.
        reduce_only, halt, resume: what is pressed.
        amount, minutes, last_four, arm, disarm: arming, on a live account only.
    """

    def __init__(self, desk: View) -> None:
        self.desk = desk
        health = desk.health()
        self._account, self._live = health["account"], not health["paper"]
        self._main = _MainThread()
        self.state, self.note = HTML(), HTML()
        self.kill = KillButton(desk.engine, "the panel")
        self.name = Text(value=whoami(), description="Your name", continuous_update=False)
        self.reason = Text(description="Reason", placeholder="why, for the journal", continuous_update=False)
        self.reduce_only = _button("Reduce only", "Send only orders that bring a position closer to zero")
        self.halt = _button("Halt", "Send nothing but cancels; leave working orders alone")
        self.resume = _button("Resume", "Let orders go again; needs a name and a reason")
        self.amount = Text(description="Up to", placeholder="in account currency", continuous_update=False)
        self.minutes = Dropdown(options=[(f"{n} minutes", n) for n in MINUTES], description="For")
        self.last_four = Text(description="Last four", placeholder=f"of {self._account}")
        self.arm = _button("Arm live trading", "Let orders go to the live account")
        self.disarm = _button("Disarm", "Let no order go to the live account any more")
        for part in (self.amount, self.minutes, self.last_four):
            part.layout.width = "220px"
        arming = _row(self.amount, self.minutes, self.last_four, self.arm, self.disarm)
        arming.layout.display = None if self._live else "none"
        mode, tone = ("LIVE", "tkt-bad") if self._live else ("PAPER", "tkt-ok")
        title = f"<b>Controls</b> · {html.escape(self._account)} <span class='{tone}'>{mode}</span>"
        super().__init__(
            lambda: desk.engine.running,
            [
                HTML(title),
                self.state,
                _row(self.kill, self.reduce_only, self.halt, self.resume),
                _row(self.name, self.reason),
                arming,
                self.note,
            ],
        )
        if self._live:
            self.add_class("tkt-live")
        self._listen()
        self._follow()

    def _listen(self) -> None:
        for button, action in (
            (self.reduce_only, "reduce-only"),
            (self.halt, "halt"),
            (self.resume, "resume"),
            (self.disarm, "disarm"),
        ):
            button.on_click(lambda _, action=action: self.guard(lambda: self._order(action)))
        self.arm.on_click(lambda _: self.guard(self._arm))

    # --- what is pressed -------------------------------------------------------------------------------

    def _order(self, action: str, **terms: Any) -> None:
        self.say("")
        engine = self.desk.engine
        by, reason = self.name.value.strip(), self.reason.value.strip()
        engine.call(engine.client.controls.order(action, by, reason, **terms), ANSWER_TIMEOUT)
        self.reason.value = ""
        self._follow()
        self.say(f"Done: {action}.")
        self.record()

    def _arm(self) -> None:
        if self.last_four.value != self._account[-4:]:
            raise ConfigError(f"Type the last four characters of {self._account} to arm it.")
        try:
            amount = exact(self.amount.value)
        except ValueError as error:
            raise ConfigError(f"The amount {error}; give a number above 0, in account currency.") from None
        self.last_four.value = ""
        until = datetime.now(UTC) + timedelta(minutes=self.minutes.value)
        port = self.desk.engine.settings.ibkr_port
        self._order("arm", account=self._account, port=port, until=until, max_notional=amount)

    # --- as time goes by -------------------------------------------------------------------------------

    def _follow(self) -> None:
        client = self.desk.engine.client
        running = self.desk.engine.running
        standing, working = self.desk.ask(
            lambda: (client.controls.standing, len(client.ledger.working())), ANSWER_TIMEOUT
        )
        active = standing.state is ControlState.ACTIVE
        self.kill.control = "" if active else standing.told
        self.kill.working = working
        for button in (self.reduce_only, self.halt, self.arm, self.disarm):
            button.disabled = not running
        self.resume.disabled = active or not running
        self.state.value = _state(standing, working, live=self._live, now=datetime.now(UTC))
        self.note.value = "" if running and not self._main.busy() else _note(running)

    def _summary(self) -> str:
        return f"<p><b>Controls</b> · {html.escape(self._account)}</p>{self.state.value}"

    def __repr__(self) -> str:
        return f"<Panel of {self.desk!r}>"


class _MainThread:
    """Whether the kernel's main thread answers; outside a kernel nobody waits for it."""

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._asked: float | None = None

    def busy(self) -> bool:
        """Whether it has been silent for ``BUSY_AFTER`` seconds; asks it for the next time."""
        if self._loop is None or self._loop.is_closed():
            return False
        now, asked = time.monotonic(), self._asked
        if asked is None:
            asked = self._asked = now
            self._loop.call_soon_threadsafe(self._answer)
        return now - asked > BUSY_AFTER

    def _answer(self) -> None:
        self._asked = None


def _state(standing: Standing, working: int, *, live: bool, now: datetime) -> str:
    active = standing.state is ControlState.ACTIVE
    tone, icon = ("tkt-ok", "●") if active else ("tkt-bad", "■")
    words = [f"<span class='{tone}'>{icon} {html.escape(standing.told)}</span>"]
    words.append(f"{working} working" if working != 1 else "1 working order")
    if live:
        words.append(_arming(standing, now))
    if standing.swept is not None:
        words.append(_swept(standing.swept))
    return " · ".join(words)


def _arming(standing: Standing, now: datetime) -> str:
    token = standing.token
    if token is None:
        return "not armed: nothing goes to the live account"
    if token.until <= now:
        return f"<span class='tkt-bad'>arming ended at {token.until:%H:%M:%S} UTC</span>"
    amount = f"{Decimal(token.max_notional):,.2f}"
    return (
        f"<span class='tkt-bad'>ARMED until {token.until:%H:%M:%S} UTC, up to {amount}, "
        f"by {html.escape(token.by)}</span>"
    )


def _swept(swept: Swept) -> str:
    if not swept.leftovers:
        return f"the kill cancelled {swept.orders} of {swept.orders} orders"
    left = "; ".join(f"{name}: {why}" for name, why in swept.leftovers.items())
    told = f"the kill left {len(swept.leftovers)} of {swept.orders}: {html.escape(left)}"
    return f"<span class='tkt-bad'>{told}</span>"


def _note(running: bool) -> str:
    if not running:
        return "<span class='tkt-bad'>The desk is closed. `toolkit kill` works without it.</span>"
    return (
        "<span class='tkt-bad'>The kernel is busy: the kill switch is heard, the other buttons wait for it. "
        "In a terminal toolkit halt, reduce-only and resume work at once.</span>"
    )


def _row(*parts: Any) -> HBox:
    row = HBox(parts)
    row.add_class("tkt-row")
    return row


def _button(word: str, tooltip: str) -> Button:
    return Button(description=word, tooltip=tooltip)
