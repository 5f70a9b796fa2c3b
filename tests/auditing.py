"""The auditor at the end of a test: whatever the test was about, the books must tell one story."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState
from toolkit.runbooks.reconcile import reconcile


def assert_one_story(journal: Path, gateway: PaperGateway, live: Iterable[OrderState] | None = None) -> None:
    """
    No contradiction between a journal, its reports, the gateway's ledger, and the live states.

    Args:
        journal: the file.
        gateway: the one that all orders of this journal went to.
        live: the states that the journal's owner held.
    """
    if not journal.exists():
        return
    states = None if live is None else {state.intent_id: state for state in live}
    breaches = reconcile(journal, gateway.ledger, live=states)
    assert not breaches, "\n".join(map(str, breaches))
