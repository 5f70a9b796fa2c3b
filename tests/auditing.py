"""The auditor at the end of a test: whatever the test was about, the books must tell one story."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState
from toolkit.runbooks.reconcile import reconcile

PATIENCE = 3.0
"""Seconds for messages that are on their way when a test has seen what it wanted."""


def all_heard(client: IBKRExecClient, gateway: PaperGateway) -> bool:
    """Whether a client knows what became of its orders so far, or can hear nothing more."""
    if not client.connected:
        return True
    ledger = client.ledger
    unanswered = [state for state in ledger if state.silent and not state.lost]
    unheard = [
        fill
        for fill in tuple(gateway.ledger.fills.values())
        if ledger.get(fill.order_ref) is not None and ledger.by_execution(fill.exec_id) is None
    ]
    return not unanswered and not unheard


def let_arrive(client: IBKRExecClient, gateway: PaperGateway) -> None:
    """Give messages that are on their way the time to arrive, from another thread than the client's."""
    end = time.monotonic() + PATIENCE
    while not all_heard(client, gateway) and time.monotonic() < end:
        time.sleep(0.005)


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
