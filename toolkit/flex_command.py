"""
The command that holds the broker's Flex statement against the journal.

Registered on the command group of ``cli``; see there for the exit codes.
"""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from toolkit.errors import ConfigError, JournalLockedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolkit.flex.compare import Comparison, Difference
    from toolkit.flex.statement import Statement
    from toolkit.orders.state import OrderState
    from toolkit.settings import Settings

FAILED: Final = 1


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--apply", "applied", is_flag=True, help="Journal late commissions, fills, corrections and busts."
)
@click.option("--by", default=getpass.getuser, help="Who has it applied [the user logged in].")
def flex(file: Path, applied: bool, by: str) -> None:
    """
    Hold the Flex statement in FILE (XML) against the journal, and list what differs.

    It needs the sections Trades or Trade Confirms, at execution level, with account, symbol, conid,
    buySell, quantity, price, commission and its currency, execution id, order id, order reference, trade
    id and date/time; Commission Details are used where they are there.
    """
    from toolkit.flex.compare import compare
    from toolkit.flex.statement import read
    from toolkit.settings import Settings

    settings, statements, now = Settings.load(), read(file), datetime.now(UTC)
    if applied:
        left = _apply(settings, statements, file.name, by, now)
    else:
        from toolkit.journal.reader import JournalReader

        with JournalReader(settings.journal_path) as journal:
            states = journal.states()
        left = []
        for statement in _ours(statements, states, settings, file):
            left += _tell(statement, compare(statement, states, now))
    sys.exit(FAILED if left else 0)


def _apply(
    settings: Settings, statements: list[Statement], name: str, by: str, now: datetime
) -> list[Difference]:
    """Journal what can be, and return what only a person can settle."""
    from toolkit.flex.book import book
    from toolkit.flex.compare import compare
    from toolkit.journal.sqlite import SqliteJournal
    from toolkit.orders.ledger import OrderLedger

    if not settings.journal_path.exists():
        raise ConfigError(f"There is no journal {settings.journal_path}; set TOOLKIT_HOME to its folder.")
    try:
        journal: Any = SqliteJournal(settings.journal_path)
    except JournalLockedError as error:
        raise JournalLockedError(
            f"The journal is in use by process {error.pid or 'unknown'}: end it with SIGTERM (its orders "
            "stay at the broker), apply the statement, and start it again.",
            pid=error.pid,
        ) from None
    left: list[Difference] = []
    with journal:
        ledger = OrderLedger(journal)
        states = {state.intent_id: state for state in ledger}
        for statement in _ours(statements, states, settings, Path(name)):
            differences = _tell(statement, compare(statement, states, now))
            facts = book(ledger, differences, by=by, source=name, now=now)
            journal.flush()
            click.echo(f"{facts} facts journaled; their reports go out when the service starts.")
            left += [difference for difference in differences if not difference.facts]
    return left


def _ours(
    statements: list[Statement], states: Mapping[str, OrderState], settings: Settings, file: Path
) -> Iterable[Statement]:
    """The statements of the accounts that this journal traded; a file without any is refused."""
    accounts = {state.account for state in states.values() if state.order_id is not None and state.account}
    accounts |= {settings.ibkr_account} if settings.ibkr_account else set()
    found = [statement for statement in statements if not accounts or statement.account in accounts]
    if not found:
        raise ConfigError(
            f"{file.name} is of account {', '.join(each.account for each in statements)}, but the journal "
            f"{settings.journal_path} is of {', '.join(sorted(accounts))}; nothing was compared."
        )
    for other in statements:
        if other not in found:
            click.echo(f"Account {other.account} did not trade here; it is left out.", err=True)
    return found


def _tell(statement: Statement, comparison: Comparison) -> list[Difference]:
    """Print a comparison; its differences."""
    for each in comparison.differences:
        subject = each.intent_id or each.symbol
        journal, told = each.journal or "nothing", each.statement or "nothing"
        click.echo(f"{each.kind.value}: {subject} {each.exec_id}: journal {journal}, statement {told}")
    if comparison.later:
        click.echo(
            f"{len(comparison.later)} fills came too late for this statement; compare them with the next: "
            f"{', '.join(comparison.later)}"
        )
    click.echo(
        f"{statement.account} from {statement.first} to {statement.last}: {comparison.matched} executions "
        f"agree, {len(comparison.differences)} differences."
    )
    return comparison.differences
