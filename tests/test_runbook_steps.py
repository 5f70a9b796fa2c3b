"""The small functions that the runbooks are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    OPEN,
    at,
    charged,
    executed,
    lost,
    noticed,
    placed,
    rejected,
    state_of,
    status,
)
from toolkit.errors import ConfigError, RunbookError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders import controls
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import OrderLedger
from toolkit.reports.positions import positions_frame
from toolkit.runbooks import Checks
from toolkit.runbooks.findings import exceptions, limits_in_force, provenance
from toolkit.runbooks.flatten import closing_orders
from toolkit.runbooks.orchestration import as_messages, kafka_servers, no_intent, practice_intents
from toolkit.runbooks.outputs import output_folder
from toolkit.runbooks.positions import compared
from toolkit.runbooks.preflight import Facts, alert_rules, checklist, missing_runbooks, passed_runs
from toolkit.runbooks.recovery import settle_absent
from toolkit.runbooks.served import Served
from toolkit.runbooks.session import session_of

# --- flatten -------------------------------------------------------------------------------------


def positions(**held: float) -> pd.DataFrame:
    rows = {"sec_type": "STK", "con_id": range(1, len(held) + 1), "position": list(held.values())}
    return pd.DataFrame(rows, index=pd.Index(list(held), name="symbol"))


@given(
    held=st.dictionaries(st.sampled_from(["SPY", "QQQ", "IBM"]), st.integers(-5000, 5000)),
    largest=st.integers(1, 2000),
)
def test_closing_orders_add_up_to_the_opposite_of_every_position(held: dict[str, int], largest: int) -> None:
    orders = closing_orders(positions(**held), largest)

    signed = orders["quantity"].where(orders["direction"] == "BUY", -orders["quantity"])
    left = signed.groupby(orders["symbol"]).sum().to_dict()
    assert left == {symbol: -position for symbol, position in held.items() if position}
    assert (orders["quantity"] <= largest).all()
    assert (orders["quantity"] > 0).all()


def test_only_the_symbols_that_were_named_are_closed() -> None:
    orders = closing_orders(positions(SPY=100, QQQ=-50), 1000, ["QQQ"])

    assert orders[["symbol", "direction", "quantity"]].values.tolist() == [["QQQ", "BUY", 50]]


# --- positions -----------------------------------------------------------------------------------


def test_positions_of_journal_and_broker_stand_side_by_side() -> None:
    journal = positions_frame([state_of(*placed(), executed(60))])
    broker = journal.iloc[[0, 0]].assign(position=[100.0, 7.0], con_id=pd.array([pd.NA, 8], dtype="Int64"))
    broker.index = pd.Index(["SPY", "IBM"], name="symbol")

    both = compared(journal, broker)

    assert both[["journal", "broker", "difference"]].T.to_dict("list") == {
        "IBM": [0.0, 7.0, 7.0],
        "SPY": [60.0, 100.0, 40.0],
    }


# --- findings ------------------------------------------------------------------------------------


def test_the_exceptions_are_what_does_not_belong_to_an_orders_ordinary_life() -> None:
    history: list[AnyEvent] = [
        *placed(),
        noticed(),
        executed(150),
        charged(None),
        *placed("gone", 8),
        lost(intent_id="gone"),
        *placed("refused", 9),
        rejected(intent_id="refused"),
    ]
    killed = controls.StateSet(at=at(5), by="ann", reason="fire", state=controls.ControlState.KILLED)

    found = exceptions(session_of(history, [killed]))

    told = {(row.order, row.what) for row in found.itertuples()}
    assert told >= {
        ("momentum-1", "noticed"),
        ("momentum-1", "filled too much"),
        ("momentum-1", "commission not known"),
        ("gone", "lost"),
        ("refused", "broker rejected"),
        ("", "state set"),
    }
    assert found["detail"].iloc[-1] == "KILLED, by ann: fire"
    assert found.index.is_monotonic_increasing


def test_an_ordinary_order_is_no_exception() -> None:
    assert exceptions(session_of([*placed(), status("Submitted"), executed(), charged()])).empty


def test_the_limits_last_put_in_force_are_shown_with_their_units() -> None:
    others = {"blocked_symbols": ["GME"], "max_position": None}
    facts = [
        controls.LimitsSet(
            at=at(n), by="ann", limits_hash="", limits={"max_order_quantity": quantity, **others}
        )
        for n, quantity in enumerate(["500", "1000"])
    ]

    shown = limits_in_force(session_of([], facts))

    assert shown.T.to_dict("list") == {
        "max_order_quantity": ["1,000", "units"],
        "blocked_symbols": ["GME", ""],
    }


def test_the_hash_of_a_report_changes_with_any_fact() -> None:
    history = [*placed(), executed()]
    mark = provenance(history)

    assert mark["Journal facts"].startswith("1 to 5, 2026-01-05 14:30:00")
    assert mark == provenance([*placed(), executed()])
    assert mark["Journal SHA-256"] != provenance([*placed(), executed(price="450.26")])["Journal SHA-256"]
    assert provenance([]) == {"Journal facts": "none"}


# --- preflight -----------------------------------------------------------------------------------

LIMITS = {
    "max_gross_exposure": Decimal(1_000_000),
    "max_order_notional": Decimal(50_000),
    "max_position": Decimal(5_000),
    "max_daily_loss": Decimal(10_000),
    "price_collar_bps": Decimal(50),
    "max_orders_per_second": Decimal(10),
}


def facts(**changes: Any) -> Facts:
    """A live account that is ready."""
    ready: dict[str, Any] = {
        "live": True,
        "account": "U1234567",
        "paper": False,
        "port": 4001,
        "read_only": False,
        "net_liquidation": Decimal(500_000),
        "available": Decimal(400_000),
        "limits": LIMITS,
        "metrics_port": 8002,
        "alert_rules": 7,
        "killed": None,
        "passed_runs": dict.fromkeys(
            ("paper_trading_test", "kill_drill", "disaster_recovery_drill", "flatten"), OPEN
        ),
        "missing": (),
        "now": OPEN + timedelta(days=3),
        "within": timedelta(days=30),
    }
    return Facts(**{**ready, **changes})


def test_a_live_account_that_is_ready_passes_every_line_of_the_checklist() -> None:
    items = checklist(facts())

    assert len(items) == 10, "as many as the specification's list has"
    assert [item.name for item in items if item.passed is not True] == []


@pytest.mark.parametrize(
    ("changes", "failed", "detail"),
    [
        ({"available": Decimal(0)}, "the account is funded", "500,000, 0 available"),
        ({"net_liquidation": None}, "the account is funded", "not told"),
        ({"account": ""}, "the API answers for the account", "no account"),
        ({"port": 4002}, "port and account are for live trading", "port 4002, U1234567 is a LIVE account"),
        ({"paper": True}, "port and account are for live trading", "port 4001, U1234567 is a paper account"),
        ({"read_only": None}, "orders are not switched off", "IBKR_READ_ONLY is not set"),
        ({"read_only": True}, "orders are not switched off", "IBKR_READ_ONLY is true"),
        (
            {"limits": {**LIMITS, "max_daily_loss": None}},
            "risk limits fit the capital",
            "gross exposure up to 1,000,000; not set: max_daily_loss",
        ),
        (
            {"net_liquidation": Decimal(200_000)},
            "risk limits fit the capital",
            "gross exposure up to 1,000,000, more than the account can carry",
        ),
        ({"metrics_port": 0}, "metrics are served", "PROMETHEUS_PORT is 0"),
        ({"alert_rules": 0}, "alert rules are there", "0 rules"),
        ({"missing": ("flatten",)}, "the runbooks are there", "flatten"),
        ({"killed": False}, "the kill switch works", "pressed here: an order was taken"),
    ],
)
def test_each_line_of_the_checklist_fails_by_itself(
    changes: dict[str, Any], failed: str, detail: str
) -> None:
    items = {item.name: item for item in checklist(facts(**changes))}

    assert items[failed].passed is False
    assert items[failed].detail == detail


def test_a_drill_of_long_ago_does_not_count() -> None:
    items = {item.name: item for item in checklist(facts(now=OPEN + timedelta(days=31)))}

    assert items["the kill switch works"].detail == "not passed within 30 days: kill_drill"
    assert items["the emergency procedures were rehearsed"].passed is False


def test_paper_trading_is_not_asked_for_rehearsals_and_gets_no_answer_about_them() -> None:
    ready = facts(live=False, paper=True, port=4002, account="DU123456", killed=True, passed_runs={})

    items = {item.name: item for item in checklist(ready)}

    assert items.pop("the emergency procedures were rehearsed").passed is None
    assert all(item.passed for item in items.values())


def test_only_runs_that_passed_count_the_latest_of_each() -> None:
    runs = pd.DataFrame(
        {
            "runbook": ["flatten", "flatten", "kill_drill"],
            "outcome": ["passed", "passed", "failed"],
            "started": pd.to_datetime([at(0), at(60), at(90)], utc=True),
        }
    )

    assert passed_runs(runs) == {"flatten": at(60)}


def test_this_checkout_has_its_runbooks_and_its_alert_rules() -> None:
    assert missing_runbooks() == ()
    assert alert_rules() > 0


# --- the bus -------------------------------------------------------------------------------------


def test_the_messages_of_a_drill_hold_every_intent_some_twice_and_one_that_is_none() -> None:
    intents = practice_intents(40, "SPY", "DU123456", "drill", seed=7)

    messages = as_messages(intents, "drill")

    bodies = [body for _, body in messages]
    assert bodies[-1] == no_intent("drill")
    read = [msgspec.json.decode(body)["intent_id"] for body in bodies[:-1]]
    assert len(read) == 42
    assert sorted(set(read)) == [intent["intent_id"] for intent in intents]
    assert intents == practice_intents(40, "SPY", "DU123456", "drill", seed=7)
    assert sum(intent["quantity"] > 1000 for intent in intents) == 4


def test_kafka_without_servers_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)

    assert kafka_servers("embedded") == ""
    with pytest.raises(ConfigError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        kafka_servers("kafka")


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match=r"The service did not start: .*127\.0\.0\.1:1"):
        Served({"TOOLKIT_HOME": str(tmp_path), "IBKR_PORT": "1"}, tmp_path / "service.log")


# --- recovery ------------------------------------------------------------------------------------


def test_only_orders_that_the_broker_never_had_are_settled_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal(path) as journal:
        ledger = OrderLedger(journal)
        for number, name in enumerate(("absent", "present")):
            for event in (*placed(name, 7 + number), lost(intent_id=name)):
                ledger.record(event)

    settled, left = settle_absent(path, {"present"}, by="drill")

    assert (settled, left) == (["absent"], ["present"])
    assert settle_absent(path, {"present"}, by="drill") == ([], ["present"])


# --- outputs and checks --------------------------------------------------------------------------


def test_files_go_beside_the_record_of_a_run_or_into_the_home(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    assert output_folder() == home / "outputs"
    monkeypatch.setenv("RUNBOOK_RECORD", str(tmp_path / "run" / "result.json"))
    assert output_folder() == tmp_path / "run"


def test_h51_a_task_that_failed_unseen_in_an_event_loop_is_a_failed_check(
    loop_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)

    async def session() -> None:
        checks = Checks()
        checks.that("all is well", condition=True)
        task = asyncio.create_task(_fail())
        await asyncio.sleep(0)
        with pytest.raises(RunbookError, match="OSError: feed lost in task"):
            checks.finish()
        assert task.exception() is not None

    async def _fail() -> None:
        raise OSError("feed lost")

    loop_run(session())
