"""What the reports of a session say it cost, and how close it came to its limits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from tests.builders import accepted, at, cancelled, charged, denied, executed, placed, received, reserved
from toolkit.journal.quotes import QuoteWriter, RecordedQuote
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders import controls
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import OrderLedger
from toolkit.runbooks.measures import benchmarks, by_group, costliest
from toolkit.runbooks.session import Session, read_session, session_of
from toolkit.runbooks.usage import used_at_most


def quoted(history: list[AnyEvent]) -> list[AnyEvent]:
    """The facts up to the send, with the quote of those moments: 450.24 to 450.26."""
    *before, sent = history
    return [*before, replace(sent, bid=Decimal("450.24"), ask=Decimal("450.26"))]


def traded() -> Session:
    """A buy and half a sell at 450.70 against a mid of 450.25, and a buy of a symbol without any quote."""
    blind = [received("blind", symbol="IBM"), accepted(None, None, "blind", 9), reserved(9, "blind")]
    return session_of(
        [
            *quoted(placed()),
            executed(100, "450.70"),
            charged("1.25"),
            *quoted(placed("sold", 8, direction="SELL")),
            executed(50, "450.70", "0002.01.01", intent_id="sold", side="SLD"),
            cancelled(intent_id="sold"),
            *blind,
            replace(placed("blind", 9)[-1], bid=None, ask=None, quote_at=None),
            executed(100, "450.70", "0003.01.01", intent_id="blind"),
        ]
    )


def test_a_group_is_weighted_by_notional_and_counts_what_has_no_quote() -> None:
    (row,) = by_group(traded().measured, "strategy_id").reset_index().to_dict("records")

    assert (row["strategy_id"], row["orders"], row["filled (shares)"]) == ("none", 3, 250)
    assert (row["notional"], row["currency"]) == (pytest.approx(250 * 450.70), "USD")
    assert row["slippage (bps)"] == pytest.approx(9.994448 * (100 - 50) / 150, abs=1e-6)
    assert (row["no quote"], row["commission"]) == (1, 1.25)
    low, high = (float(each) for each in row["95 %"].split("to"))
    assert low <= row["slippage (bps)"] <= high


def test_one_order_alone_has_no_interval_and_no_fills_no_groups() -> None:
    measured = traded().measured

    assert by_group(measured.head(1), "strategy_id")["95 %"].tolist() == [""]
    assert by_group(measured.head(0), "strategy_id").empty


def test_fills_are_grouped_by_venue_with_their_effective_spread() -> None:
    fills = traded().trading.fill_measures()

    (row,) = by_group(fills, "exchange").reset_index().to_dict("records")

    assert (row["exchange"], row["fills"], row["no quote"]) == ("ARCA", 3, 1)
    assert row["effective spread (bps)"] == pytest.approx(2 * 9.994448 * (100 - 50) / 150, abs=1e-5)


def test_a_missing_benchmark_is_told_per_measure() -> None:
    told = benchmarks(traded().measured)

    assert told.loc["the mid at the send"].tolist() == [2, 1]
    assert told.loc["the whole shortfall"].tolist() == [1, 2], "the sale's commission never came"
    assert told.loc["the quote 60 s after every fill"].tolist() == [0, 3]


def test_the_order_that_cost_most_comes_first_and_one_that_nobody_can_price_last() -> None:
    dear = costliest(traded().measured)

    assert dear.index[0] == "momentum-1"
    assert dear["shortfall"].tolist()[0] == pytest.approx(0.45 * 100 + 1.25)
    assert dear["shortfall"].isna().tolist() == [False, True, True]
    assert dear.loc["sold", "filled (%)"] == 50
    assert len(costliest(traded().measured, 2)) == 2


def test_a_session_is_measured_with_the_quotes_recorded_beside_its_journal(tmp_path: Path) -> None:
    path, filled = tmp_path / "journal.db", [*placed(), executed(100, "450.70", seconds=1)]
    with SqliteJournal(path) as journal:
        ledger = OrderLedger(journal)
        for event in filled:
            ledger.record(replace(event, con_id=1) if hasattr(event, "limits_hash") else event)
    sides = Decimal("450.60"), Decimal("450.64"), Decimal(5), Decimal(5)
    writer = QuoteWriter(tmp_path / "quotes.db")
    writer.write([RecordedQuote(1, "SPY", at(seconds), *sides) for seconds in (0.5, 5, 10, 15)])
    writer.close()

    session = read_session(path)

    spreads = session.trading.fill_measures()["effective_spread"]
    assert spreads.tolist() == pytest.approx([2 * (450.70 - 450.62)])


# --- limits --------------------------------------------------------------------------------------


def limited(events: list[AnyEvent], **limits: object) -> pd.DataFrame:
    fact = controls.LimitsSet(at=at(0), by="ann", limits_hash="", limits=limits)
    return used_at_most(session_of(events, [fact]))


def later(events: list[AnyEvent], seconds: float) -> list[AnyEvent]:
    return [replace(event, at=event.at + timedelta(seconds=seconds)) for event in events]


def test_the_most_that_was_used_of_a_limit_is_told_with_where() -> None:
    events = [
        *placed(quantity=300),
        executed(300, "100"),
        *later(placed("b", 8, quantity=200, direction="SELL"), 60),
        *later([executed(200, "100", "0002.01.01", intent_id="b", side="SLD")], 60),
        received("refused", quantity=9000),
        denied(intent_id="refused"),
    ]

    used = limited(events, max_order_quantity="1000", max_position="500", max_orders_per_day="10")

    assert used.loc["max_order_quantity", ["used", "allowed", "unit", "where"]].tolist() == [
        300,
        1000,
        "units",
        "SPY",
    ]
    assert used["used"].to_dict() == {"max_order_quantity": 300, "max_position": 300, "max_orders_per_day": 2}


def test_orders_count_as_open_from_their_verdict_to_their_end() -> None:
    first = [*placed(), cancelled(1)]
    second = later([*placed("b", 8), cancelled(1, intent_id="b")], 0.5)
    third = later(placed("c", 9, direction="SELL"), 30)

    used = limited([*first, *second, *third], max_open_orders="5", max_open_orders_per_side="20")

    assert used["used"].to_dict() == {"max_open_orders": 2, "max_open_orders_per_side": 2}
    assert used.loc["max_open_orders_per_side", "where"] == "SPY BUY"


def test_the_exposure_is_that_of_the_fills() -> None:
    used = limited([*placed(), executed(100, "450.25")], max_gross_exposure="90050", max_net_exposure="90050")

    assert used["used"].tolist() == pytest.approx([45_025, 45_025])


def test_only_limits_in_force_are_told_and_nothing_of_a_session_without_orders() -> None:
    assert limited(placed(), max_daily_loss="10").empty
    assert limited([], max_order_quantity="10").empty
