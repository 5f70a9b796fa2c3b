"""The gate: received once, decided once, both recorded before anything else happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import builders
from toolkit.errors import IntentError
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import AnyEvent
from toolkit.orders.jsonable import as_json
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate

SPY = Instrument(con_id=1, symbol="SPY", sec_type="STK", currency="USD")


class MemoryJournal:
    """Remembers facts and reports in lists."""

    def __init__(self) -> None:
        self.facts: list[AnyEvent] = []
        self.reports: list[dict[str, Any]] = []

    def append(self, event: AnyEvent, report: dict[str, Any] | None) -> int:
        self.facts.append(event)
        if report is not None:
            self.reports.append(report)
        return len(self.facts)

    def events(self) -> Iterator[AnyEvent]:
        return iter(())


class Stage:
    """A gate with a clock that the test owns."""

    def __init__(self) -> None:
        self.now = builders.OPEN
        self.journal = MemoryJournal()
        self.gate = Gate(
            OrderLedger(self.journal), clock=self.clock, ttl=timedelta(seconds=60), account="DU1"
        )

    def clock(self) -> datetime:
        return self.now

    def receive(self, **changes: Any) -> tuple[OrderState, bool]:
        return self.gate.receive(builders.raw_intent(**changes))

    def decide(self, state: OrderState, checker: SimpleRiskChecker | None = None) -> OrderState:
        quote = Quote(Decimal("449.99"), Decimal("450.01"))
        return self.gate.decide(state, checker or SimpleRiskChecker(), SPY, quote)

    @property
    def kinds(self) -> list[str]:
        return [type(fact).__name__ for fact in self.journal.facts]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_intent_is_recorded_before_it_is_judged_and_the_verdict_is_recorded_too(stage: Stage) -> None:
    state, first = stage.receive()
    assert first
    assert stage.kinds == ["Received"]
    state = stage.decide(state)
    assert stage.kinds == ["Received", "Accepted"]
    assert (state.bid, state.ask) == (Decimal("449.99"), Decimal("450.01"))
    assert state.account == "DU1"


def test_the_same_intent_again_is_recognised_and_recorded_once(stage: Stage) -> None:
    before, _ = stage.receive()
    again, first = stage.receive(signal_strength=0.9)
    assert first
    assert again == before
    assert stage.kinds == ["Received"]


def test_another_order_under_a_taken_id_is_refused_and_the_first_one_stands(stage: Stage) -> None:
    before, _ = stage.receive()
    state, first = stage.receive(quantity=200)
    assert not first
    assert state.quantity == before.quantity
    assert state.status is not OrderStatus.REJECTED
    (report,) = stage.journal.reports
    assert report["reason_code"] == "DUPLICATE_INTENT"
    assert report["status"] == "Rejected"
    assert report["report_seq"] == 0
    assert "new id" in report["rejection_reason"]


def test_an_intent_that_cannot_be_read_is_denied_under_its_id_with_the_field_named(stage: Stage) -> None:
    state, _ = stage.receive(quantity=-1)
    assert state.status is OrderStatus.REJECTED
    assert state.reason_code == "BAD_QUANTITY"
    assert "quantity is -1" in state.reason


def test_an_intent_without_a_usable_id_cannot_be_recorded(stage: Stage) -> None:
    with pytest.raises(IntentError, match="intent_id"):
        stage.receive(intent_id="no spaces allowed")
    assert stage.kinds == []


def test_h19_an_intent_whose_time_has_passed_is_denied_as_stale(stage: Stage) -> None:
    state, _ = stage.receive()
    stage.now += timedelta(seconds=61)
    state = stage.decide(state)
    assert state.reason_code == "STALE"
    assert state.status is OrderStatus.REJECTED


def test_a_denial_carries_every_reason_with_observed_and_limit(stage: Stage) -> None:
    state, _ = stage.receive(quantity=100)
    stage.decide(state, SimpleRiskChecker({"max_order_quantity": 99, "blocked_symbols": ["SPY"]}))
    report = stage.journal.reports[-1]
    assert [decision["code"] for decision in report["decisions"]] == ["MAX_ORDER_QUANTITY", "BLOCKED_SYMBOL"]
    assert (report["decisions"][0]["observed"], report["decisions"][0]["limit"]) == (100, 99)
    assert report["limits_hash"] == ""
    assert "quantity 100 is above max_order_quantity 99" in report["rejection_reason"]


class SilentNo(SimpleRiskChecker):
    def validate(self, intent: dict[str, Any]) -> bool:
        return False


class Broken(SimpleRiskChecker):
    def validate(self, intent: dict[str, Any]) -> bool:
        return bool(intent["no such field"])


def test_a_subclass_that_gives_no_reason_denies_with_the_documents_words(stage: Stage) -> None:
    state, _ = stage.receive()
    assert stage.decide(state, SilentNo()).reason == "Risk limits exceeded"


def test_a_risk_check_that_breaks_denies_instead_of_letting_pass(stage: Stage) -> None:
    state, _ = stage.receive()
    state = stage.decide(state, Broken())
    assert state.reason_code == "RISK_CHECK_FAILED"
    assert "KeyError" in state.reason


def test_whatever_a_raw_intent_holds_becomes_plain_json() -> None:
    raw = {
        "count": np.int64(3),
        "price": np.float64(1.5),
        "flag": np.bool_(True),
        "exact": Decimal("450.10"),
        "long": Decimal("0.12345678901234567890"),
        "when": pd.Timestamp("2026-01-05T14:30Z"),
        "nothing": None,
        "nan": float("nan"),
        "nested": {"list": [1, (2, Decimal(3))]},
    }
    assert as_json(raw) == {
        "count": 3,
        "price": 1.5,
        "flag": True,
        "exact": 450.1,
        "long": "0.12345678901234567890",
        "when": "2026-01-05T14:30:00+00:00",
        "nothing": None,
        "nan": "nan",
        "nested": {"list": [1, [2, 3]]},
    }
