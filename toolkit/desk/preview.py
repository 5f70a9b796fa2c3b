"""
What an order would be and do, worked out before it may be sent. Pure: no clock, no I/O.

A ticket is filled in as text; ``raw_intent`` makes an intent of it, ``judge`` what the limits in
force say to that, and ``as_html`` a page that a person reads before pressing send.
"""

from __future__ import annotations

import copy
import html
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, NamedTuple

import pandas as pd

from toolkit.desk.rows import STATUS
from toolkit.desk.words import number, price
from toolkit.errors import IntentError
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import Decision
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, OrderIntent
from toolkit.orders.numbers import exact, plain
from toolkit.orders.state import OrderState
from toolkit.risk.catalogue import BY_NAME
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.exposure import Book
from toolkit.risk.headroom import Room, headroom
from toolkit.risk.margin import Margin, enough_margin
from toolkit.risk.portfolio import portfolio_of, with_approved

LIFE: Final = timedelta(seconds=30)
"""How long a preview may be sent: a click that waited in a busy kernel must not meet a new market."""
NUMBERS: Final = ("quantity", "limit_price", "stop_price", "strike", "multiplier")
PRICES: Final = {"limit_price": NEEDS_LIMIT, "stop_price": NEEDS_STOP}
"""Price field -> the order types that take it"""


class Headroom(NamedTuple):
    """One limit without and with the order; figures in ``unit``, None where it cannot be measured."""

    limit: str
    where: str
    now: Decimal | None
    after: Decimal | None
    allowed: Decimal
    unit: str


class Known(NamedTuple):
    """
    What was asked before an order was judged.

    Attributes:
        instrument, quote: its contract and the market it meets.
        refusal: code and sentence of why nothing may go as things stand; None when something may.
        margin: what the broker says the order would leave; None when it was not asked.
        currency: of the account.
        rate: account currency per unit of the contract's; None while not known.
    """

    instrument: Instrument
    quote: Quote
    refusal: tuple[str, str] | None
    margin: Margin | None
    currency: str
    rate: Decimal | None


class Preview(NamedTuple):
    """
    An order that is not sent yet, and everything that was found out about it.

    Attributes:
        raw: the intent as it would be sent, under an id of its own.
        intent: what it says.
        known: what was asked.
        decisions: the verdict of every check, passed or not.
        rooms: every limit in force that orders use up.
        notional: quantity x price x multiplier, in the contract's currency; None without a price.
    """

    raw: dict[str, Any]
    intent: OrderIntent
    known: Known
    decisions: tuple[Decision, ...]
    rooms: tuple[Headroom, ...]
    notional: Decimal | None

    @property
    def may_go(self) -> bool:
        """Whether every check passed."""
        return all(decision.passed for decision in self.decisions)

    def expired(self, now: datetime) -> bool:
        """Whether it is too old to be sent."""
        return now >= self.intent.valid_until


def raw_intent(form: Mapping[str, Any], intent_id: str, now: datetime) -> dict[str, Any]:
    """
    A filled-in ticket as a raw intent that is valid for ``LIFE``.

    Args:
        form: fields of an intent as a person wrote them; what is empty is left out, and so is a price
            that the order type does not take.
        intent_id: a new one.
        now: UTC.

    Raises:
        IntentError: a number is none; names its field.
    """
    raw: dict[str, Any] = {"intent_id": intent_id}
    for name, value in form.items():
        given = value.strip() if isinstance(value, str) else value
        if given == "" or given is None or form["order_type"] not in PRICES.get(name, (form["order_type"],)):
            continue
        raw[name] = _number(name, given) if name in NUMBERS else given
    return raw | {"created_at": now.isoformat(), "valid_until": (now + LIFE).isoformat()}


def _number(name: str, value: Any) -> int | float:
    try:
        return plain(exact(value))
    except ValueError as error:
        raise IntentError(f"{name} {error}; it must be a number above 0.", field=name) from None


def check_increments(intent: OrderIntent, step: Decimal) -> None:
    """
    Refuse a price between two of the contract's steps, which the broker would reject (code 110).

    Args:
        intent: the order.
        step: the contract's smallest price step, in price units; at some prices the exchange may ask
            for a coarser one.

    Raises:
        IntentError: names the price and its two neighbours.
    """
    for name in PRICES:
        value = getattr(intent, name)
        if value is not None and value % step:
            below, above = snapped(value, step, ROUND_FLOOR), snapped(value, step, ROUND_CEILING)
            raise IntentError(
                f"{name} is {value}, which is no multiple of the {step.normalize():f} that "
                f"{intent.symbol} trades in; the nearest are {below} and {above}.",
                field=name,
                code="BAD_INCREMENT",
            )


def snapped(price: Decimal, step: Decimal, rounding: str) -> Decimal:
    """The multiple of ``step`` (price units) next to a price, with the digits of the step."""
    return ((price / step).to_integral_value(rounding) * step).quantize(step)


def judge(
    raw: dict[str, Any], intent: OrderIntent, known: Known, checker: SimpleRiskChecker, book: Book
) -> Preview:
    """
    What the limits say to an order, and what is left of them with it.

    Args:
        raw: the order.
        intent: what it says.
        known: what was asked before.
        checker: whose limits hold; its own book stays as it is.
        book: what is held, open and quoted.
    """
    checker = copy.copy(checker)  # the engine's own stays bound to the live book
    checker.bind(book)
    code, why = known.refusal or ("PERMISSION", "")
    decisions = [Decision(code=code, passed=known.refusal is None, message=why), *checker.decisions(raw)]
    if known.margin is not None and known.margin.refusal and all(one.code != "MARGIN" for one in decisions):
        refused = enough_margin(known.margin, Decimal(0))  # no limit asks, but the broker has told
        decisions += [refused] if refused is not None else []
    # A subclass may refuse by ``validate`` what no check of its own explains.
    decisions += [one for one in checker.verdict(raw) if one not in decisions]
    before = portfolio_of(book)
    after = with_approved(before, pd.DataFrame([{**raw, "approved": True}]), book)
    used = {room[:2]: room.used for room in headroom(before, checker, book)}
    return Preview(
        raw,
        intent,
        known,
        tuple(decisions),
        tuple(
            _headroom(used.get(room[:2], used.get((room.limit, ""))), room, known.currency)
            for room in headroom(after, checker, book)
        ),
        notional(intent, known.instrument, known.quote),
    )


def notional(intent: OrderIntent, instrument: Instrument, quote: Quote) -> Decimal | None:
    """Quantity x price x multiplier at the order's own price, else at the side of the quote it meets."""
    touch = quote.ask if intent.sign > 0 else quote.bid
    price = intent.limit_price or intent.stop_price or touch
    return None if price is None else intent.quantity * price * instrument.multiplier


def sentence(intent: OrderIntent) -> str:
    """The order in one line, as a trader says it."""
    words = [intent.direction, f"{intent.quantity.normalize():,f}", intent.symbol]
    words.append(intent.order_type.replace("_", " "))
    words += [f"stop {intent.stop_price}"] if intent.stop_price is not None else []
    words += [f"limit {intent.limit_price}"] if intent.limit_price is not None else []
    words.append(intent.tif)
    return " ".join(words) + (", also outside regular hours" if intent.outside_rth else "")


# --- as a page


def as_html(preview: Preview) -> str:
    """Everything about it, for a person."""
    failed = sum(not decision.passed for decision in preview.decisions)
    count = len(preview.decisions)
    verdict = (
        f"<span class='tkt-ok'>✓ may go: {count} of {count} checks passed</span>"
        if preview.may_go
        else f"<span class='tkt-bad'>✕ would be denied: {failed} of {count} checks failed</span>"
    )
    return (
        f"<div class='tkt-preview'><p><b>{html.escape(sentence(preview.intent))}</b> · {verdict}</p>"
        f"<div class='tkt-tables'>{table('What it means', (), _facts(preview))}"
        f"{table('Risk checks', ('', 'Denies as', 'Observed', 'Limit', 'Unit', 'Why'), _checks(preview))}"
        f"{table('Headroom', ('Limit', 'Now', 'With it', 'Allowed', 'Unit'), _rooms(preview))}</div></div>"
    )


def described(found: Instrument) -> str:
    """Which contract was found."""
    words = [
        found.local_symbol or found.symbol,
        found.sec_type,
        found.primary_exchange or found.exchange,
        found.currency,
        f"contract {found.con_id}",
        f"increment {found.min_tick.normalize():f}",
    ]
    words += [f"multiplier {found.multiplier.normalize():f}"] if found.multiplier != 1 else []
    return f'<span class="tkt-ok">✓</span> {html.escape(" · ".join(words))}'


def quoted(quote: Quote, step: Decimal, now: datetime) -> str:
    """Both sides, with the digits of the contract's increment, and how old they are."""
    if quote.bid is None and quote.ask is None:
        return '<span class="tkt-bad">No quote.</span>'
    age = "" if quote.at is None else f"{max(0, int((now - quote.at).total_seconds()))} s old"
    bid, ask = ("none" if side is None else f"{side.quantize(step):,f}" for side in (quote.bid, quote.ask))
    words = f"Bid {bid} by {number(quote.bid_size)} · Ask {ask} by {number(quote.ask_size)}"
    late = ' · <span class="tkt-bad">delayed</span>' if quote.delayed else ""
    return f'{html.escape(words)} <span class="tkt-dim">· {age}</span>{late}'


def outcome(state: OrderState) -> str:
    """What became of an order that was sent."""
    icon, word, tone = STATUS[state.status]
    icon, word = ("⊘", "Denied") if state.denied is not None else (icon, word)
    filled = f" · filled {number(state.filled_quantity)}" if state.filled_quantity else ""
    filled += f" at {price(state.avg_fill_price)}" if state.filled_quantity else ""
    reason = f" · {state.reason_code} {state.reason}".rstrip() if state.reason else ""
    colour = {"bad": "tkt-bad", "alarm": "tkt-bad", "done": "tkt-ok", "live": "tkt-ok"}.get(tone, "tkt-dim")
    what = "" if state.intent is None else sentence(state.intent)
    words = f"{what}{filled}{reason} · intent {state.intent_id}"
    status = f'<span class="{colour}">{icon} {word}</span>'
    return f'<div role="status">Last sent: {status} {html.escape(words)}</div>'


def _facts(preview: Preview) -> list[tuple[str, ...]]:
    known, margin = preview.known, preview.known.margin
    currency = known.instrument.currency
    facts = [("Notional", money(preview.notional, currency))]
    if preview.notional is not None and known.currency != currency and known.rate is not None:
        facts.append(("in account currency", money(preview.notional * known.rate, known.currency)))
    if margin is None:
        return [*facts, ("Margin", "not asked: the order may not go")]
    if margin.refusal:
        return [*facts, ("Margin", f"the broker would refuse it: {margin.refusal}")]
    charged = margin.commission_currency or known.currency
    return [
        *facts,
        ("Commission, estimated", money(margin.commission, charged)),
        ("Equity with loan after", money(margin.equity, known.currency)),
        ("Initial margin after", money(margin.initial, known.currency)),
        ("Maintenance margin after", money(margin.maintenance, known.currency)),
        ("Excess liquidity after", money(margin.excess, known.currency)),
    ]


def _checks(preview: Preview) -> list[tuple[str, ...]]:
    ordered = sorted(preview.decisions, key=lambda decision: decision.passed)
    return [
        (
            "✓" if one.passed else "✕",
            one.code,
            figure(one.observed),
            figure(one.limit),
            one.unit,
            one.message,
        )
        for one in ordered
    ]


def _rooms(preview: Preview) -> list[tuple[str, ...]]:
    return [
        (
            f"{room.limit} {room.where}".strip(),
            figure(room.now),
            figure(room.after),
            figure(room.allowed),
            room.unit,
        )
        for room in preview.rooms
    ]


def table(title: str, headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """Cells of text under headings, none for a table without; what begins with a digit is a number."""
    head = "".join(f"<th scope='col'>{html.escape(one)}</th>" for one in headings)
    body = "".join(
        f"<tr class='{'tkt-bad' if row[0] == '✕' else ''}'>"
        + "".join(f"<td class='{_alignment(cell)}'>{html.escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f"<table class='tkt-table'><caption>{title}</caption>{head}<tbody>{body}</tbody></table>"


def _alignment(cell: str) -> str:
    return "tkt-number" if cell[:1].isdigit() or cell[:2].lstrip("-").isdigit() else ""


def money(value: Decimal | None, currency: str) -> str:
    """Two decimals and the currency; what is not known says so."""
    return "not known" if value is None else f"{value:,.2f} {currency}".rstrip()


def figure(value: Decimal | None) -> str:
    """With thousands separators, and two decimals unless it is whole; "" for none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,.2f}"


def _headroom(now: Decimal | None, room: Room, currency: str) -> Headroom:
    unit = BY_NAME[room.limit].unit
    unit = currency if unit == "account currency" and currency else unit
    return Headroom(room.limit, room.where, now, room.used, room.allowed, unit)
