"""The demo from beginning to end: trade a day, prove that it adds up, and write the reports about it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
from rich.console import Console
from rich.status import Status

from toolkit import runbooks
from toolkit.demo.session import DAY_S, Session, trade
from toolkit.demo.summary import summary
from toolkit.errors import ConfigError
from toolkit.orders.ledger import OrderLedger
from toolkit.runbooks.reconcile import reconcile
from toolkit.settings import Settings

SHOWN_BREACHES = 10


def run_demo(
    settings: Settings | None = None,
    *,
    seed: int = 2026,
    seconds: float = DAY_S,
    console: Console | None = None,
) -> int:
    """
    Trade a sample day on this machine, audit it, run both runbooks, and print how it went.

    Everything is written below ``TOOLKIT_HOME/demo/<UTC time>/``.

    Args:
        settings: for TOOLKIT_HOME; the demo has its own gateway, bus and limits. None: the environment's.
        seed: of the market and of the intents.
        seconds: how long the trading day lasts.
        console: where to print.

    Returns:
        0 when everything reconciles and both runbooks passed, else 1.

    Raises:
        ToolkitError: the demo could not start, or stopped in the middle.
    """
    console = console or Console()
    own = _own_settings(settings or Settings.load())
    home = own.toolkit_home
    with _logging_to(home / "demo.log"), console.status("Starting ...") as status:
        line = _Line(status)
        session = trade(own, seed, line.day, seconds)
        line.say("Comparing journal, reports and live orders with the gateway's own record ...")
        problems = _problems(own, session)
        line.say("Running the runbook session_report ...")
        report = runbooks.run(
            "session_report",
            {
                "journal": own.journal_path,
                "quotes": session.quotes,
                "title": f"Demo session, seed {seed}",
            },
            settings=own,
            progress=False,
        )
        line.say("Running the runbook paper_trading_test ...")
        test = runbooks.run("paper_trading_test", settings=own, progress=False)
    console.print(summary(session, problems, (report, test)))
    problems += [f"{each.notebook.stem}: {each.reason}" for each in (report, test) if each.exit_code]
    for problem in problems[:SHOWN_BREACHES]:
        console.print(f"  {problem}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    if len(problems) > SHOWN_BREACHES:
        console.print(f"  ... and {len(problems) - SHOWN_BREACHES} more.", style="bold red")
    files = {"report": report.html, "paper-trading test": test.html, "journal": own.journal_path, "all": home}
    for name, path in files.items():
        # A path is for copying: never wrapped.
        console.print(f"{name + ':':<20}{path}", soft_wrap=True, markup=False, highlight=False)
    return 1 if problems else 0


def _own_settings(settings: Settings) -> Settings:
    """A home of its own, an embedded bus, a paper account, and limits that some of the intents break."""
    home = settings.toolkit_home.resolve() / "demo" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    try:
        home.mkdir(parents=True)
    except FileExistsError as error:
        raise ConfigError("Another demo started this very second; start it again.") from error
    except OSError as error:
        raise ConfigError(f"{home} cannot be made ({error.strerror}); set TOOLKIT_HOME.") from error
    return settings.model_copy(
        update={
            "toolkit_home": home,
            "kafka_bootstrap_servers": "",
            "ibkr_account": "",
            "ibkr_read_only": False,
            "max_order_quantity": Decimal(1000),
            "max_gross_exposure": Decimal(8_000_000),
            "intent_ttl_s": 300.0,
        }
    )


def _problems(settings: Settings, session: Session) -> list[str]:
    """Everything that does not add up, one sentence each."""
    day = session.day
    reports = [msgspec.json.decode(body) for body in session.reports]
    problems = [
        str(breach)
        for breach in reconcile(settings.journal_path, session.truth, live=session.orders, reports=reports)
    ]
    problems += [f"The order of {intent_id} did not end in time." for intent_id in session.working]
    missing = day.intent_ids - session.orders.keys()
    problems += [f"Intent {intent_id} never arrived." for intent_id in sorted(missing)]
    problems += [f"Intent {name} was never sent." for name in sorted(session.orders.keys() - day.intent_ids)]
    conflicts = sum(report["report_seq"] == 0 for report in reports)
    if conflicts != day.conflicts:
        problems.append(f"{conflicts} of {day.conflicts} re-used ids were denied.")
    if session.dead_letters != day.dead:
        problems.append(f"{session.dead_letters} dead letters, expected {day.dead}.")
    return problems


@dataclass(frozen=True, slots=True)
class _Line:
    """One line that says what is going on; rich shows it on a terminal only, and removes it at the end."""

    status: Status

    def say(self, text: str) -> None:
        self.status.update(text)

    def day(self, age: float, ledger: OrderLedger, sent: int) -> None:
        fills = sum(len(state.executions) for state in ledger)
        working = sum(state.working for state in ledger)
        self.say(f"{age:4.1f} s   {sent} intents sent   {fills} fills   {working} orders working")


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """What the package logs goes to a file: some intents are meant to be refused, loudly."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("toolkit")
    before = log.propagate
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before
        handler.close()
