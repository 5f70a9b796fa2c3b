"""A file of the broker's becomes typed rows, or one sentence that says what is wrong with it."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.flex.xml import ACCOUNT, TRADE, cancel, document, element, row
from toolkit.errors import ConfigError
from toolkit.flex.statement import Trade, parse, read

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def only(content: bytes) -> Trade:
    (statement,) = parse(content)
    (trade,) = statement.trades
    return trade


def test_a_trade_is_read_with_exact_money_and_utc_times() -> None:
    trade = only(document(row(tradePrice="450.250000001", ibCommission="-1.0000001")))
    assert (trade.account, trade.symbol, trade.con_id, trade.side) == (ACCOUNT, "SPY", 756733, "BOT")
    assert (trade.shares, trade.price) == (100, Decimal("450.250000001"))
    assert (trade.commission, trade.currency) == (Decimal("1.0000001"), "USD")
    assert (trade.exec_id, trade.order_id, trade.reference) == ("0001.01.01", 900_001, "momentum-1")
    assert trade.time == OPEN
    assert not trade.cancels


def test_a_sale_has_positive_shares_and_a_rebate_is_a_negative_commission() -> None:
    trade = only(document(row(buySell="SELL", quantity="-100", ibCommission="0.25")))
    assert (trade.side, trade.shares, trade.commission) == ("SLD", 100, Decimal("-0.25"))


def test_a_trade_confirmation_is_the_same_under_other_names() -> None:
    as_trade, as_confirm = only(document(row())), only(document(confirms=(row("TradeConfirm"),)))
    assert as_confirm.transaction_id == ""
    for name in ("exec_id", "order_id", "price", "shares", "commission", "currency", "time", "side"):
        assert getattr(as_confirm, name) == getattr(as_trade, name), name


def test_an_execution_in_both_sections_counts_once() -> None:
    assert only(document(row(), confirms=(row("TradeConfirm"),))).transaction_id == "9001"


def test_a_commission_that_the_row_leaves_out_comes_from_the_commission_details() -> None:
    detail = element(
        "UnbundledCommissionDetail", {"tradeID": "5001", "totalCommission": "-1.07", "currency": "USD"}
    )
    assert only(document(row(ibCommission=None), details=(detail,))).commission == Decimal("1.07")
    assert only(document(row(), details=(detail,))).commission == Decimal("1.00")
    assert only(document(row(ibCommission=None))).commission is None


def test_rows_of_other_levels_are_sums_of_these_and_left_out() -> None:
    sums = [row(levelOfDetail="ORDER"), row(levelOfDetail="CLOSED_LOT"), element("Order", TRADE)]
    assert only(document(row(), *sums)).exec_id == "0001.01.01"


@pytest.mark.parametrize(
    "text",
    [
        "20260105;093000",
        "20260105 09:30:00",
        "2026-01-05;09:30:00",
        "2026-01-05, 093000",
        "2026-01-0509:30:00",
        "2026-01-05T09:30:00",
        "20260105;093000 EST",
    ],
)
def test_every_form_of_a_time_that_cannot_be_misread_is_new_yorks(text: str) -> None:
    assert only(document(row(dateTime=text))).time == OPEN


def test_summer_time_is_new_yorks_too() -> None:
    july = datetime(2026, 7, 6, 13, 30, tzinfo=UTC)
    assert only(document(row(dateTime="20260706;093000"))).time == july


@pytest.mark.parametrize(
    "change",
    [
        {"transactionType": "TradeCancel", "buySell": "BUY", "notes": ""},
        {"transactionType": None, "notes": ""},
        {"transactionType": None, "buySell": "BUY", "notes": "P;Ca"},
    ],
    ids=["type", "side", "note"],
)
def test_a_bust_is_known_by_its_type_its_side_or_its_note(change: dict[str, str | None]) -> None:
    trade = only(document(cancel(**change)))
    assert (trade.cancels, trade.side, trade.shares) == (True, "BOT", 100)
    assert trade.originals == {"5001"}


def test_several_days_of_one_account_are_one_statement() -> None:
    first = document(row()).decode()
    second = document(row(ibExecID="0002.01.01"), fromDate="20260106", toDate="20260106").decode()
    start, end = second.index("<FlexStatement "), second.index("</FlexStatements>")
    both = first.replace("</FlexStatements>", second[start:end] + "</FlexStatements>")
    (statement,) = parse(both.encode())
    assert (statement.first, statement.last) == (date(2026, 1, 5), date(2026, 1, 6))
    assert [trade.exec_id for trade in statement.trades] == ["0001.01.01", "0002.01.01"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no complete XML"),
        (b"execution,price\n1,2\n", "is no complete XML"),
        (document(row())[:-40], "is no complete XML"),
        (b"<FlexStatementResponse><Status>Warn</Status></FlexStatementResponse>", "no FlexQueryResponse"),
        (b"<FlexQueryResponse/>", "holds no statement; add the sections Trades"),
        (document(row(quantity="ten")), "line 5: quantity is 'ten', which is no amount"),
        (document(row(tradePrice="NaN")), "tradePrice is 'NaN', which is no amount"),
        (document(row(buySell="")), "buySell is missing; add it to the query"),
        (document(row(buySell="B")), "buySell is 'B'; it should be BUY or SELL"),
        (document(row(dateTime="01/05/2026;093000")), "set the query's formats to yyyyMMdd and HHmmss"),
        (document(row(dateTime="20261305;093000")), "which is no time"),
        (document(row(ibOrderID="x")), "the order's id is 'x' and"),
        (document(row(accountId="U999")), "accountId is U999, in the statement of DU123456"),
        (document(fromDate="05/01/2026"), "set the query's date format to yyyyMMdd"),
        (document(accountId=None), "accountId is missing"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_that_says_where(content: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(content, "day.xml")
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("day.xml")
    assert "\n" not in str(refused.value)


def test_a_billion_laughs_and_a_look_at_other_files_are_refused_unread() -> None:
    bombs = (
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
    )
    for bomb in bombs:
        with pytest.raises(ConfigError, match="declares a document type"):
            parse(document(row(symbol="&a;")).replace(b"?>\n", b"?>\n" + bomb.encode(), 1))


@given(name=st.sampled_from(sorted(TRADE)), value=st.text(st.characters(codec="utf-8"), max_size=30))
@example(name="quantity", value="1e999999999")
@example(name="conid", value="9" * 5000)
def test_whatever_an_attribute_holds_it_is_read_or_refused_in_a_sentence(name: str, value: str) -> None:
    with contextlib.suppress(ConfigError):
        (statement,) = parse(document(row(**{name: escape(value, {'"': "&quot;"})})))
        assert all(len(f"{trade.shares:f}{trade.price:f}") < 250 for trade in statement.trades)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "day.xml")
