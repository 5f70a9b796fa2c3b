"""
What an operator does about orders that nobody can account for: settle one by hand, or ask the broker.

Registered on the command group of ``cli``; see there for the exit codes.
"""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import click

from toolkit.errors import ConfigError, JournalLockedError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolkit.broker.ibkr_exec_client import IBKRExecClient
    from toolkit.journal.audit import Breach
    from toolkit.orders.state import OrderState
    from toolkit.settings import Settings

FAILED: Final = 1
OUTCOMES: Final = ("not-placed", "cancelled", "filled")


def _positive(_: click.Context, parameter: click.Parameter, text: str | None) -> Decimal | None:
    """An exact number above 0."""
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise click.BadParameter(f"{text!r} is no number.") from error
    if not number.is_finite() or number <= 0:
        raise click.BadParameter(f"{parameter.name} should be above 0, and is {text}.")
    return number


@click.command()
@click.argument("intent_id")
@click.option("--as", "outcome", type=click.Choice(OUTCOMES), required=True, help="What became of it.")
@click.option("--by", default=getpass.getuser, help="Who says so [the user logged in].")
@click.option("--reason", required=True, help="How you know.")
@click.option("--quantity", callback=_positive, help="With filled: units that no execution told [the rest].")
@click.option("--price", callback=_positive, help="With filled: the average price paid.")
def resolve(
    intent_id: str, outcome: str, by: str, reason: str, quantity: Decimal | None, price: Decimal | None
) -> None:
    """
    Settle the order of INTENT_ID, of which nobody can tell what became of it.

    Only an Unknown order can be settled by hand; name and reason are journaled. If the broker shows
    the order later after all, the broker is believed.
    """
    from toolkit.journal.sqlite import SqliteJournal
    from toolkit.orders.ledger import OrderLedger
    from toolkit.orders.resolution import resolution

    settings = _settings()
    if not settings.journal_path.exists():
        raise ConfigError(f"There is no journal {settings.journal_path}; set TOOLKIT_HOME to its folder.")
    try:
        journal = SqliteJournal(settings.journal_path)
    except JournalLockedError as error:
        raise JournalLockedError(
            f"The journal is in use by process {error.pid or 'unknown'}: end it with SIGTERM (its orders "
            "stay at the broker), settle the order, and start it again; a notebook settles its own with "
            "client.resolve(...).",
            pid=error.pid,
        ) from None
    with journal:
        ledger = OrderLedger(journal)
        state = ledger.get(intent_id)
        if state is None:
            raise ConfigError(f"The journal {settings.journal_path} has no intent {intent_id}.")
        for event in resolution(
            state,
            outcome,
            by=by,
            reason=reason,
            now=datetime.now(UTC),
            quantity=quantity,
            price=price,
        ):
            state = ledger.record(event)
        journal.flush()
    click.echo(f"{intent_id} is {state.status.value} now; its report goes out when the service starts.")


@click.command()
@click.option("--audit", "audited", is_flag=True, help="Only check journal and reports; needs no gateway.")
def reconcile(audited: bool) -> None:
    """
    Ask the broker what became of our orders, adopt it, and list what nobody can tell.

    A running service does so by itself; --audit may run beside it.
    """
    import asyncio

    settings = _settings()
    if audited:
        breaches = _audit(settings)
        for breach in breaches:
            click.echo(str(breach))
        click.echo(f"{len(breaches)} contradictions between journal and reports.")
        sys.exit(FAILED if breaches else 0)
    try:
        found = asyncio.run(_ask(settings))
    except JournalLockedError as error:
        raise JournalLockedError(
            f"The journal is in use by process {error.pid or 'unknown'}, which reconciles by itself; "
            "`toolkit reconcile --audit` works beside it.",
            pid=error.pid,
        ) from None
    for line in found:
        click.echo(line)
    sys.exit(FAILED if found else 0)


async def _ask(settings: Settings) -> list[str]:
    """Connect, adopt what the broker knows, and say what stays open; nothing is placed."""
    from toolkit.broker.ibkr_exec_client import IBKRExecClient

    client = IBKRExecClient(
        {
            "host": settings.ibkr_host,
            "port": settings.ibkr_port,
            "client_id": settings.ibkr_client_id,
            "account": settings.ibkr_account,
            "home": settings.toolkit_home,
        }
    )
    try:
        if not await client.connect_async():
            raise NotConnectedError(client.last_error)
        return _summary(client)
    finally:
        await client.disconnect_async()


def _summary(client: IBKRExecClient) -> list[str]:
    """What a person has to look at, one sentence each; how much is well goes to stderr."""
    states = tuple(client.ledger)
    open_questions = [*_unknown(states)]
    open_questions += [f"{symbol} is locked: {reason}" for symbol, reason in client.market.locks().items()]
    working = sum(state.working for state in states)
    click.echo(
        f"{len(states)} intents, {working} working, {len(open_questions)} open questions; "
        f"{len(client.market.foreign_orders)} open orders and {client.inbox.foreign_fills} fills of others.",
        err=True,
    )
    return open_questions


def _unknown(states: Iterable[OrderState]) -> list[str]:
    from toolkit.orders.state import OrderStatus

    return [
        f"{state.intent_id} is Unknown ({state.direction} {state.remaining_quantity} {state.symbol}, order "
        f"{state.order_id}): {state.reason}"
        for state in states
        if state.status is OrderStatus.UNKNOWN
    ]


def _audit(settings: Settings) -> list[Breach]:
    from toolkit.journal.audit import audit
    from toolkit.journal.reader import JournalReader

    with JournalReader(settings.journal_path) as journal:
        return audit(journal.events(), journal.reports(), as_of=datetime.now(UTC))


def _settings() -> Settings:
    from toolkit.settings import Settings

    return Settings.load()
