"""What a preview has to ask before it can judge: contract, quote, permission and margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.desk.preview import Known, check_increments
from toolkit.errors import NotConnectedError
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.intent import OrderIntent
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Book
from toolkit.risk.margin import Margin

if TYPE_CHECKING:
    from toolkit.app.engine import Engine


async def enquire(engine: Engine, raw: dict[str, Any], intent: OrderIntent) -> tuple[Known, Book]:
    """
    Ask everything that a preview shows, and copy what the engine knows, all in its loop.

    The broker is asked what margin the order would leave only when it may go: while trading is stopped
    or read-only nothing that looks like an order is written to the socket.

    Args:
        engine: whose broker and book.
        raw: the order.
        intent: what it says.

    Raises:
        IntentError: the broker knows no such contract, or several, or a price is between two increments.
        NotConnectedError: the gateway is away.
    """
    client = engine.client
    quote = await client.quote(intent)
    instrument = client.market.find(intent)
    assert instrument is not None  # it has just been quoted
    check_increments(intent, instrument.min_tick)
    refusal = _refusal(engine, raw, intent, instrument, quote)
    margin: Margin | None = None
    if refusal is None:
        try:
            margin = await client.what_if(intent)
        except NotConnectedError:
            margin = Margin()  # not known, which a limit on margin denies (hazard H40)
    book = client.market.copy()
    if margin is not None:
        book.margins[intent.intent_id] = margin
    known = Known(
        instrument,
        client.market.quote(instrument.con_id),
        refusal,
        margin,
        book.currency,
        book.rate(instrument.currency),
    )
    return known, book


def _refusal(
    engine: Engine, raw: dict[str, Any], intent: OrderIntent, instrument: Instrument, quote: Quote
) -> tuple[str, str] | None:
    """Why the order may not go, whatever the limits say: code and sentence."""
    client = engine.client
    state = OrderState(
        intent_id=intent.intent_id,
        raw=raw,
        intent=intent,
        con_id=instrument.con_id,
        multiplier=instrument.multiplier,
        bid=quote.bid,
        ask=quote.ask,
        accepted_at=intent.created_at,  # so that the armed amount is asked about, too
    )
    refusal = client.controls.permission.refusal(state, instrument)
    if refusal is not None:
        return refusal.code, refusal.reason
    locked = client.market.locked(instrument.con_id)
    return ("SYMBOL_LOCKED", locked) if locked else None
