"""Small builders with good defaults: intents, facts about their orders, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from toolkit.orders import events as facts
from toolkit.orders.events import AnyEvent
from toolkit.orders.intent import OrderIntent, parse
from toolkit.orders.ledger import fold
from toolkit.orders.state import OrderState, OrderStatus

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
"""09:30 in New York on a Monday; every time in a test is this plus some seconds."""

INTENT_ID = "momentum-1"
ORDER_ID = 7
CLIENT_ID = 1
PERM_ID = 900_001


def at(seconds: float) -> datetime:
    """The fixed clock: ``seconds`` after the open, UTC."""
    return OPEN + timedelta(seconds=seconds)


def raw_intent(**changes: Any) -> dict[str, Any]:
    """A buy of 100 SPY at a limit of 450.25 as a JSON object; a change to None drops the field."""
    raw = {
        "intent_id": INTENT_ID,
        "symbol": "SPY",
        "direction": "BUY",
        "quantity": 100,
        "order_type": "LIMIT",
        "limit_price": 450.25,
        **changes,
    }
    return {name: value for name, value in raw.items() if value is not None}


def market_intent(**changes: Any) -> dict[str, Any]:
    """As ``raw_intent``, but a market order."""
    return raw_intent(**{"order_type": "MARKET", "limit_price": None, **changes})


def intent(**changes: Any) -> OrderIntent:
    """A parsed ``raw_intent``, created at the open."""
    return parse(raw_intent(**changes), now=OPEN)


def received(intent_id: str = INTENT_ID, **changes: Any) -> facts.Received:
    raw = raw_intent(intent_id=intent_id, **changes)
    return facts.Received(
        intent_id=intent_id, at=at(0), raw=raw, intent=parse(raw, now=OPEN), source="python"
    )


def denied(
    *decisions: facts.Decision, code: str = "MAX_ORDER_QUANTITY", intent_id: str = INTENT_ID
) -> facts.Denied:
    return facts.Denied(
        intent_id=intent_id, at=at(0.001), code=code, reason="Too many shares.", decisions=decisions
    )


def accepted(
    bid: str | None = "450.24",
    ask: str | None = "450.26",
    intent_id: str = INTENT_ID,
    con_id: int = 0,
) -> facts.Accepted:
    return facts.Accepted(
        intent_id=intent_id,
        at=at(0.001),
        limits_hash="limits",
        con_id=con_id,
        bid=None if bid is None else Decimal(bid),
        ask=None if ask is None else Decimal(ask),
    )


def reserved(order_id: int = ORDER_ID, intent_id: str = INTENT_ID) -> facts.Reserved:
    return facts.Reserved(intent_id=intent_id, at=at(0.002), order_id=order_id, client_id=CLIENT_ID)


def sent(intent_id: str = INTENT_ID) -> facts.Sent:
    return facts.Sent(intent_id=intent_id, at=at(0.004), journaled_at=at(0.003))


def placed(intent_id: str = INTENT_ID, order_id: int = ORDER_ID, **changes: Any) -> list[AnyEvent]:
    """What we did, up to handing the order to the socket."""
    return [
        received(intent_id, **changes),
        accepted(intent_id=intent_id),
        reserved(order_id, intent_id),
        sent(intent_id),
    ]


def status(
    word: str, filled: object = 0, seconds: float = 0.05, intent_id: str = INTENT_ID, **more: Any
) -> facts.StatusReported:
    return facts.StatusReported(
        intent_id=intent_id, at=at(seconds), word=word, filled=Decimal(str(filled)), perm_id=PERM_ID, **more
    )


def executed(
    shares: object = 100,
    price: object = "450.25",
    exec_id: str = "0001.01.01",
    seconds: float = 0.1,
    intent_id: str = INTENT_ID,
    side: str = "BOT",
    **more: Any,
) -> facts.Executed:
    return facts.Executed(
        intent_id=intent_id,
        at=at(seconds),
        exec_id=exec_id,
        shares=Decimal(str(shares)),
        price=Decimal(str(price)),
        side=side,
        time=at(seconds),
        perm_id=PERM_ID,
        exchange="ARCA",
        **more,
    )


def charged(
    commission: object = "1.00",
    exec_id: str = "0001.01.01",
    seconds: float = 0.2,
    intent_id: str = INTENT_ID,
) -> facts.CommissionCharged:
    return facts.CommissionCharged(
        intent_id=intent_id,
        at=at(seconds),
        exec_id=exec_id,
        commission=None if commission is None else Decimal(str(commission)),
        currency="USD",
    )


def cancel_requested(seconds: float = 0.3, intent_id: str = INTENT_ID) -> facts.CancelRequested:
    return facts.CancelRequested(intent_id=intent_id, at=at(seconds), by="test")


def cancelled(seconds: float = 0.4, intent_id: str = INTENT_ID) -> facts.BrokerCancelled:
    return facts.BrokerCancelled(intent_id=intent_id, at=at(seconds), code=202, text="Order cancelled.")


def cancel_refused(seconds: float = 0.4, intent_id: str = INTENT_ID) -> facts.CancelRefused:
    return facts.CancelRefused(intent_id=intent_id, at=at(seconds), code=161, text="Not cancellable.")


def replace_requested(
    quantity: object = 200, limit_price: object = "450.25", seconds: float = 0.3, by: str = "change-1"
) -> facts.ReplaceRequested:
    return facts.ReplaceRequested(
        intent_id=INTENT_ID,
        at=at(seconds),
        by=by,
        quantity=Decimal(str(quantity)),
        limit_price=Decimal(str(limit_price)),
    )


def replaced(quantity: object = 200, limit_price: object = "450.25", seconds: float = 0.4) -> facts.Replaced:
    return facts.Replaced(
        intent_id=INTENT_ID,
        at=at(seconds),
        quantity=Decimal(str(quantity)),
        limit_price=Decimal(str(limit_price)),
    )


def replace_refused(seconds: float = 0.4) -> facts.ReplaceRefused:
    return facts.ReplaceRefused(intent_id=INTENT_ID, at=at(seconds), code=110, text="Bad price.")


def rejected(seconds: float = 0.1, intent_id: str = INTENT_ID) -> facts.BrokerRejected:
    return facts.BrokerRejected(intent_id=intent_id, at=at(seconds), code=201, text="Margin too low.")


def noticed(code: int = 404, text: str = "Shares are being located.") -> facts.Noticed:
    return facts.Noticed(intent_id=INTENT_ID, at=at(0.1), code=code, text=text)


def lost(seconds: float = 1, intent_id: str = INTENT_ID) -> facts.Lost:
    return facts.Lost(intent_id=intent_id, at=at(seconds), reason="The gateway went away.")


def state_of(*events: AnyEvent) -> OrderState:
    """The order that these facts of one intent add up to, its reports counted."""
    state: OrderState | None = None
    for event in events:
        state, _ = fold(state, event)
    assert state is not None, "an order needs at least one fact"
    return state


def order(*events: AnyEvent, **changes: Any) -> OrderState:
    """A placed order (``changes`` alter its intent) after more facts."""
    return state_of(*placed(**changes), *events)


def assert_filled(state: OrderState, shares: object, price: object) -> None:
    """The whole order traded at this average price."""
    assert state.status is OrderStatus.FILLED
    assert (state.filled_quantity, state.remaining_quantity) == (Decimal(str(shares)), 0)
    assert state.avg_fill_price == Decimal(str(price))


class MemoryJournal:
    """A journal that remembers in a list; ``full`` makes it refuse, as a full disk would."""

    def __init__(self, *events: AnyEvent) -> None:
        self.facts = list(events)
        self.reports: list[dict[str, Any]] = []
        self.full: Exception | None = None

    def append(self, event: AnyEvent, report: dict[str, Any] | None) -> int:
        if self.full is not None:
            raise self.full
        self.facts.append(event)
        if report is not None:
            self.reports.append(report)
        return len(self.facts)

    def events(self) -> Iterator[AnyEvent]:
        return iter(tuple(self.facts))
