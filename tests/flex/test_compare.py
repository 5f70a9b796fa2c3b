"""What the statement and the journal say differently, and what becomes of it in the journal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests import builders
from tests.builders import MemoryJournal, at, charged, executed
from tests.flex.xml import cancel, document, row
from toolkit.flex.book import book
from toolkit.flex.compare import Comparison, compare
from toolkit.flex.statement import parse
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState, OrderStatus

NOW = at(60_000)
FILLED = (executed(), charged())


class Books:
    """A journal with one order of 100 SPY, and what a statement makes of it."""

    def __init__(self, *facts: AnyEvent, account: str = "DU123456", **changes: object) -> None:
        opening = builders.placed(**changes)
        opening[2] = builders.facts.Reserved(
            intent_id=builders.INTENT_ID, at=at(0.002), order_id=7, client_id=1, account=account
        )
        self.journal = MemoryJournal(*opening, *facts)
        self.ledger = OrderLedger(self.journal)

    @property
    def order(self) -> OrderState:
        state = self.ledger.get(builders.INTENT_ID)
        assert state is not None
        return state

    def against(self, content: bytes) -> Comparison:
        (statement,) = parse(content)
        return compare(statement, {state.intent_id: state for state in self.ledger}, NOW)

    def differ(self, content: bytes) -> list[tuple[str, str, str]]:
        return [(each.kind.value, each.journal, each.statement) for each in self.against(content).differences]

    def take(self, content: bytes) -> int:
        """Apply it, and see that it has nothing to say a second time."""
        found = self.against(content).differences
        count = book(self.ledger, found, by="ann", source="day.xml", now=NOW)
        again = self.against(content).differences
        assert book(self.ledger, again, by="ann", source="day.xml", now=NOW) == 0
        assert [each for each in again if each.facts] == []
        return count


def test_a_day_that_both_tell_alike_has_no_differences() -> None:
    comparison = Books(*FILLED).against(document(row()))
    assert (comparison.differences, comparison.matched, comparison.later) == ([], 1, [])


def test_h39_a_commission_that_came_too_late_for_the_api_is_filled_in() -> None:
    books = Books(executed())
    assert books.differ(document(row())) == [("commission", "", "1.00 USD")]
    assert books.order.known_commission is None
    assert books.take(document(row())) == 1
    assert books.order.known_commission == Decimal("1.00")
    assert books.journal.reports[-1]["event"] == "Commission"


def test_a_commission_that_differs_is_told_and_the_statement_is_believed() -> None:
    books = Books(*FILLED)
    assert books.differ(document(row(ibCommission="-1.07"))) == [("commission", "1.00 USD", "1.07 USD")]
    books.take(document(row(ibCommission="-1.07")))
    assert books.order.known_commission == Decimal("1.07")


def test_a_difference_that_only_rounding_makes_is_none() -> None:
    assert Books(*FILLED).differ(document(row(ibCommission="-1.0000004"))) == []


def test_a_statement_that_says_no_commissions_takes_none_back() -> None:
    assert Books(*FILLED).differ(document(row(ibCommission=None))) == []


def test_h31_a_fill_that_the_api_forgot_is_filled_in_and_ends_the_order() -> None:
    books = Books(builders.lost())
    assert books.order.status is OrderStatus.UNKNOWN
    assert books.differ(document(row())) == [("missing fill", "", "BOT 100 at 450.25")]
    assert books.take(document(row())) == 2
    builders.assert_filled(books.order, 100, "450.25")
    assert books.order.known_commission == Decimal("1.00")
    (execution,) = books.order.executions.values()
    assert (execution.recovered, execution.time) == (True, at(0))


def test_h55_a_fill_without_a_reference_is_found_by_its_permanent_id() -> None:
    books = Books(builders.status("Submitted"))
    assert books.differ(document(row(orderReference="")))[0][0] == "missing fill"
    books.take(document(row(orderReference="")))
    assert books.order.status is OrderStatus.FILLED


def test_a_missing_fill_without_an_execution_id_is_told_and_left_to_a_person() -> None:
    (difference,) = Books().against(document(row(ibExecID=""))).differences
    assert (difference.kind.value, difference.facts) == ("missing fill", ())


def test_h34_a_correction_under_a_higher_number_replaces_the_fill() -> None:
    books, corrected = Books(*FILLED), document(row(ibExecID="0001.01.02", tradePrice="450.20"))
    assert books.differ(corrected) == [("correction", "BOT 100 at 450.25", "BOT 100 at 450.20")]
    books.take(corrected)
    builders.assert_filled(books.order, 100, "450.20")
    assert books.order.known_commission == Decimal("1.00")
    assert [report["event"] for report in books.journal.reports] == ["Correction", "Commission"]


@pytest.mark.parametrize(
    ("change", "kind"), [({"quantity": "90"}, "quantity"), ({"tradePrice": "450.2"}, "price")]
)
def test_other_terms_under_the_same_id_are_told_and_the_statement_is_believed(
    change: dict[str, str], kind: str
) -> None:
    books = Books(*FILLED)
    assert [each[0] for each in books.differ(document(row(**change)))] == [kind]
    books.take(document(row(**change)))
    (execution,) = books.order.executions.values()
    assert (execution.shares, execution.exec_id) == (Decimal(change.get("quantity", "100")), "0001.01.02")


def test_h34_a_bust_takes_the_fill_back_and_the_order_stays_ended() -> None:
    busted = document(row(), cancel())
    books = Books(*FILLED)
    assert books.differ(busted) == [("bust", "BOT 100 at 450.25", "")]
    assert books.take(busted) == 3
    state = books.order
    assert (state.status, state.filled_quantity, state.known_commission) == (OrderStatus.CANCELLED, 0, 0)
    assert "The Flex statement day.xml takes fills back" in state.reason
    assert not state.working


def test_h34_one_of_two_fills_busted_leaves_the_other() -> None:
    books = Books(executed(60), charged(), executed(40, exec_id="0002.01.01"), charged(exec_id="0002.01.01"))
    other = {"ibExecID": "0002.01.01", "tradeID": "5002", "transactionID": "9003"}
    content = document(row(quantity="60"), row(**other, quantity="40"), cancel(quantity="-60"))
    books.take(content)
    assert (books.order.filled_quantity, books.order.status) == (40, OrderStatus.CANCELLED)
    assert books.order.known_commission == Decimal("1.00")


def test_h34_a_bust_that_is_booked_anew_is_a_correction_and_its_commissions_add_up() -> None:
    again = {"ibExecID": "0001.01.02", "transactionID": "9003", "quantity": "50", "ibCommission": "0.40"}
    content = document(row(), cancel(ibCommission="0"), row(**again))
    books = Books(*FILLED)
    assert books.differ(content) == [("correction", "BOT 100 at 450.25", "BOT 50 at 450.25")]
    books.take(content)
    assert books.order.filled_quantity == 50
    assert books.order.known_commission == Decimal("0.60")


def test_a_bust_booked_anew_on_the_same_terms_changes_its_commission_alone() -> None:
    content = document(row(), cancel(), row(transactionID="9003", ibCommission="-0.80"))
    assert Books(*FILLED).differ(content) == [("commission", "1.00 USD", "0.80 USD")]


def test_the_link_and_not_the_place_in_the_file_says_which_of_two_like_fills_was_busted() -> None:
    books = Books(executed(50), charged(), executed(50, exec_id="0002.01.01"), charged(exec_id="0002.01.01"))
    second = row(ibExecID="0002.01.01", tradeID="5002", transactionID="9003", quantity="50")
    content = document(row(quantity="50"), second, cancel(quantity="-50", origTradeID="5002"))
    (difference,) = books.against(content).differences
    assert (difference.kind.value, difference.exec_id) == ("bust", "0002.01.01")


def test_h34_a_bust_of_an_earlier_days_fill_finds_it_in_the_journal() -> None:
    content = document(cancel(), fromDate="20260106", toDate="20260106")
    books = Books(builders.status("Filled", 100), *FILLED)
    assert books.differ(content) == [("bust", "BOT 100 at 450.25", "")]
    books.take(content)
    assert (books.order.filled_quantity, books.order.known_commission) == (0, 0)


def test_a_bust_that_fits_two_fills_is_left_to_a_person() -> None:
    two = (executed(50), executed(50, exec_id="0002.01.01"))
    content = document(cancel(quantity="-50"), fromDate="20260106", toDate="20260106")
    (difference,) = Books(builders.status("Filled", 100), *two).against(content).differences
    assert (difference.kind.value, difference.facts) == ("bust of no known fill", ())


def test_a_fill_that_came_and_went_before_we_heard_of_it_is_no_difference() -> None:
    assert Books().differ(document(row(), cancel())) == []


def test_a_trade_of_another_program_is_told_and_never_journaled() -> None:
    books = Books(*FILLED)
    other = row(ibExecID="0009.01.01", orderReference="by hand", ibOrderID="1", tradeID="5009")
    assert books.differ(document(row(), other)) == [("of another program", "", "BOT 100 at 450.25")]
    assert books.take(document(row(), other)) == 0


def test_an_order_of_another_account_is_not_ours() -> None:
    books = Books(*FILLED, account="DU999999")
    assert [each[0] for each in books.differ(document(row()))] == ["of another program"]


def test_a_fill_on_the_other_side_is_left_to_a_person() -> None:
    (difference,) = Books(*FILLED).against(document(row(buySell="SELL", quantity="-100"))).differences
    assert (difference.kind.value, difference.facts) == ("side", ())


def test_a_fill_that_the_statement_does_not_have_is_told() -> None:
    assert Books(*FILLED).differ(document()) == [("not in the statement", "BOT 100 at 450.25", "")]


@pytest.mark.parametrize(
    ("day", "generated", "later"),
    [
        ("20260106", "20260106;210000", []),
        ("20260105", "20260105;093500", ["0001.01.01"]),
    ],
    ids=["of another day", "made five minutes after the fill"],
)
def test_a_fill_that_the_statement_cannot_have_is_no_difference(
    day: str, generated: str, later: list[str]
) -> None:
    content = document(fromDate=day, toDate=day, whenGenerated=generated)
    comparison = Books(*FILLED).against(content)
    assert (comparison.differences, comparison.later) == ([], later)


def test_a_fill_after_five_in_new_york_may_be_the_next_trade_dates() -> None:
    comparison = Books(executed(seconds=8 * 3600)).against(document())
    assert (comparison.differences, comparison.later) == ([], ["0001.01.01"])


def test_an_intent_that_was_never_sent_matches_nothing() -> None:
    (statement,) = parse(document(row()))
    state = builders.state_of(builders.received())
    (difference,) = compare(statement, {state.intent_id: state}, NOW).differences
    assert (difference.kind.value, difference.intent_id) == ("of another program", "")
