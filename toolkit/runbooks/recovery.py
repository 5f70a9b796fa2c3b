"""What an operator does after a disaster about orders whose end nobody can tell."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.resolution import resolution
from toolkit.orders.state import OrderStatus


def settle_absent(journal: Path, at_the_broker: Collection[str], *, by: str) -> tuple[list[str], list[str]]:
    """
    Settle as not placed, like ``toolkit resolve``, the Unknown orders that the broker's own record lacks.

    Args:
        journal: the file; its service must have ended.
        at_the_broker: intent ids that the record does hold.
        by: who says so, for the journal.

    Returns:
        The intents settled, and those that stay Unknown although the broker has them.

    Raises:
        JournalError: the journal cannot be opened, or its service runs.
    """
    with SqliteJournal(journal) as opened:
        ledger = OrderLedger(opened)
        unknown = [state for state in ledger if state.status is OrderStatus.UNKNOWN]
        absent = [state for state in unknown if state.intent_id not in at_the_broker]
        reason = "The broker's own record has no such order."
        for state in absent:
            for event in resolution(state, "not-placed", by=by, reason=reason, now=datetime.now(UTC)):
                ledger.record(event)
        opened.flush()
    settled = [state.intent_id for state in absent]
    return settled, [state.intent_id for state in unknown if state.intent_id not in settled]
