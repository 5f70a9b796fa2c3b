"""``toolkit resolve`` and ``toolkit reconcile``: a person settles what nobody can tell, and says why."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests import builders
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.cli import main
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.events import Resolved
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState, OrderStatus


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def journal_path(home: Path) -> Path:
    return home / "journal.db"


@pytest.fixture
def unknown(journal_path: Path) -> None:
    """A journal with one order that is unknown and one that works."""
    with SqliteJournal(journal_path) as journal:
        ledger = OrderLedger(journal)
        for event in (*builders.placed(), builders.lost(), *builders.placed("live", 8)):
            ledger.record(event)


def states(path: Path) -> dict[str, OrderState]:
    with JournalReader(path) as journal:
        return journal.states()


@pytest.mark.usefixtures("unknown")
def test_an_unknown_order_is_settled_with_name_and_reason_in_the_journal(journal_path: Path) -> None:
    done = invoke(
        "resolve", builders.INTENT_ID, "--as", "cancelled", "--by", "Ada", "--reason", "TWS shows none"
    )
    assert (done.exit_code, "is Cancelled now" in done.output) == (0, True), done.output
    assert states(journal_path)[builders.INTENT_ID].status is OrderStatus.CANCELLED
    with JournalReader(journal_path) as journal:
        (fact,) = [event for event in journal.events() if isinstance(event, Resolved)]
        (report,) = [each for each in journal.reports(builders.INTENT_ID) if each["event"] == "Cancelled"]
    assert (fact.by, fact.reason) == ("Ada", "TWS shows none")
    assert (report["reason"], report["final"]) == ("Settled by Ada: TWS shows none", True)


@pytest.mark.usefixtures("unknown")
def test_a_fill_from_the_statement_is_settled_with_its_exact_price(journal_path: Path) -> None:
    done = invoke(
        *("resolve", builders.INTENT_ID, "--as", "filled", "--by", "Ada", "--reason", "statement"),
        *("--price", "450.105", "--quantity", "40"),
    )
    assert done.exit_code == 0, done.output
    state = states(journal_path)[builders.INTENT_ID]
    assert (state.status, state.filled_quantity) == (OrderStatus.CANCELLED, 40)
    assert str(state.avg_fill_price) == "450.105"


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("live", "--as", "cancelled", "--reason", "x"), "not Unknown"),
        (("nobody", "--as", "cancelled", "--reason", "x"), "has no intent nobody"),
        ((builders.INTENT_ID, "--as", "filled", "--reason", "x"), "without the price"),
        ((builders.INTENT_ID, "--as", "filled", "--reason", "x", "--price", "nan"), "above 0"),
        ((builders.INTENT_ID, "--as", "gone", "--reason", "x"), "not-placed"),
        ((builders.INTENT_ID, "--as", "cancelled"), "--reason"),
    ],
)
def test_what_cannot_be_settled_changes_nothing_and_says_why(
    arguments: tuple[str, ...], sentence: str, journal_path: Path
) -> None:
    done = invoke("resolve", *arguments)
    assert (done.exit_code, sentence in done.output) == (2, True), done.output
    assert states(journal_path)[builders.INTENT_ID].status is OrderStatus.UNKNOWN


def test_without_a_journal_nothing_is_created(journal_path: Path) -> None:
    done = invoke("resolve", "any", "--as", "cancelled", "--reason", "x")
    assert (done.exit_code, "There is no journal" in done.output) == (2, True)
    assert not journal_path.exists()


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("resolve", builders.INTENT_ID, "--as", "cancelled", "--reason", "x"), "end it with SIGTERM"),
        (("reconcile",), "reconciles by itself"),
    ],
)
def test_while_the_service_holds_the_journal_the_command_says_what_to_do(
    command: tuple[str, ...], advice: str, journal_path: Path
) -> None:
    with SqliteJournal(journal_path):
        done = invoke(*command)
    assert (done.exit_code, advice in done.output) == (1, True), done.output


@pytest.mark.usefixtures("unknown")
def test_the_audit_runs_beside_the_service_and_fails_on_a_contradiction(journal_path: Path) -> None:
    with SqliteJournal(journal_path) as journal:
        assert invoke("reconcile", "--audit").exit_code == 0
        journal.append(builders.cancelled(intent_id="live"), None)
        journal.flush()
        done = invoke("reconcile", "--audit")
    assert done.exit_code == 1
    assert "I11 live: its facts make 2 reports, but the numbers found are: 1." in done.output


@pytest.fixture
def gateway(gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch) -> PaperGateway:
    """One that every command finds."""
    monkeypatch.setenv("IBKR_PORT", str(gateway.port))
    return gateway


def place(gateway: PaperGateway, *names: str) -> None:
    """Place resting orders in a session of their own."""

    async def work() -> None:
        client = IBKRExecClient({"port": gateway.port})
        assert await client.connect_async(), client.last_error
        for name in names:
            await client.place_order(builders.raw_intent(intent_id=name, limit_price=440))
        await until(lambda: client.ledger.get(names[0]).acked_at)  # type: ignore[union-attr]
        await client.disconnect_async()

    asyncio.run(work())


def test_reconcile_adopts_what_the_broker_knows_and_lists_what_it_does_not(
    gateway: PaperGateway, journal_path: Path
) -> None:
    gateway.faults.add("drop", message="placeOrder", order_ref="vanished")
    place(gateway, "rests", "vanished")
    before = datetime.now(UTC)
    done = invoke("reconcile")
    assert done.exit_code == 1, done.output
    assert "vanished is Unknown (BUY 100 SPY" in done.output
    assert "rests" not in done.output
    assert states(journal_path)["rests"].status is OrderStatus.SUBMITTED
    invoke("resolve", "vanished", "--as", "not-placed", "--reason", "TWS never saw it")
    assert invoke("reconcile").exit_code == 0
    assert all(order.received_at < before for order in gateway.ledger.requests)


def test_reconcile_without_a_gateway_says_what_to_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PaperGateway(port=0, quotes=None) as closed:
        monkeypatch.setenv("IBKR_PORT", str(closed.port))
    done = invoke("reconcile")
    assert (done.exit_code, "nothing listens" in done.output) == (3, True)
