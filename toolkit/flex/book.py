"""Bring the journal in line with the statement: facts through the ledger, as if the broker had told them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from toolkit.flex.compare import Difference
from toolkit.orders.events import Resolved
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState


def book(
    ledger: OrderLedger, differences: Iterable[Difference], *, by: str, source: str, now: datetime
) -> int:
    """
    Record what the differences call for.

    An order that had ended and has less filled than before stays ended: the broker does not take a busted
    fill's order up again.

    Args:
        ledger: of a journal that is ours.
        differences: of the comparison with this ledger.
        by: who has it done.
        source: the statement's name, for the reason.
        now: UTC.

    Returns:
        How many facts were recorded.
    """
    count = 0
    touched: dict[str, OrderState | None] = {}
    for difference in differences:
        for fact in difference.facts:
            touched.setdefault(fact.intent_id, ledger.get(fact.intent_id))
            ledger.record(fact)
            count += 1
    for intent_id, before in touched.items():
        after = ledger.get(intent_id)
        if before is not None and after is not None and before.final and not after.final:
            reason = f"The Flex statement {source} takes fills back that it had."
            ledger.record(Resolved(intent_id=intent_id, at=now, outcome="cancelled", by=by, reason=reason))
            count += 1
    return count
