"""The demo, run once for real: a paper-trading day that has to add up, and the files that it leaves."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from toolkit.demo import run_demo
from toolkit.demo.day import SYMBOLS, sample_day
from toolkit.gateway.ledger import Ledger
from toolkit.runbooks import Record
from toolkit.runbooks.reconcile import reconcile
from toolkit.runbooks.session import Session, read_session
from toolkit.settings import Settings

PRICES = {symbol: Decimal(100 + 10 * place) for place, symbol in enumerate(SYMBOLS)}


@dataclass(frozen=True)
class Demo:
    code: int
    output: str
    toolkit_home: Path
    folder: Path
    session: Session


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    home = tmp_path_factory.mktemp("demo")
    output = StringIO()
    code = run_demo(Settings.load(toolkit_home=home), seconds=8.0, console=Console(file=output, width=120))
    (folder,) = (home / "demo").iterdir()
    return Demo(code, output.getvalue(), home, folder, read_session(folder / "journal.db"))


def test_the_day_adds_up(demo: Demo) -> None:
    assert demo.code == 0, demo.output
    assert "problems" not in demo.output


def test_the_audit_would_have_noticed_fills_that_the_gateway_never_issued(demo: Demo) -> None:
    journal = demo.folder / "journal.db"

    assert reconcile(journal) == []
    invented = {breach.subject for breach in reconcile(journal, Ledger()) if breach.invariant == 2}
    assert invented == set(demo.session.fills["intent_id"])


def test_the_table_says_what_happened_with_units(demo: Demo) -> None:
    for text in ("order intents", "rejected by the broker", "MAX_GROSS_EXPOSURE", " USD", " bps", " ms"):
        assert text in demo.output


def test_the_day_is_a_busy_one(demo: Demo) -> None:
    session = demo.session
    sent = session.sent

    assert len(session.states) >= 200
    assert set(SYMBOLS) <= set(sent["symbol"])
    assert {"MARKET", "LIMIT", "STOP", "STOP_LIMIT"} == set(sent["order_type"])
    assert {"Filled", "Cancelled", "Rejected"} == set(sent["status"])
    assert "IB110" in set(session.rejected["reason_code"])
    assert (session.fills.groupby("intent_id").size() > 1).any(), "some orders fill in several parts"
    assert session.denied["reason_code"].nunique() >= 10
    assert session.orders["final"].all()


def test_everything_is_below_the_demo_folder_and_the_printed_paths_exist(demo: Demo) -> None:
    assert [path.name for path in demo.toolkit_home.iterdir()] == ["demo"]
    for line in demo.output.splitlines()[-4:]:
        path = Path(line.partition(":")[2].strip())
        assert path.exists()
        assert path.is_relative_to(demo.folder)


def test_both_runbooks_passed_and_their_pages_need_no_network(demo: Demo) -> None:
    records = [Record.read(path) for path in (demo.folder / "runs").glob("*/result.json")]
    pages = [path.read_text(encoding="utf-8") for path in (demo.folder / "runs").glob("*/*.html")]

    assert {(record.runbook, record.outcome) for record in records} == {
        ("session_report", "passed"),
        ("paper_trading_test", "passed"),
    }
    assert len(pages) == 2
    for page in pages:
        assert not re.search(r"""<[^>]*\b(src|href)=["'](?!data:|#)""", page)
        assert "data:image/png" in page
        assert "Traceback" not in page


def test_the_quotes_of_the_day_are_kept(demo: Demo) -> None:
    with (demo.folder / "quotes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert {row["symbol"] for row in rows} == set(SYMBOLS)
    assert all(Decimal(row["bid"]) < Decimal(row["ask"]) for row in rows)


def test_the_intents_of_a_seed_are_always_the_same() -> None:
    assert sample_day(7, PRICES, 12.0) == sample_day(7, PRICES, 12.0)
    assert sample_day(7, PRICES, 12.0).messages != sample_day(8, PRICES, 12.0).messages


def test_the_messages_of_a_day_come_in_the_order_of_time_and_repeat_no_id_by_accident() -> None:
    day = sample_day(2026, PRICES, 12.0)

    times = [message.at for message in day.messages]
    assert times == sorted(times)
    assert all(0 <= at <= 12.0 for at in times)
    readable = len(day.messages) - (day.dead - 1)
    assert readable == len(day.intent_ids) + day.repeats + day.conflicts
