"""The table of fill cases, each through `simulate` and over a real socket: the same fills and ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ib_async import Contract, Order
from ib_async.client import Client
from ib_async.decoder import Decoder

from tests.gateway.case_table import CASES
from tests.gateway.cases import Case, Event, moment
from toolkit.gateway import PaperGateway
from toolkit.gateway.clock import ManualClock
from toolkit.gateway.instruments import Instrument, Universe
from toolkit.gateway.matching import simulate
from toolkit.gateway.wire import Receiver

RANK = {"quote": 0, "trade": 1, "halt": 1, "resume": 1}
VERSION = 178
INSTRUMENTS = [
    Instrument(con_id=number, symbol=f"CASE{number}", long_name=case.sentence)
    for number, case in enumerate(CASES, start=1)
]
LIQUIDITY = {1: "add", 2: "remove"}


class Heard:
    """What a client's decoder calls: fills, statuses and errors are kept, the rest is not."""

    defaultTimezone = UTC  # noqa: N815 - the name that the decoder knows

    def __init__(self) -> None:
        self.fills: list[Any] = []
        self.statuses: dict[int, tuple[str, int]] = {}
        self.errors: dict[int, int] = {}

    def execDetails(self, req_id: int, contract: Contract, execution: Any) -> None:
        self.fills.append(execution)

    def orderStatus(self, order_id: int, status: str, filled: float, *_: Any) -> None:
        self.statuses[order_id] = (status, int(filled))

    def error(self, req_id: int, code: int, *_: Any) -> None:
        if req_id >= 0 and code not in (202, 399, 2109):
            self.errors[req_id] = code

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class RawClient:
    """A blocking socket that speaks as ib_async does, one question at a time."""

    def __init__(self, gateway: PaperGateway) -> None:
        self._socket = socket.create_connection((gateway.host, gateway.port), timeout=10)
        self._receiver = Receiver()
        self._receiver.feed(b"API\0" + b"\0\0\0\x09v151..178")
        self._client = Client(object())
        self._client.clientId = 1
        self._client._serverVersion = VERSION
        self._client.connState = Client.CONNECTED
        self._client.sendMsg = self._say  # type: ignore[method-assign]
        hello = f"v{VERSION}".encode()
        self._socket.sendall(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        self.begin()
        self._read()
        self._client.startApi()
        self.settle()

    def begin(self) -> None:
        self.heard = Heard()
        self._decoder = Decoder(self.heard, VERSION)

    def tell(self, call: str, *args: Any) -> None:
        getattr(self._client, call)(*args)

    def settle(self) -> None:
        """Hear everything that the gateway has said up to now."""
        self._client.reqCurrentTime()
        while "49" not in self._read():
            pass

    def close(self) -> None:
        self._socket.close()

    def _say(self, message: str) -> None:
        data = message.encode()
        self._socket.sendall(len(data).to_bytes(4, "big") + data)

    def _read(self) -> set[str]:
        data = self._socket.recv(1 << 16)
        assert data, "the gateway has closed the connection"
        frames = [item for item in self._receiver.feed(data) if isinstance(item, list)]
        for fields in frames:
            if not fields[0].isdigit() or len(fields) == 2:
                continue  # the version
            self._decoder.interpret(fields)
        return {fields[0] for fields in frames}


class Stage:
    """A gateway whose time the test owns, and a client of it."""

    def __init__(self, **config: Any) -> None:
        self.clock = ManualClock(moment("00:00:00"))
        self.gateway = PaperGateway.start_in_thread(
            quotes=None,
            hours="regular",
            cash=Decimal(10**12),
            universe=Universe(INSTRUMENTS),
            clock=self.clock,
            **config,
        )
        self.client = RawClient(self.gateway)
        self._next_id = 1
        self._latency = timedelta(milliseconds=config.get("latency_ms", 0))

    def close(self) -> None:
        self.client.close()
        self.gateway.stop()

    def play(self, case: Case) -> dict[str, Any]:
        """Let a case happen to an instrument and in a week of its own."""
        week = CASES.index(case)
        self._con_id = week + 1
        self._ids: dict[str, int] = {}
        self._sent: dict[str, Event] = {}
        self.client.begin()
        for event in sorted(case.dated(week), key=lambda event: (event["ts"], RANK.get(event["type"], 2))):
            self._act(event)
        self.client.settle()
        self._land()
        result = self._result(self.client.heard)
        self.client.tell("reqGlobalCancel")
        self.client.settle()
        return result

    def _act(self, event: Event) -> None:
        floor, now, con_id = self.gateway.floor, event["ts"], self._con_id
        if event["type"] == "quote":
            terms = [event[name] for name in ("bid", "ask", "bid_size", "ask_size")]
            self._at(now, lambda: floor.quote(con_id, *terms, now))
        elif event["type"] == "trade":
            more = event.get("cond", ""), event.get("aggressor", "")
            self._at(now, lambda: floor.trade(con_id, event["price"], event["size"], now, *more))
        elif event["type"] in ("halt", "resume"):
            self._at(now, lambda: floor.halt(con_id, now, halted=event["type"] == "halt"))
        else:
            self._at(now, lambda: None)
            self._ask(event)
            self.client.settle()

    def _at(self, now: Any, action: Any) -> None:
        """As one batch of the gateway, so that nothing of its own comes between."""

        def batch(_: Any) -> None:
            self.clock.set(now)
            action()

        self.gateway.call(batch)

    def _land(self) -> None:
        """Let orders in flight go live after the last event, as `simulate` does."""
        if self._latency:
            landing = self.clock.now() + self._latency
            self._at(landing, lambda: self.gateway.floor.advance(landing))
            self.client.settle()

    def _ask(self, event: Event) -> None:
        name = event["id"]
        if event["type"] == "cancel":
            self.client.tell("cancelOrder", self._ids[name])
            return
        if event["type"] == "order":
            self._ids[name] = self._next_id
            self._next_id += 1
        terms = self._sent[name] = {**self._sent.get(name, {}), **event}
        contract = Contract(conId=self._con_id, exchange=terms.get("exchange", "SMART"))
        self.client.tell("placeOrder", self._ids[name], contract, self._order(terms))

    def _order(self, terms: Event) -> Order:
        order = Order(
            action=terms["side"],
            totalQuantity=terms["qty"],
            orderType=terms["order_type"],
            tif=terms.get("tif", "DAY"),
            outsideRth=terms.get("outside_rth", False),
            triggerMethod=terms.get("trigger_method", 0),
            parentId=self._ids.get(terms["parent"], 999_999) if "parent" in terms else 0,
            ocaGroup=f"{self._con_id}/{terms['oca_group']}" if "oca_group" in terms else "",
            ocaType=terms.get("oca_type", 0),
            transmit=terms.get("transmit", True),
        )
        trails = terms["order_type"].startswith("TRAIL")
        wire_names = {"lmt": "lmtPrice", "stop": "trailStopPrice" if trails else "auxPrice"}
        wire_names |= {"trail_amount": "auxPrice", "trail_percent": "trailingPercent"}
        wire_names["lmt_offset"] = "lmtPriceOffset"
        for ours, theirs in wire_names.items():
            if ours in terms:
                setattr(order, theirs, terms[ours])
        return order

    def _result(self, heard: Heard) -> dict[str, Any]:
        statuses, errors = heard.statuses, heard.errors
        names = {order_id: name for name, order_id in self._ids.items()}
        return {
            "fills": [
                (
                    names[fill.orderId],
                    int(fill.shares),
                    fill.price,
                    LIQUIDITY[fill.lastLiquidity],
                )
                for fill in heard.fills
            ],
            "final": {
                name: statuses.get(order_id) or ("Rejected", errors[order_id])
                for name, order_id in self._ids.items()
            },
            "errors": {names[order_id]: code for order_id, code in errors.items() if order_id in statuses},
        }


@pytest.fixture(scope="module")
def stages() -> Iterator[Any]:
    """One gateway per configuration, started when a case first needs it."""
    found: dict[Any, Stage] = {}

    def stage(config: dict[str, Any]) -> Stage:
        key = tuple(config.items())
        if key not in found:
            found[key] = Stage(**config)
        return found[key]

    yield stage
    for each in found.values():
        each.close()


def simulated(case: Case) -> dict[str, Any]:
    result = simulate(case.dated(), case.config)
    final, errors = {}, {}
    for name, row in result["final"].items():
        rejected = row["status"] == "Rejected"
        final[name] = (row["status"], row["error"] if rejected else row["filled"])
        for refusal in ("cancel_error", "modify_error"):
            if refusal in row:
                errors[name] = row[refusal]
    fills = [(fill["order"], fill["qty"], fill["price"], fill["liquidity"]) for fill in result["fills"]]
    return {"fills": fills, "final": final, "errors": errors}


EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}: {case.sentence}" for case in CASES])


@EVERY_CASE
def test_simulate_gives_what_the_table_says(case: Case) -> None:
    assert simulated(case) == {"fills": case.fills, "final": case.final, "errors": case.errors}


@EVERY_CASE
def test_the_socket_gives_what_the_table_says(case: Case, stages: Any) -> None:
    found = stages(case.config).play(case)
    assert found == {"fills": case.fills, "final": case.final, "errors": case.errors}


def test_the_table_has_at_least_sixty_cases_of_every_rule() -> None:
    rules = [case.rule for case in CASES]
    assert len(CASES) >= 60
    assert {f"R{n}" for n in range(1, 14)} <= set(rules)
    assert len({case.sentence for case in CASES}) == len(CASES)
