"""The demo's table: what came in, what became of it, what it cost, and whether it all adds up."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from toolkit.demo.session import Session
from toolkit.orders.state import OrderStatus
from toolkit.reports.frames import orders_frame
from toolkit.runbooks import RunResult


def summary(session: Session, problems: Sequence[str], runs: Iterable[RunResult]) -> Table:
    """
    Two columns: what, and how much, with units.

    Args:
        session: the day.
        problems: what the audit found.
        runs: the runbooks that were run.
    """
    table = Table(title="A paper-trading day", title_justify="left", show_header=False, pad_edge=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    for section in _sections(session):
        for name, value in section:
            table.add_row(name, value)
        table.add_section()
    table.add_row("audit against the gateway", _verdict(not problems, f"{len(problems)} problems"))
    for run in runs:
        table.add_row(f"runbook {run.notebook.stem}", _verdict(run.exit_code == 0, run.outcome))
    return table


def _verdict(passed: bool, otherwise: str) -> Text:
    return Text("passed", style="green") if passed else Text(otherwise, style="bold red")


def _sections(session: Session) -> Iterator[list[tuple[str, str]]]:
    orders = [
        state for state in session.orders.values() if state.intent is None or state.intent.action == "NEW"
    ]
    cancels = len(session.orders) - len(orders)
    sent = [state for state in orders if state.sent_at is not None]
    status = Counter(state.status for state in sent)
    day = session.day
    yield [
        ("messages on the bus", f"{len(day.messages):,}"),
        ("  order intents", f"{len(orders):,}"),
        ("  cancel intents", f"{cancels:,}"),
        ("  repeats, recognised", f"{day.repeats:,}"),
        ("  dead letters", f"{session.dead_letters:,}"),
    ]
    yield [
        ("orders sent", f"{len(sent):,}"),
        ("  filled", f"{status[OrderStatus.FILLED]:,}"),
        ("  cancelled", f"{status[OrderStatus.CANCELLED]:,}"),
        ("  rejected by the broker", f"{status[OrderStatus.REJECTED]:,}"),
        ("fills", f"{sum(len(state.executions) for state in sent):,}"),
        ("  orders filled in several parts", f"{sum(len(state.executions) > 1 for state in sent):,}"),
    ]
    denied = Counter(state.denied.code for state in session.orders.values() if state.denied is not None)
    denied["DUPLICATE_INTENT"] += day.conflicts
    yield [
        ("denied by us", f"{denied.total():,}"),
        *((f"  {code}", f"{count:,}") for code, count in denied.most_common()),
    ]
    notional = sum((state.filled_value * state.multiplier for state in sent), Decimal(0))
    commission = sum((state.known_commission or Decimal(0) for state in sent), Decimal(0))
    slippage = orders_frame(sent)["slippage_bps"].median()
    yield [
        ("notional", f"{notional:,.2f} USD"),
        ("commission", f"{commission:,.2f} USD"),
        ("median slippage to the arrival mid", f"{slippage:+.2f} bps"),
        ("median intent to wire", _median((s.received_at, s.sent_at) for s in sent)),
        ("median wire to acknowledgement", _median((s.sent_at, s.acked_at) for s in sent)),
        ("execution reports published", f"{len(session.reports):,}"),
    ]


def _median(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> str:
    """Median of the times between two moments, where both are known."""
    spans = [
        (end - start).total_seconds() * 1000 for start, end in pairs if start is not None and end is not None
    ]
    return f"{statistics.median(spans):.1f} ms" if spans else "none"
