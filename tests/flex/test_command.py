"""``toolkit flex`` over a real session: the statement is written from the paper gateway's own ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from click.testing import CliRunner, Result

from tests import builders
from tests.auditing import assert_one_story
from tests.flex.xml import cancel, document, row
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.cli import main
from toolkit.gateway import PaperGateway
from toolkit.journal.audit import audit
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.state import OrderState, OrderStatus

NEW_YORK = ZoneInfo("America/New_York")


def trade(loop_run: Any, gateway: PaperGateway, *, until_charged: bool = True) -> None:
    """Buy 100 SPY, and hear of the fill."""

    async def session() -> None:
        client = IBKRExecClient({"port": gateway.port, "client_id": 2})
        assert await client.connect_async(), client.last_error
        await client.place_order(builders.market_intent())
        ledger = client.ledger
        await until(lambda: state_in(ledger).status is OrderStatus.FILLED)
        if until_charged:
            await until(lambda: state_in(ledger).known_commission is not None)
        await client.disconnect_async()

    loop_run(session())


def state_in(ledger: Any) -> OrderState:
    state = ledger.get(builders.INTENT_ID)
    assert state is not None
    return state


def rows_of(gateway: PaperGateway) -> list[str]:
    """The gateway's fills as the broker would write them."""
    return [
        row(
            symbol=fill.symbol,
            conid="756733",
            ibExecID=fill.exec_id,
            ibOrderID=str(fill.perm_id),
            orderReference=fill.order_ref,
            tradeID=f"5{n}",
            transactionID=f"9{n}",
            buySell="BUY" if fill.side == "BOT" else "SELL",
            quantity=str(fill.shares if fill.side == "BOT" else -fill.shares),
            tradePrice=str(fill.price),
            ibCommission=str(-fill.commission),
            dateTime=f"{fill.time.astimezone(NEW_YORK):%Y%m%d;%H%M%S}",
        )
        for n, fill in enumerate(gateway.ledger.fills.values())
    ]


def written(tmp_path: Path, gateway: PaperGateway, *more: str, **changes: Any) -> Path:
    days = [fill.time.astimezone(NEW_YORK).date() for fill in gateway.ledger.fills.values()]
    period = {"fromDate": f"{min(days):%Y%m%d}", "toDate": f"{max(days):%Y%m%d}", "whenGenerated": ""}
    file = tmp_path / "day.xml"
    file.write_bytes(document(*rows_of(gateway), *more, **{**period, **changes}))
    return file


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["flex", *(str(each) for each in arguments)])


def state(home: Path) -> OrderState:
    with JournalReader(home / "journal.db") as journal:
        return journal.states()[builders.INTENT_ID]


def facts(home: Path) -> int:
    with JournalReader(home / "journal.db") as journal:
        return journal.last_seq()


def test_the_statement_of_a_day_that_went_well_agrees(
    gateway: PaperGateway, home: Path, loop_run: Any, tmp_path: Path
) -> None:
    trade(loop_run, gateway)
    done = invoke(written(tmp_path, gateway))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "1 executions agree, 0 differences." in done.stdout


def test_h39_a_commission_that_never_came_is_applied_once_and_the_books_tell_one_story(
    gateway: PaperGateway, home: Path, loop_run: Any, tmp_path: Path
) -> None:
    gateway.faults.add("drop", message="commissionReport", times=0)
    trade(loop_run, gateway, until_charged=False)
    assert state(home).known_commission is None
    file = written(tmp_path, gateway)
    told = invoke(file)
    assert told.exit_code == 1
    assert f"commission: {builders.INTENT_ID} " in told.stdout
    before = facts(home)
    done = invoke(file, "--apply")
    assert (done.exit_code, facts(home)) == (0, before + 1)
    assert "1 facts journaled" in done.stdout
    (fill,) = gateway.ledger.fills.values()
    assert state(home).known_commission == fill.commission
    again = invoke(file, "--apply")
    assert (again.exit_code, facts(home)) == (0, before + 1)
    assert_one_story(home / "journal.db", gateway)


def test_h34_a_bust_is_applied_by_name_and_is_reported(
    gateway: PaperGateway, home: Path, loop_run: Any, tmp_path: Path
) -> None:
    trade(loop_run, gateway)
    file = written(tmp_path, gateway, cancel(conid="756733", origTradeID="50"))
    assert invoke(file).stdout.startswith(f"bust: {builders.INTENT_ID} ")
    assert invoke(file, "--apply", "--by", "ann").exit_code == 0
    busted = state(home)
    assert (busted.status, busted.filled_quantity) == (OrderStatus.CANCELLED, 0)
    assert busted.resolved is not None
    assert busted.resolved.by == "ann"
    with JournalReader(home / "journal.db") as journal:
        events = [report["event"] for report in journal.reports(builders.INTENT_ID)]
        assert "Correction" in events
        assert audit(list(journal.events()), journal.reports()) == []
    for table in ("orders", "fills", "positions", "reports"):
        assert CliRunner().invoke(main, [table]).exit_code == 0


def test_a_statement_of_another_account_is_refused(
    gateway: PaperGateway, home: Path, loop_run: Any, tmp_path: Path
) -> None:
    trade(loop_run, gateway)
    file = tmp_path / "other.xml"
    file.write_bytes(document(accountId="U7654321"))
    before = facts(home)
    for arguments in ([file], [file, "--apply"]):
        done = invoke(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("other.xml is of account U7654321, but the journal")
    assert facts(home) == before


def test_a_trade_by_hand_is_told_and_the_exit_code_stays_1_after_applying(
    gateway: PaperGateway, home: Path, loop_run: Any, tmp_path: Path
) -> None:
    trade(loop_run, gateway)
    by_hand = row(ibExecID="0009.01.01", orderReference="", ibOrderID="7", tradeID="77", transactionID="78")
    done = invoke(written(tmp_path, gateway, by_hand), "--apply")
    assert done.exit_code == 1
    assert "of another program: SPY 0009.01.01: journal nothing, statement BOT 100 at 450.25" in done.stdout
    assert "0 facts journaled" in done.stdout


def test_a_journal_in_use_is_read_beside_its_owner_but_not_written(
    gateway: PaperGateway, home: Path, loop_run: Any, tmp_path: Path
) -> None:
    trade(loop_run, gateway)
    file = written(tmp_path, gateway)
    with SqliteJournal(home / "journal.db"):
        assert invoke(file).exit_code == 0
        refused = invoke(file, "--apply")
    assert refused.exit_code == 1
    assert "end it with SIGTERM" in refused.stderr


def test_applying_without_a_journal_makes_none(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "day.xml"
    file.write_bytes(document(row()))
    done = invoke(file, "--apply")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"There is no journal {home / 'journal.db'}")
    assert not home.exists()
