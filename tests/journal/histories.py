"""Facts for tests: one fill's worth by hand, and any history at all for property tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from toolkit.orders import events
from toolkit.orders.events import AnyEvent
from toolkit.orders.intent import OrderIntent, parse
from toolkit.orders.ledger import fold

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def raw_intent(intent_id: str = "a-1", **changes: Any) -> dict[str, Any]:
    """A buy of 100 SPY at 450.25 as a strategy would send it."""
    return {
        "intent_id": intent_id,
        "symbol": "SPY",
        "direction": "BUY",
        "quantity": 100,
        "order_type": "LIMIT",
        "limit_price": 450.25,
    } | changes


def order_history(intent_id: str = "a-1", *, order_id: int = 1, client_id: int = 7) -> list[AnyEvent]:
    """An order from its intent to the fill of all of it, with a commission of 1 USD."""
    raw = raw_intent(intent_id)
    times = iter(NOON + timedelta(milliseconds=n) for n in range(100))
    return [
        events.Received(intent_id=intent_id, at=next(times), raw=raw, intent=parse(raw, now=NOON)),
        events.Accepted(intent_id=intent_id, at=next(times), limits_hash="0f"),
        events.Reserved(
            intent_id=intent_id, at=next(times), order_id=order_id, client_id=client_id, account="DU1"
        ),
        events.Sent(intent_id=intent_id, at=next(times), journaled_at=NOON),
        events.StatusReported(
            intent_id=intent_id, at=next(times), word="Submitted", perm_id=9_000 + order_id
        ),
        executed(intent_id, f"0001.{order_id:04x}.01", at=next(times)),
        events.CommissionCharged(
            intent_id=intent_id,
            at=next(times),
            exec_id=f"0001.{order_id:04x}.01",
            commission=Decimal(1),
            currency="USD",
        ),
    ]


def executed(
    intent_id: str, exec_id: str, *, shares: int = 100, price: str = "450.25", at: datetime = NOON
) -> events.Executed:
    """One buy execution."""
    return events.Executed(
        intent_id=intent_id,
        at=at,
        exec_id=exec_id,
        shares=Decimal(shares),
        price=Decimal(price),
        side="BOT",
        time=at,
    )


def notices(count: int, intent_id: str = "a-1") -> list[AnyEvent]:
    """Facts that say nothing, told apart by their codes 0, 1, ..."""
    return [events.Noticed(intent_id=intent_id, at=NOON, code=code, text="said") for code in range(count)]


def with_reports(history: list[AnyEvent]) -> list[tuple[AnyEvent, dict[str, Any] | None]]:
    """Each fact with the report that it gives rise to."""
    states: dict[str, Any] = {}
    pairs = []
    for event in history:
        states[event.intent_id], report = fold(states.get(event.intent_id), event)
        pairs.append((event, None if report is None else report.for_bus()))
    return pairs


# --- any history ---------------------------------------------------------------------------------

IDS = st.sampled_from(["a-1", "a-2", "b.3"])
TIMES = st.integers(0, 10**15).map(lambda n: NOON + timedelta(microseconds=n - 5 * 10**14))
NUMBERS = st.decimals("0", "1000000", places=4)
POSITIVE = st.decimals("0.0001", "1000000", places=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RAW = st.dictionaries(TEXTS.filter(lambda name: name not in OrderIntent.__struct_fields__), JSON, max_size=4)
"""What an intent may carry beyond the fields that we know."""
WORDS = st.sampled_from(
    [
        "ApiPending",
        "PendingSubmit",
        "PreSubmitted",
        "Submitted",
        "PendingCancel",
        "Filled",
        "Cancelled",
        "Inactive",
    ]
)
EXECUTIONS = st.sampled_from(["0001.0a.01", "0001.0a.02", "0001.0b.01", "odd"])


@st.composite
def _received(draw: st.DrawFn) -> events.Received:
    intent_id = draw(IDS)
    extra = draw(RAW)
    raw = extra | raw_intent(
        intent_id, quantity=draw(st.integers(1, 10_000)), limit_price=float(draw(POSITIVE))
    )
    intent = parse(raw, now=draw(TIMES)) if draw(st.booleans()) else None
    return events.Received(intent_id=intent_id, at=draw(TIMES), raw=raw, intent=intent, source=draw(TEXTS))


def _any(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[AnyEvent]:
    return st.builds(kind, intent_id=IDS, at=TIMES, **fields)


DECISIONS = st.builds(
    events.Decision,
    code=TEXTS,
    passed=st.booleans(),
    message=TEXTS,
    observed=st.none() | NUMBERS,
    limit=st.none() | NUMBERS,
)
CODES = st.integers(0, 20_000)
FACTS: st.SearchStrategy[AnyEvent] = st.one_of(
    _received(),
    _any(events.Denied, code=TEXTS, reason=TEXTS, decisions=st.lists(DECISIONS, max_size=2).map(tuple)),
    _any(events.Accepted, limits_hash=TEXTS, bid=st.none() | POSITIVE, ask=st.none() | POSITIVE),
    _any(events.Sent, journaled_at=TIMES),
    _any(events.CancelRequested, by=TEXTS),
    _any(events.Repeated, raw=RAW, source=TEXTS),
    _any(events.Lost, reason=TEXTS),
    _any(
        events.Resolved,
        outcome=st.sampled_from(["not-placed", "cancelled", "filled"]),
        by=TEXTS,
        reason=TEXTS,
    ),
    _any(events.StatusReported, word=WORDS, perm_id=st.integers(0, 2**31), filled=NUMBERS, why_held=TEXTS),
    _any(
        events.Executed,
        exec_id=EXECUTIONS,
        shares=POSITIVE,
        price=POSITIVE,
        side=st.sampled_from(["BOT", "SLD"]),
        exchange=TEXTS,
        time=st.none() | TIMES,
        recovered=st.booleans(),
    ),
    _any(
        events.CommissionCharged,
        exec_id=EXECUTIONS,
        commission=st.none() | NUMBERS,
        currency=TEXTS,
        realized_pnl=st.none() | st.decimals("-1000", "1000", places=2),
    ),
    _any(events.BrokerRejected, code=CODES, text=TEXTS),
    _any(events.BrokerCancelled, code=CODES, text=TEXTS),
    _any(events.CancelRefused, code=CODES, text=TEXTS),
    _any(
        events.ReplaceRequested,
        by=IDS,
        quantity=POSITIVE,
        limit_price=st.none() | POSITIVE,
        stop_price=st.none() | POSITIVE,
    ),
    _any(
        events.Replaced,
        quantity=POSITIVE,
        limit_price=st.none() | POSITIVE,
        stop_price=st.none() | POSITIVE,
    ),
    _any(events.ReplaceRefused, code=CODES, text=TEXTS),
    _any(events.Mismatched, text=TEXTS, quantity=POSITIVE),
    _any(events.Overdue, action=st.sampled_from(["cancel", "replace", "inactive"]), text=TEXTS),
    _any(events.Noticed, code=CODES, text=TEXTS, why_held=st.sampled_from(["", "locate"])),
)
"""Every kind of fact but reservations, which the journal takes once per intent (see ``HISTORIES``)."""


@st.composite
def _histories(draw: st.DrawFn) -> list[AnyEvent]:
    history = draw(st.lists(FACTS, max_size=25))
    for number, intent_id in enumerate(draw(st.lists(IDS, unique=True)), 1):
        reserved = events.Reserved(intent_id=intent_id, at=NOON, order_id=number, client_id=draw(CODES))
        history.insert(draw(st.integers(0, len(history))), reserved)
    return history


HISTORIES = _histories()
"""Facts about up to three intents in any order, with at most one reservation per intent."""
