"""The operator's commands as they are typed: beside a service, beside a notebook, and when nothing runs."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.commands import Service, intents_csv, only_line, running, write
from tests.waiting import wait_until
from toolkit.app import operator
from toolkit.cli import main
from toolkit.control_commands import COMMANDS, read_until
from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.controls import AccountCancelled, Armed, ControlState, Standing, fold


def invoke(*arguments: object, **options: str) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], **options)


def standing(home: Path) -> Standing:
    with JournalReader(home / "journal.db") as journal:
        return fold(fact for _, fact in journal.controls())


def resting_order(gateway: PaperGateway, tmp_path: Path) -> None:
    assert invoke("submit", intents_csv(tmp_path / "x.csv", "rest,SPY,BUY,10,LIMIT,400")).exit_code == 0
    wait_until(lambda: gateway.ledger.requests)


def test_help_names_every_command() -> None:
    told = invoke("--help").stdout
    for command in COMMANDS:
        assert f"  {command.name} " in told


# --- while a service runs ----------------------------------------------------------------------------


def test_a_kill_beside_a_running_service_cancels_and_a_resume_ends_it(
    service: Service, gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    resting_order(gateway, tmp_path)
    done = invoke("kill", "--reason", "drill", "--by", "ann")
    assert done.exit_code == 0, done.output
    assert "KILLED. 1 of 1 working orders ended, the last cancel left after" in done.stdout
    assert len(gateway.ledger.cancels) == 1
    assert invoke("submit", intents_csv(tmp_path / "y.csv", "late,SPY,BUY,10,LIMIT,400")).exit_code == 0

    def denied() -> bool:
        with JournalReader(home / "journal.db") as journal:
            states = journal.states()
        return "late" in states and states["late"].reason_code == "KILLED"

    wait_until(denied)
    refused = invoke("halt", "--by", "ann")
    assert refused.exit_code == 1
    assert "halt was refused: The state is KILLED" in only_line(refused.stderr)
    assert invoke("resume", "--by", "ann", "--reason", "over").exit_code == 0
    assert standing(home).state is ControlState.ACTIVE
    assert not (home / "KILL").exists()
    assert len(gateway.ledger.requests) == 1


def test_an_approval_beside_a_running_service_lets_the_order_go_once(
    variables: dict[str, str], gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    head = "intent_id,symbol,direction,quantity,order_type,limit_price,submitted_by,approval"

    def submit(intent_id: str, approval: str = "") -> str:
        row = f"{intent_id},SPY,BUY,10,LIMIT,400,bob,{approval}"
        file = write(tmp_path / f"{intent_id}.csv", head, row)
        assert invoke("submit", file).exit_code == 0

        def decided() -> bool:
            with JournalReader(home / "journal.db") as journal:
                state = journal.states().get(intent_id)
            return state is not None and not state.undecided

        wait_until(decided)
        with JournalReader(home / "journal.db") as journal:
            return journal.states()[intent_id].reason_code

    with running("serve", APPROVE_ABOVE="1000", **variables):
        assert submit("a") == "NEEDS_APPROVAL"
        refused = invoke("approve", "a", "--by", "bob", "--reason", "fine")
        assert refused.exit_code == 1
        assert "bob wanted intent a" in only_line(refused.stderr)
        done = invoke("approve", "a", "--by", "ann", "--reason", "fine")
        assert done.exit_code == 0, done.output
        assert done.stdout.endswith("UTC, for one order: BUY 10 SPY LIMIT 400.\n")
        assert submit("b", "a") == ""
        assert submit("c", "a") == "NEEDS_APPROVAL"
    assert list(gateway.ledger.orders) == ["b"]


def test_sigusr1_is_a_kill_switch(
    service: Service, gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    resting_order(gateway, tmp_path)
    service.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: gateway.ledger.cancels)
    wait_until(lambda: standing(home).by == "SIGUSR1")


def test_the_account_wide_cancel_asks_for_the_account_to_be_typed(
    service: Service, gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    gateway.faults.add("foreign", symbol="SPY", quantity=5, limit=400.0)
    foreign = list(gateway.exchange.open_orders())
    assert len(foreign) == 1
    wrong = invoke("kill", "--account-wide", input="DU999\n")
    assert wrong.exit_code == 1
    assert "It is for account DU999, not for DU123456." in wrong.stderr
    assert gateway.exchange.open_orders()
    right = invoke("kill", "--account-wide", input="DU123456\n")
    assert right.exit_code == 0, right.output
    wait_until(lambda: not gateway.exchange.open_orders())
    with JournalReader(home / "journal.db") as journal:
        assert [fact.account for _, fact in journal.controls() if isinstance(fact, AccountCancelled)] == [
            "DU123456"
        ]


def test_a_process_that_does_not_answer_is_named_and_the_kill_stays_in_force(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "ANSWER_S", 0.1)
    with SqliteJournal(home / "journal.db"):
        done = invoke("kill")
        assert done.exit_code == 1
        assert f"Process {os.getpid()} has the journal and did not take up kill" in only_line(done.stderr)
        assert (home / "KILL").exists()
        assert invoke("halt").exit_code == 1
    assert list((home / "control").iterdir()) == []
    assert invoke("resume", "--reason", "over").exit_code == 0


# --- when nothing runs -------------------------------------------------------------------------------


def test_a_kill_when_nothing_runs_is_known_to_the_next_start(
    variables: dict[str, str], home: Path, gateway: PaperGateway, tmp_path: Path
) -> None:
    done = invoke("kill", "--reason", "drill")
    assert done.exit_code == 0, done.output
    assert done.stdout == "KILLED. No order of ours was working.\n"
    assert standing(home).state is ControlState.KILLED
    with running("serve", **variables):
        invoke("submit", intents_csv(tmp_path / "x.csv", "a,SPY,BUY,10,LIMIT,400"))

        def denied() -> bool:
            with JournalReader(home / "journal.db") as journal:
                return "a" in (states := journal.states()) and states["a"].final

        wait_until(denied)
    assert gateway.ledger.requests == []


def test_a_kill_when_nothing_runs_connects_and_ends_what_an_earlier_run_left(
    variables: dict[str, str], home: Path, gateway: PaperGateway, tmp_path: Path
) -> None:
    with running("serve", **variables):
        resting_order(gateway, tmp_path)
    done = invoke("kill")
    assert done.exit_code == 0, done.output
    assert "1 of 1 working orders ended" in done.stdout


def test_a_kill_without_a_gateway_says_what_may_still_work(
    variables: dict[str, str],
    home: Path,
    gateway: PaperGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running("serve", **variables):
        resting_order(gateway, tmp_path)
    monkeypatch.setenv("IBKR_PORT", "1")
    done = invoke("kill")
    assert done.exit_code == 1
    assert "KILLED. 1 orders may still work: Connection refused" in done.stdout
    assert standing(home).state is ControlState.KILLED


# --- arming ------------------------------------------------------------------------------------------

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=timezone(timedelta(hours=-5)))


def test_an_arming_is_journaled_with_all_its_terms(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    done = invoke(
        *("arm", "--account", "U1234567", "--port", 4001, "--by", "ann", "--reason", "go"),
        *("--until", end.isoformat(), "--max-notional", "25000.50"),
    )
    assert done.exit_code == 0, done.output
    assert "up to 25,000.50" in done.stdout
    assert "IBKR_READ_ONLY=false" in done.stdout
    token = standing(home).token
    assert isinstance(token, Armed)
    assert (token.account, token.port, token.until, str(token.max_notional)) == (
        *("U1234567", 4001, end),
        "25000.50",
    )
    assert invoke("disarm").exit_code == 0
    assert standing(home).token is None


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("16:00", NOON.replace(hour=16)),
        ("2026-01-05T16:00+00:00", None),
        ("2026-01-05T18:00+00:00", datetime(2026, 1, 5, 18, tzinfo=UTC)),
        ("11:59", None),
        ("12:00", None),
        ("25:00", None),
        ("2026-01-05T16:00", None),
        ("2026-01-06T12:01-05:00", None),
        ("tomorrow", None),
    ],
)
def test_an_arming_ends_today_or_at_a_full_time_and_never_in_the_past(
    text: str, end: datetime | None
) -> None:
    if end is None:
        with pytest.raises(ConfigError, match="--until is"):
            read_until(text, NOON)
    else:
        assert read_until(text, NOON) == end


@pytest.mark.parametrize("amount", ["much", "0", "-1", "NaN"])
def test_an_arming_needs_an_amount(home: Path, amount: str) -> None:
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    done = invoke("arm", "--account", "U1", "--until", end, f"--max-notional={amount}")
    assert done.exit_code in (1, 2)
    assert "max" in only_line(done.stderr)
