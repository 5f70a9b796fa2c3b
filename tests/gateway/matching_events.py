"""Short ways to write the events of :func:`toolkit.gateway.matching.simulate`, and its answers."""

from datetime import UTC, datetime, timedelta

from toolkit.gateway.matching import simulate

OPEN = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)  # 09:30 in New York
NOON = OPEN + timedelta(hours=2.5)
CLOSE = OPEN + timedelta(hours=6.5)


def at(seconds, start=NOON):
    return start + timedelta(seconds=seconds)


def quote(ts, bid=10.00, ask=10.02, bid_size=500, ask_size=500):
    return {
        "type": "quote", "ts": ts, "bid": bid, "ask": ask,
        "bid_size": bid_size, "ask_size": ask_size,
    }  # fmt: skip


def trade(ts, price, size=100, **more):
    return {"type": "trade", "ts": ts, "price": price, "size": size, **more}


def order(ts, name="a", side="BUY", qty=100, **terms):
    kind = "LMT" if "lmt" in terms else "MKT"
    return {
        "type": "order", "ts": ts, "id": name, "side": side, "qty": qty, "order_type": kind, **terms,
    }  # fmt: skip


def stop(ts, price, name="a", side="BUY", qty=100, **terms):
    kind = "STP LMT" if "lmt" in terms else "STP"
    return order(ts, name, side, qty, order_type=kind, stop=price, **terms)


def fills(events, **config):
    found = simulate(events, config)["fills"]
    return [(f["order"], f["qty"], f["price"], f["liquidity"]) for f in found]


def final(events, name="a", **config):
    return simulate(events, config)["final"][name]
