"""Synthetic quotes and replayed ones."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import GatewayError
from toolkit.gateway.instruments import EUR_USD, Instrument, Universe
from toolkit.gateway.market import (
    MarketPrint,
    MarketQuote,
    SyntheticMarket,
    SyntheticSymbol,
    open_market,
)
from toolkit.gateway.replay import DEALER_SIZE, Replay

START = datetime(2024, 1, 3, 15, tzinfo=UTC)
UNIVERSE = Universe()
APPLE = UNIVERSE.find(symbol="AAPL")[0]
FORD = UNIVERSE.find(symbol="F")[0]


def after(seconds):
    return START + timedelta(seconds=seconds)


def one(instrument, seconds=600, seed=1):
    market = SyntheticMarket(Universe([instrument]), seed, START)
    return [move for now in range(0, seconds + 1, 30) for move in market.moves_until(after(now))]


def test_every_instrument_has_a_quote_at_the_start():
    quotes = list(SyntheticMarket(UNIVERSE, 1, START).quotes_until(START))
    assert {quote.con_id for quote in quotes} == {i.con_id for i in UNIVERSE}


def test_the_same_seed_gives_the_same_market_and_another_seed_another():
    assert one(APPLE, seed=5) == one(APPLE, seed=5)
    assert one(APPLE, seed=5) != one(APPLE, seed=6)


def test_a_symbol_does_the_same_whatever_other_symbols_there_are():
    moves = list(SyntheticMarket(UNIVERSE, 1, START).moves_until(after(60)))
    assert [move for move in moves if move.con_id == APPLE.con_id] == one(APPLE, 60)


@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_the_market_does_not_depend_on_how_often_one_asks(pauses):
    market, asked, elapsed = SyntheticMarket(Universe([FORD]), 3, START), [], 0.0
    for pause in pauses:
        elapsed += pause
        asked += market.moves_until(after(elapsed))
    whole = SyntheticMarket(Universe([FORD]), 3, START)
    at_once = []
    for minute in range(0, int(elapsed) + 1, 50):
        at_once += whole.moves_until(after(minute))
    at_once += whole.moves_until(after(elapsed))
    assert asked == at_once


def test_a_day_of_silence_is_crossed_in_one_step():
    market = SyntheticMarket(UNIVERSE, 1, START)
    list(market.moves_until(START))
    assert len(list(market.moves_until(after(86_400)))) < 5 * len(UNIVERSE)


@pytest.mark.parametrize("instrument", [APPLE, FORD, EUR_USD])
def test_quotes_stay_on_the_grid_uncrossed_positive_and_in_round_lots(instrument):
    quotes = [move for move in one(instrument) if isinstance(move, MarketQuote)]
    assert len(quotes) > 300
    for quote in quotes:
        assert 0 < quote.bid < quote.ask
        assert quote.bid % instrument.increment == quote.ask % instrument.increment == 0
        assert quote.bid_size > 0
        assert quote.ask_size > 0
        assert quote.bid_size % 100 == quote.ask_size % 100 == 0


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_penny_stock_keeps_a_positive_price_and_the_grid_on_both_sides_of_a_dollar(seed):
    penny = Instrument(con_id=9, symbol="PNY", long_name="", reference_price=Decimal("1.0003"))
    symbol = SyntheticSymbol(penny, seed)
    for _ in range(300):
        symbol.step(400.0)
        for price in (symbol.quote.bid, symbol.quote.ask):
            assert price > 0
            assert price % (Decimal("0.01") if price >= 1 else Decimal("0.0001")) == 0
        assert symbol.quote.bid < symbol.quote.ask


def test_a_low_priced_stock_stands_at_one_tick_and_a_high_priced_one_wider():
    def spread(instrument):
        quotes = [move for move in one(instrument) if isinstance(move, MarketQuote)]
        return median((quote.ask - quote.bid) / instrument.increment for quote in quotes)

    assert spread(FORD) == 1
    assert 2 <= spread(APPLE) <= 4


def test_prints_happen_at_the_quote_and_odd_lots_say_so():
    quote, prints = None, []
    for move in one(APPLE):
        if isinstance(move, MarketPrint):
            assert move.price in (quote.bid, quote.ask)
            assert (move.cond == "I") == (move.size < 100)
            prints.append(move)
        else:
            quote = move
    assert 0.3 < sum(p.cond == "I" for p in prints) / len(prints) < 0.6


def test_the_price_moves_about_as_much_as_a_real_stock():
    mids = [(m.bid + m.ask) / 2 for m in one(APPLE, 3600) if isinstance(m, MarketQuote)]
    spread_bps = float((max(mids) - min(mids)) / mids[0]) * 10_000
    assert 20 < spread_bps < 300  # an hour at 0.7 bps per square root of a second


def write(tmp_path, text, name="quotes_AAPL_20240102.csv"):
    path = tmp_path / name
    path.write_text("ts_utc,bid,ask,bid_size,ask_size\n" + text)
    return path


def test_a_replay_keeps_the_pace_of_the_recording_from_its_own_start(tmp_path):
    path = write(
        tmp_path,
        "2024-01-02T14:30:00Z,10.00,10.02,100,200\n2024-01-02T14:30:05.5Z,10.01,,100,\n",
    )
    replay = open_market(path, UNIVERSE, 1, START)
    first = MarketQuote(APPLE.con_id, Decimal("10.00"), Decimal("10.02"), 100, 200)
    assert list(replay.quotes_until(START)) == [first]
    assert list(replay.quotes_until(after(5.4))) == []
    last = MarketQuote(APPLE.con_id, Decimal("10.01"), None, 100, 0)
    assert list(replay.quotes_until(after(5.5))) == [last]
    assert list(replay.quotes_until(after(999))) == []


def test_a_file_may_be_played_as_another_symbol(tmp_path):
    path = write(tmp_path, "2024-01-02T14:30:00Z,10.00,10.02,100,200\n", "anything.csv")
    (quote,) = open_market(f"F={path}", UNIVERSE, 1, START).quotes_until(START)
    assert quote.con_id == FORD.con_id


def test_a_dealer_feed_without_sizes_shows_a_dealers_size(tmp_path):
    path = write(tmp_path, "2024-01-02T14:30:00Z,1.09,1.1,,\n")
    (quote,) = Replay.open(f"EUR={path}", UNIVERSE, START).quotes_until(START)
    assert (quote.bid_size, quote.ask_size) == (DEALER_SIZE, DEALER_SIZE)


@pytest.mark.parametrize(("name", "text", "complaint"), [
    ("x.csv", "2024-01-02T14:30:00Z,1,2,1,1\n", "no symbol"),
    ("quotes_NONE_1.csv", "2024-01-02T14:30:00Z,1,2,1,1\n", "NONE"),
    ("quotes_F_1.csv", "yesterday,1,2,1,1\n", "line 2, cannot be replayed"),
    ("quotes_F_1.csv", "2024-01-02T14:30:00,1,2,1,1\n", "without zone"),
    ("quotes_F_1.csv", "2024-01-02T14:30:00Z,one,2,1,1\n", "'one' is not a price"),
])  # fmt: skip
def test_a_quotes_file_that_cannot_be_played_is_refused_with_the_place(tmp_path, name, text, complaint):
    with pytest.raises(GatewayError, match=complaint):
        Replay.open(str(write(tmp_path, text, name)), UNIVERSE, START)


def test_rows_out_of_order_are_refused_when_they_come(tmp_path):
    path = write(tmp_path, "2024-01-02T14:30:05Z,1,2,1,1\n2024-01-02T14:30:00Z,1,2,1,1\n")
    replay = Replay.open(str(path), UNIVERSE, START)
    with pytest.raises(GatewayError, match="line 3, is earlier"):
        list(replay.quotes_until(START))


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(GatewayError, match="cannot be read"):
        open_market(tmp_path / "none.csv", UNIVERSE, 1, START)


def test_a_parquet_file_replays_as_its_csv_does(tmp_path):
    pytest.importorskip("pyarrow")
    rows = pd.DataFrame(
        {
            "ts_utc": ["2024-01-03T15:00:00Z", "2024-01-03T15:00:01.500Z"],
            "bid": [10.0, 10.01], "ask": [10.02, None], "bid_size": [100, 200], "ask_size": [300, 400],
        }
    )  # fmt: skip
    rows.to_csv(tmp_path / "quotes_F_20240103.csv", index=False)
    rows.assign(ts_utc=pd.to_datetime(rows.ts_utc, utc=True, format="ISO8601")).to_parquet(
        tmp_path / "quotes_F_20240103.parquet"
    )
    plain, parquet = (
        list(
            Replay.open(str(tmp_path / f"quotes_F_20240103.{kind}"), UNIVERSE, START).quotes_until(after(60))
        )
        for kind in ("csv", "parquet")
    )
    assert len(plain) == 2
    assert plain == parquet


def test_a_parquet_file_that_is_none_is_one_sentence(tmp_path):
    path = tmp_path / "quotes_F_20240103.parquet"
    path.write_text("no parquet")
    with pytest.raises(GatewayError, match="cannot be read"):
        Replay.open(str(path), UNIVERSE, START)
