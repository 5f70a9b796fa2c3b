"""Raw callbacks become events, through the library's decoder, whatever the broker writes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests import builders
from toolkit.broker.decoder import OrderDecoder
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.order_messages import Fill, OpenOrder
from toolkit.broker.values import decimal, parse_time
from toolkit.orders.events import AnyEvent, CommissionCharged, Executed, StatusReported

NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


class Ears:
    """A hand-written listener: everything belongs to one intent."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.failures: list[str] = []
        self.foreign: list[str] = []
        self.known_executions: set[str] = set()

    def intent_of(
        self,
        client_id: int | None,
        order_id: int,
        perm_id: int,
        order_ref: str,
        con_id: int = 0,
        side: str = "",
    ) -> str | None:
        return builders.INTENT_ID if order_id else None

    def intent_of_execution(self, exec_id: str) -> str | None:
        return builders.INTENT_ID if exec_id in self.known_executions else None

    def record(self, event: AnyEvent) -> None:
        self.events.append(event)
        if isinstance(event, Executed):
            self.known_executions.add(event.exec_id)

    def on_error(self, request_id: int, code: int, text: str) -> None: ...

    def on_open_order(self, intent_id: str | None, shown: OpenOrder) -> None: ...

    def on_foreign_execution(self, fill: Fill) -> None:
        self.foreign.append(fill.exec_id)

    def on_reply(self, name: str, *values: Any) -> None: ...

    def on_decode_failure(self, error: BaseException | None, message: str) -> None:
        self.failures.append(message)

    def on_disconnected(self) -> None: ...


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def decoder(ears: Ears) -> OrderDecoder:
    return OrderDecoder(IBKRExecutionWrapper(ears, lambda: builders.OPEN), 178, ears)


def exec_details(time: str = "20260105 12:00:00 UTC", order_id: int = 7, shares: str = "100") -> list[str]:
    contract = ["756733", "SPY", "STK", "", "0", "", "", "ARCA", "USD", "SPY", "SPY"]
    order = ["0001.01.01", time, "DU1", "ARCA", "BOT", shares, "450.25", "901", "2", "0", shares, "450.25"]
    return ["11", "-1", str(order_id), *contract, *order, "momentum-1", "", "", "", "2", "0"]


def commission(value: str = "1.0") -> list[str]:
    return ["59", "1", "0001.01.01", value, "USD", "1.7976931348623157E308", "1.7976931348623157E308", ""]


@pytest.mark.parametrize(
    "text",
    [
        "20260105 12:00:00 UTC",
        "20260105  12:00:00",
        "20260105-12:00:00",
        "20260105 07:00:00 US/Eastern",
        "20260105 13:00:00 MET",
        "20260105 12:00:00 Universal",
    ],
)
def test_h9_every_known_form_of_an_execution_time_is_the_same_instant(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize("text", ["", "20260105 12:00:00 Nowhere/Zone", "20261399 12:00:00 UTC", "soon"])
def test_h9_an_unreadable_time_never_costs_the_fill(text: str, decoder: OrderDecoder, ears: Ears) -> None:
    decoder.interpret(exec_details(text))
    (fill,) = ears.events
    assert isinstance(fill, Executed)
    assert (fill.shares, fill.price, fill.time, fill.time_text) == (100, Decimal("450.25"), None, text)
    assert ears.failures == []


def test_an_execution_is_one_event_with_exact_numbers(decoder: OrderDecoder, ears: Ears) -> None:
    decoder.interpret(exec_details(shares="0.1"))
    (fill,) = ears.events
    assert isinstance(fill, Executed)
    assert (fill.exec_id, fill.shares, fill.side, fill.time) == ("0001.01.01", Decimal("0.1"), "BOT", NOON)
    assert (fill.perm_id, fill.liquidity, fill.recovered) == (901, "remove", False)


def test_an_execution_in_answer_to_a_request_is_marked_recovered(decoder: OrderDecoder, ears: Ears) -> None:
    fields = exec_details()
    fields[1] = "1000000001"
    decoder.interpret(fields)
    (fill,) = ears.events
    assert isinstance(fill, Executed)
    assert fill.recovered


def test_h26_a_fill_that_is_not_ours_is_handed_over_as_foreign(decoder: OrderDecoder, ears: Ears) -> None:
    decoder.interpret(exec_details(order_id=0))
    assert (ears.events, ears.foreign) == ([], ["0001.01.01"])


def test_h39_a_commission_before_its_execution_waits_for_it(decoder: OrderDecoder, ears: Ears) -> None:
    decoder.interpret(commission())
    assert ears.events == []
    decoder.interpret(exec_details())
    assert [type(event) for event in ears.events] == [Executed, CommissionCharged]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.25", Decimal("1.25")),
        ("0", Decimal(0)),
        ("-0.2", Decimal("-0.2")),
        ("-1", None),
        ("1.7976931348623157E308", None),
    ],
)
def test_h39_an_unknown_commission_is_none_and_a_rebate_keeps_its_sign(
    text: str, amount: Decimal | None, decoder: OrderDecoder, ears: Ears
) -> None:
    decoder.interpret(exec_details())
    decoder.interpret(commission(text))
    charged = ears.events[-1]
    assert isinstance(charged, CommissionCharged)
    assert (charged.commission, charged.realized_pnl) == (amount, None)


def test_a_status_keeps_the_brokers_own_word(decoder: OrderDecoder, ears: Ears) -> None:
    status = ["3", "7", "Submitted", "30", "70", "450.2", "901", "0", "450.2", "2", "locate", "0"]
    decoder.interpret(status)
    (event,) = ears.events
    assert isinstance(event, StatusReported)
    assert (event.word, event.filled, event.perm_id, event.why_held) == ("Submitted", 30, 901, "locate")


@pytest.mark.parametrize("fields", [exec_details()[:20], ["3", "x"], ["11"], ["999999"]])
def test_a_message_that_cannot_be_read_is_an_alarm_not_a_log_line(
    fields: list[str], decoder: OrderDecoder, ears: Ears
) -> None:
    decoder.interpret(fields)
    assert len(ears.failures) == 1
    assert ears.events == []


@pytest.mark.parametrize(
    ("value", "exact"), [(0.1, "0.1"), (100.0, "100"), (1e-8, "1E-8"), (450.25, "450.25")]
)
def test_a_float_off_the_wire_becomes_the_number_that_was_written(value: float, exact: str) -> None:
    assert decimal(value) == Decimal(exact)
