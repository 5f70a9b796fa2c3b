"""What can be traded, and how it is found."""

from decimal import Decimal

import pytest

from toolkit.errors import GatewayError
from toolkit.gateway.instruments import EUR_USD, Instrument, Universe, shipped

UNIVERSE = Universe()


def test_the_shipped_table_has_a_hundred_distinct_instruments():
    assert len(UNIVERSE) >= 100
    assert len({i.symbol for i in UNIVERSE}) == len({i.con_id for i in UNIVERSE}) == len(UNIVERSE)


@pytest.mark.parametrize(("symbol", "con_id"), [("AAPL", 265598), ("AMZN", 3691937)])
def test_well_known_contract_ids_are_the_real_ones(symbol, con_id):
    assert UNIVERSE.find(symbol=symbol)[0].con_id == con_id


def test_every_reference_price_is_on_its_price_grid():
    for instrument in shipped():
        assert instrument.reference_price % instrument.increment == 0


def test_a_stock_is_found_by_what_a_client_usually_sends():
    found = UNIVERSE.find(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    assert [i.long_name for i in found] == ["Apple Inc"]


@pytest.mark.parametrize("wrong", [
    {"symbol": "NOSUCH"}, {"symbol": "AAPL", "currency": "EUR"}, {"con_id": 1},
    {"symbol": "AAPL", "sec_type": "FUT"}, {"symbol": "AAPL", "exchange": "IDEALPRO"},
    {"symbol": "AAPL", "primary_exchange": "NYSE"}, {"con_id": 265598, "symbol": "MSFT"}, {},
])  # fmt: skip
def test_nothing_is_found_when_one_field_does_not_fit(wrong):
    assert UNIVERSE.find(**wrong) == []


def test_forex_is_found_by_symbol_and_by_local_symbol():
    by_symbol = UNIVERSE.find(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
    assert by_symbol == UNIVERSE.find(local_symbol="EUR.USD") == [EUR_USD]


def test_a_search_gives_the_exact_symbol_first_and_names_too():
    assert UNIVERSE.search("v")[0].symbol == "V"
    assert "AAPL" in [i.symbol for i in UNIVERSE.search("apple")]
    assert UNIVERSE.search("  ") == []


def test_the_market_rule_of_us_stocks_has_two_steps():
    rule = UNIVERSE.market_rule(26)
    assert rule == ((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01")))
    assert UNIVERSE.market_rule(1) is None


def test_a_symbol_table_of_ones_own_is_read(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("con_id,symbol,long_name,primary_exchange,reference_price\n7,XYZ,Xyz Corp,NYSE,12.5\n")
    (found,) = Universe.from_csv(path).find(symbol="XYZ")
    assert (found.con_id, found.reference_price) == (7, Decimal("12.5"))


@pytest.mark.parametrize(("text", "complaint"), [
    ("con_id,symbol\n1,A\n", "lacks the columns long_name"),
    ("con_id,symbol,long_name,primary_exchange,reference_price\nx,A,A,NYSE,1\n", "line 2"),
    ("con_id,symbol,long_name,primary_exchange,reference_price\n5,A,A,NYSE,-1\n", "above 0"),
])  # fmt: skip
def test_a_bad_symbol_table_is_refused_with_the_place(tmp_path, text, complaint):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(GatewayError, match=complaint):
        Universe.from_csv(path)


def test_a_missing_symbol_table_is_one_sentence(tmp_path):
    with pytest.raises(GatewayError, match="cannot be read"):
        Universe.from_csv(tmp_path / "none.csv")


def test_a_contract_id_may_not_come_twice():
    twice = [Instrument(con_id=1, symbol=s, long_name=s) for s in ("A", "B")]
    with pytest.raises(GatewayError, match="listed twice"):
        Universe(twice)
