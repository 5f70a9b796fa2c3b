"""The auditor applied to one journal and, where there is one, the paper gateway's own record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.journal.audit import audit
from toolkit.journal.evidence import Breach, BrokerExecution, BrokerOrder
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderState

if TYPE_CHECKING:
    from toolkit.gateway.ledger import Ledger


def reconcile(
    journal: Path,
    truth: Ledger | None = None,
    *,
    live: Mapping[str, OrderState] | None = None,
    reports: Iterable[Mapping[str, Any]] | None = None,
) -> list[Breach]:
    """
    Every contradiction between journal, reports, live states and the gateway: share for share, cent for cent.

    Args:
        journal: the file; it may be in use.
        truth: ``PaperGateway.ledger``; None where the broker's own record cannot be asked.
        live: the states that the journal's owner held, by intent id; None leaves that comparison out.
        reports: as consumers of the topic saw them; None for the journal's own.

    Raises:
        JournalError: the journal cannot be read.
    """
    with JournalReader(journal) as reader:
        return audit(
            reader.events(),
            reader.reports() if reports is None else reports,
            None if truth is None else _orders(truth),
            None if truth is None else _executions(truth),
            controls=reader.controls(),
            live=live,
        )


def _orders(truth: Ledger) -> list[BrokerOrder]:
    return [
        BrokerOrder(
            order.order_ref, order.client_id, order.order_id, 0, order.symbol, order.action, order.quantity
        )
        for received in truth.orders.values()
        for order in received
    ]


def _executions(truth: Ledger) -> list[BrokerExecution]:
    return [
        BrokerExecution(
            fill.exec_id, fill.order_ref, fill.symbol, fill.side, fill.shares, fill.price, fill.commission
        )
        for fill in tuple(truth.fills.values())
    ]
