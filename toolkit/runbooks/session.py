"""One journal as the frames that a report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from toolkit.journal.quotes import RecordedQuote, read_quotes
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import AnyFact
from toolkit.orders.events import AnyEvent, Executed
from toolkit.orders.ledger import fold_all
from toolkit.orders.state import OrderState
from toolkit.reports.frames import fills_frame, orders_frame
from toolkit.reports.session import Trading, trading_of


@dataclass(frozen=True)
class Session:
    """
    What one journal tells.

    Attributes:
        states: every intent, cancels included.
        orders, fills: frames as in ``toolkit.reports.frames``, cancels left out. A fill's ``time`` is when
            we heard of it, where that was live: the broker's own clock has whole seconds only.
        events: every fact about an order, oldest first.
        controls: what operators did, oldest first.
        recorded: the quotes that were recorded beside the journal, as they came.
    """

    states: list[OrderState]
    orders: pd.DataFrame
    fills: pd.DataFrame
    events: list[AnyEvent]
    controls: list[AnyFact]
    recorded: Sequence[RecordedQuote] = field(default=(), repr=False)

    @cached_property
    def trading(self) -> Trading:
        """Parents, slices, fills and quotes, as execution measures are taken from them."""
        return trading_of(self.events, self.recorded)

    @cached_property
    def measured(self) -> pd.DataFrame:
        """One row per order that passed risk; columns as in ``toolkit.reports.session.Trading.measures``."""
        return self.trading.measures()

    @property
    def sent(self) -> pd.DataFrame:
        """The orders that went to the broker."""
        return self.orders[self.orders["sent_at"].notna()]

    @property
    def denied(self) -> pd.DataFrame:
        """The orders that we refused."""
        return self.orders[(self.orders["status"] == "Rejected") & self.orders["sent_at"].isna()]

    @property
    def rejected(self) -> pd.DataFrame:
        """The orders that the broker refused."""
        return self.sent[self.sent["status"] == "Rejected"]

    def summary(self) -> dict[str, str]:
        """The figures at the top of a report, in words and with units."""
        orders, fills = self.orders, self.fills
        moments = pd.concat([orders["received_at"], orders["last_fill_at"]]).dropna()
        sums = fills.groupby("currency")[["notional", "commission"]].sum()
        slippage = self.measured["arrival_slippage_bps"].dropna()
        accounts = sorted({account for account in orders["account"] if account})
        kind = "paper" if orders["paper"].all() else "LIVE"
        hashes = sorted({state.limits_hash for state in self.states if state.limits_hash})
        return {
            "Session": f"{moments.min():%Y-%m-%d %H:%M:%S} to {moments.max():%H:%M:%S} UTC"
            if len(moments)
            else "empty",
            "Account": ", ".join(f"{account} ({kind})" for account in accounts) or "none",
            "Intents": f"{len(orders):,} orders, {len(self.states) - len(orders):,} cancels",
            "Orders": f"{len(self.sent):,} sent, {len(self.denied):,} denied by us, "
            f"{len(self.rejected):,} rejected by the broker, {(~orders['final']).sum():,} still open",
            "Fills": f"{len(fills):,} of {(orders['filled_quantity'] > 0).sum():,} orders",
            "Notional": ", ".join(f"{row.notional:,.2f} {name}" for name, row in sums.iterrows()) or "none",
            "Commission": ", ".join(f"{row.commission:,.2f} {name}" for name, row in sums.iterrows())
            or "none",
            "Slippage to the arrival mid": f"{slippage.median():+.2f} bps median, positive = cost"
            if len(slippage)
            else "none",
            "Intent to wire": _spans(orders["sent_at"] - orders["received_at"]),
            "Wire to acknowledgement": _spans(orders["acked_at"] - orders["sent_at"]),
            "Limits in force (hash)": ", ".join(hashes) or "none",
        }

    def summary_frame(self, more: Mapping[str, str] | None = None) -> pd.DataFrame:
        """The summary, and more lines of the same kind, as one column of texts."""
        return pd.DataFrame({"": self.summary() | dict(more or {})})


def read_session(journal: Path | None) -> Session:
    """
    What a journal tells, durable facts only; the file may be in use. None is an empty session.

    Raises:
        JournalError: the journal cannot be read.
    """
    if journal is None:
        return session_of([])
    with JournalReader(journal) as reader:
        controls = [fact for _, fact in reader.controls()]
        return session_of(reader.events(), controls, read_quotes(journal))


def session_of(
    events: Iterable[AnyEvent],
    controls: Iterable[AnyFact] = (),
    recorded: Sequence[RecordedQuote] = (),
) -> Session:
    """The same of two histories, oldest fact first, and of the quotes recorded meanwhile."""
    history = list(events)
    states = list(fold_all(history).values())
    orders = orders_frame(state for state in states if state.intent is None or state.intent.action == "NEW")
    fills = fills_frame(states)
    heard = {event.exec_id: event.at for event in history if isinstance(event, Executed)}
    live = ~fills["recovered"].astype(bool)
    fills.loc[live, "time"] = [heard[exec_id] for exec_id in fills.index[live]]
    return Session(
        states, orders, fills.sort_values("time", kind="stable"), history, list(controls), recorded
    )


def newest_journal(home: Path) -> Path | None:
    """The journal below a folder that was written last; None when there is none."""
    return max(home.rglob("journal.db"), key=lambda file: file.stat().st_mtime, default=None)


def _spans(spans: pd.Series[pd.Timedelta]) -> str:
    """Median and 95th percentile in milliseconds."""
    known = spans.dropna().dt.total_seconds() * 1000
    if known.empty:
        return "none"
    return f"{known.median():.1f} ms median, {known.quantile(0.95):.1f} ms in 95 of 100"
