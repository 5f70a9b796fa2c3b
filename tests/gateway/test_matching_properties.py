"""What must hold for every sequence of quotes, prints and orders; and a replay of a real day."""

import csv
import gzip
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.gateway.matching import simulate

NOON = datetime(2024, 1, 3, 17, tzinfo=UTC)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

cents = st.integers(990, 1010)
sizes = st.integers(0, 300)
quotes = st.fixed_dictionaries(
    {"type": st.just("quote"), "bid": cents, "ask": cents, "bid_size": sizes, "ask_size": sizes}
)
trades = st.fixed_dictionaries({"type": st.just("trade"), "price": cents, "size": st.integers(1, 300)})
orders = st.fixed_dictionaries(
    {
        "type": st.just("order"),
        "side": st.sampled_from(["BUY", "SELL"]),
        "order_type": st.sampled_from(["MKT", "LMT", "STP", "STP LMT"]),
        "qty": st.integers(1, 400),
        "lmt": cents,
        "stop": cents,
        "tif": st.sampled_from(["DAY", "GTC", "IOC", "FOK"]),
        "trigger_method": st.sampled_from([0, 1, 2, 3, 4, 8]),
        "exchange": st.sampled_from(["SMART", "NYSE"]),
    }
)
changes = st.fixed_dictionaries(
    {"type": st.just("modify"), "pick": st.integers(0, 5)},
    optional={"lmt": cents, "qty": st.integers(1, 400)},
)
cancels = st.fixed_dictionaries({"type": st.just("cancel"), "pick": st.integers(0, 5)})


@st.composite
def histories(draw):
    events, count = [], 0
    for second, event in enumerate(
        draw(st.lists(st.one_of(quotes, quotes, trades, orders, orders, changes, cancels)))
    ):
        event = {**event, "ts": NOON + timedelta(seconds=second)}
        for name in ("bid", "ask", "price", "lmt", "stop"):
            if name in event:
                event[name] = event[name] / 100
        if event["type"] == "order":
            count += 1
            event["id"] = count
        elif "pick" in event:
            event["id"] = event.pop("pick")
        events.append(event)
    return events


profiles = st.fixed_dictionaries(
    {
        "limit_fill": st.sampled_from(["quote", "queue"]),
        "latency_ms": st.sampled_from([0, 1, 700, 1500]),
    }
)


@settings(max_examples=150, deadline=None)
@given(histories(), profiles)
def test_filled_plus_remaining_is_the_quantity_and_agrees_with_the_fills(events, config):
    result = simulate(events, config)
    sums = defaultdict(int)
    for fill in result["fills"]:
        assert fill["qty"] > 0
        sums[fill["order"]] += fill["qty"]
    quantity = {e["id"]: e["qty"] for e in events if e["type"] == "order"}
    changed = {e["id"] for e in events if e["type"] == "modify"}
    for name, state in result["final"].items():
        if state["status"] == "Unknown":
            continue
        assert state["filled"] == sums[name]
        assert state["remaining"] >= 0
        assert (state["status"] == "Filled") == (state["remaining"] == 0)
        if name not in changed:
            assert state["filled"] + state["remaining"] == quantity[name]


@settings(max_examples=150, deadline=None)
@given(histories(), profiles)
def test_no_fill_is_worse_than_its_limit(events, config):
    limits = defaultdict(list)
    sides = {}
    for event in events:
        if event["type"] == "order":
            sides[event["id"]] = event["side"]
            if "LMT" in event["order_type"]:
                limits[event["id"]].append(event["lmt"])
        elif event["type"] == "modify" and "lmt" in event and event["id"] in limits:
            limits[event["id"]].append(event["lmt"])
    for fill in simulate(events, config)["fills"]:
        allowed = limits.get(fill["order"])
        if allowed and sides[fill["order"]] == "BUY":
            assert fill["price"] <= max(allowed)
        elif allowed:
            assert fill["price"] >= min(allowed)


@settings(max_examples=150, deadline=None)
@given(histories(), st.sampled_from([0, 700]))
def test_no_more_is_taken_than_each_state_of_a_side_offered(events, latency_ms):
    sides = {e["id"]: e["side"] for e in events if e["type"] == "order"}
    stamps, offers = [], []
    shown = {"BUY": (0, 0), "SELL": (0, 0)}
    state = {"BUY": 0, "SELL": 0}
    for event in events:
        if event["type"] != "quote":
            continue
        for side, price, size in (("BUY", "ask", "ask_size"), ("SELL", "bid", "bid_size")):
            if (event[price], event[size]) != shown[side]:
                shown[side] = (event[price], event[size])
                state[side] += 1
        stamps.append(event["ts"])
        offers.append((dict(state), dict(shown)))
    taken = defaultdict(int)
    for fill in simulate(events, {"latency_ms": latency_ms})["fills"]:
        numbers, displays = offers[bisect_right(stamps, fill["ts"]) - 1]
        side = sides[fill["order"]]
        taken[side, numbers[side]] += fill["qty"]
        assert taken[side, numbers[side]] <= displays[side][1]


@settings(max_examples=50, deadline=None)
@given(histories(), profiles)
def test_the_same_events_always_give_the_same_result(events, config):
    assert simulate(events, config) == simulate(events, config)


def _rows(name, kind):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recorded sample {name} is not beside this checkout (../shared/data)")
    with gzip.open(path, "rt") as stream:
        return [{"type": kind, "ts": row["ts_utc"], **row} for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def real_day():
    return _rows("quotes_XXX_20180102.csv.gz", "quote")


def _joining_bids(quotes):
    stamps = [datetime.fromisoformat(row["ts"]) for row in quotes]
    events = []
    for probe in range(759):  # every 30 s from 09:35 to 15:54 New York
        now = datetime(2018, 1, 2, 14, 35, tzinfo=UTC) + timedelta(seconds=30 * probe)
        bid = quotes[bisect_right(stamps, now) - 1]["bid"]
        events.append(
            {"type": "order", "ts": now.isoformat(), "id": probe, "side": "BUY", "qty": 100,
             "order_type": "LMT", "lmt": bid}
        )  # fmt: skip
        late = (now + timedelta(seconds=60)).isoformat()
        events.append({"type": "cancel", "ts": late, "id": probe})
    return events


def test_a_bid_joined_on_a_real_day_fills_as_often_as_known(real_day):
    result = simulate(real_day + _joining_bids(real_day))
    filled = sum(state["filled"] for state in result["final"].values()) / 75_900
    assert filled == pytest.approx(0.54, abs=0.01)


def test_the_queue_profile_fills_more_of_the_same_bids(real_day):
    trades = _rows("trades_XXX_20180102.csv.gz", "trade")
    result = simulate(real_day + trades + _joining_bids(real_day), {"limit_fill": "queue"})
    filled = sum(state["filled"] for state in result["final"].values()) / 75_900
    assert 0.6 < filled < 0.95
