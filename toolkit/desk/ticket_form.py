"""The parts of an order ticket, how they are arranged, and what can be read from them."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any, Final

from ipywidgets import HTML, Button, Checkbox, Dropdown, HBox, Text, ToggleButtons

from toolkit.desk.record import Recorded
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, ORDER_TYPES, SEC_TYPES, TIFS

DERIVATIVES: Final = {"FUT": ("expiry",), "OPT": ("expiry", "strike", "right")}
"""Security type -> what else names a contract of it."""


class TicketForm(Recorded):
    """
    An order ticket that does nothing yet.

    Args:
        alive: whether the engine behind it runs.
        account: where the order goes.
        live: whether that is real money.

    Attributes:
        symbol, sec_type, currency, exchange, expiry, strike, right: which contract.
        contract, quote: what the gateway says about it.
        side, quantity, kind, limit, stop, tif, outside, strategy: the order.
        touches, steps: buttons that fill in the limit, by word and by direction.
        preview_button, send_button: what is pressed; ``page`` and ``outcome`` show what it led to.
        confirm, last_four, confirm_button: the second step on a live account.
    """

    def __init__(self, alive: Callable[[], bool], account: str, *, live: bool) -> None:
        self._account, self._live = account, live
        self.symbol = _text("Symbol", "SPY")
        self.sec_type = _choice("Type", SEC_TYPES)
        self.currency = _text("Currency", "", value="USD")
        self.exchange = _text("Exchange", "", value="SMART")
        self.expiry = _text("Expiry", "YYYYMM or YYYYMMDD")
        self.strike = _text("Strike", "")
        self.right = _choice("Right", ("C", "P"))
        self.contract = HTML('<span class="tkt-dim">Give a symbol.</span>')
        self.quote = HTML()
        self.side = ToggleButtons(options=["BUY", "SELL"], tooltips=["Buy", "Sell"])
        self.side.style.button_width = "70px"
        self.side.layout.width = "max-content"
        self.quantity = _text("Quantity", "100")
        self.kind = Dropdown(
            options=[(word.replace("_", " ").capitalize(), word) for word in ORDER_TYPES],
            description="Order type",
        )
        self.limit, self.stop = _text("Limit", ""), _text("Stop", "")
        self.touches = {word: _button(word, f"Limit at the {word.lower()}") for word in ("Bid", "Mid", "Ask")}
        self.steps = {
            -1: _button("-", "Limit one increment lower"),
            1: _button("+", "Limit one increment higher"),
        }
        self.tif = _choice("TIF", TIFS)
        self.outside = Checkbox(description="Also outside regular hours", indent=False)
        self.strategy = _text("Strategy", "")
        self.preview_button = Button(description="Preview", tooltip="Judge the order; nothing is sent")
        self.send_button = Button(description="Send", tooltip="Preview first", disabled=True)
        self.send_button.add_class("tkt-send")
        self.page = HTML()
        self.outcome = HTML()
        self.last_four = _text("Last four", f"of {account}")
        self.confirm_button = Button(description="Send with real money", disabled=True)
        self.confirm = _row(
            HTML(
                f'<span class="tkt-bad">LIVE account {html.escape(self._account)}: type its last four '
                "characters to send with real money.</span>"
            ),
            self.last_four,
            self.confirm_button,
        )
        self.confirm.layout.display = "none"
        mode, tone = ("LIVE", "tkt-bad") if live else ("PAPER", "tkt-ok")
        title = f"<b>Order ticket</b> · {html.escape(account)} <span class='{tone}'>{mode}</span>"
        rows = [
            HTML(title),
            _row(self.symbol, self.sec_type, self.currency, self.exchange),
            _row(self.expiry, self.strike, self.right),
            self.contract,
            self.quote,
            _row(self.side, self.quantity, self.kind),
            _row(self.limit, self.steps[-1], self.steps[1], *self.touches.values(), self.stop),
            _row(self.tif, self.strategy, self.outside),
            _row(self.preview_button, self.send_button),
            self.page,
            self.confirm,
            self.outcome,
        ]
        super().__init__(alive, rows)
        self.add_class("tkt-buying")
        if live:
            self.add_class("tkt-live")
        self.side.observe(lambda _: self._on_side(), names="value")
        self.kind.observe(lambda _: self._on_kind(), names="value")
        self.sec_type.observe(lambda _: self._on_sec_type(), names="value")
        self._on_kind()
        self._on_sec_type()

    @property
    def contract_fields(self) -> dict[str, Any]:
        """Name of an intent's field -> the part that it is written in, of those that name the contract."""
        fields = {name: getattr(self, name) for name in ("symbol", "sec_type", "currency", "exchange")}
        return fields | {name: getattr(self, name) for name in DERIVATIVES.get(self.sec_type.value, ())}

    @property
    def form(self) -> dict[str, Any]:
        """Everything as it is filled in, by the names of an intent's fields."""
        fields = {
            **self.contract_fields,
            "direction": self.side,
            "quantity": self.quantity,
            "order_type": self.kind,
            "limit_price": self.limit,
            "stop_price": self.stop,
            "tif": self.tif,
            "outside_rth": self.outside,
            "strategy_id": self.strategy,
        }
        return {name: field.value for name, field in fields.items()}

    def _on_side(self) -> None:
        buying = self.side.value == "BUY"
        self.add_class("tkt-buying" if buying else "tkt-selling")
        self.remove_class("tkt-selling" if buying else "tkt-buying")

    def _on_kind(self) -> None:
        kind = self.kind.value
        self.stop.disabled = kind not in NEEDS_STOP
        parts: tuple[Text | Button, ...] = (self.limit, *self.steps.values(), *self.touches.values())
        for part in parts:
            part.disabled = kind not in NEEDS_LIMIT

    def _on_sec_type(self) -> None:
        needed = DERIVATIVES.get(self.sec_type.value, ())
        for name in ("expiry", "strike", "right"):
            getattr(self, name).layout.display = None if name in needed else "none"


def _row(*parts: Any) -> HBox:
    row = HBox(parts)
    row.add_class("tkt-row")
    return row


def _text(name: str, placeholder: str, value: str = "") -> Text:
    text = Text(value=value, description=name, placeholder=placeholder, continuous_update=False)
    text.layout.width = "220px"
    return text


def _choice(name: str, options: tuple[str, ...]) -> Dropdown:
    choice = Dropdown(options=options, description=name)
    choice.layout.width = "200px"
    return choice


def _button(word: str, tooltip: str) -> Button:
    button = Button(description=word, tooltip=tooltip)
    button.layout.width = "52px" if len(word) > 1 else "36px"
    return button
