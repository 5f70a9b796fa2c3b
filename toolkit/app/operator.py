"""
An operator's command from another process: to whoever holds the journal, or straight into it.

A kill is left as a file first, which is in force at once and needs nobody to answer. Then its fact
in the journal is waited for: a command counts when it is on disk, not when it was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from toolkit.broker.client_config import ClientConfig
from toolkit.broker.control_files import ControlFiles
from toolkit.broker.controls import Controls
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.broker.market import MarketBook
from toolkit.errors import ControlError, JournalLockedError, NotConnectedError
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.controls import AnyFact, Command, CommandRefused, Swept
from toolkit.orders.ledger import OrderLedger
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.settings import Settings

Found = TypeVar("Found", bound=AnyFact)

ANSWER_S: Final = 15.0
"""Seconds that a running process has to take up a command."""
SWEEP_S: Final = 120.0
"""Seconds that it has to cancel and verify all orders."""
LOOK: Final = 0.05


class Outcome(NamedTuple):
    """
    What came of a command.

    Attributes:
        fact: what it became.
        swept: of a kill, what it left behind; None while nobody could look.
        problem: why nobody could; ``""`` when somebody did, or there was no open order to look after.
    """

    fact: AnyFact
    swept: Swept | None = None
    problem: str = ""


def give(settings: Settings, command: Command) -> Outcome:
    """
    Give a command to the process that holds the journal; without one, journal it and act ourselves.

    Raises:
        ControlError: it was not obeyed, or nobody answered; says what to do.
        JournalError: the journal cannot be used.
        NotConnectedError: nothing runs, and the gateway that it needs cannot be reached.
    """
    kill = command.action == "kill"
    if kill:
        ControlFiles(settings.toolkit_home).leave(command)
    try:
        outcome = asyncio.run(_act(settings, command))
    except JournalLockedError as error:
        outcome = _through_files(settings, command, error.pid)
    if isinstance(outcome.fact, CommandRefused):
        raise ControlError(f"{command.action} was refused: {outcome.fact.why}")
    return outcome


async def _act(settings: Settings, command: Command) -> Outcome:
    """Nothing runs: be the process that holds the journal for a moment."""
    if command.action == "cancel-account":
        return Outcome(await _connected(settings, command))
    with SqliteJournal(settings.journal_path) as journal:
        market = MarketBook(_now)
        ledger = OrderLedger(journal, [market.observe])
        controls = Controls(journal, ledger, market, _config(settings), _now)
        if command.action == "limits":
            checker = SimpleRiskChecker(settings.limits)
            await controls.use_limits(checker, "as they were before a change", command.by)
        fact = await controls.obey(command)
        left = [state.intent_id for state in ledger.working()]
    if command.action != "kill" or not left:
        return Outcome(fact)
    client = IBKRExecClient(told(settings))
    if not await client.connect_async():
        return Outcome(fact, problem=f"{len(left)} orders may still work: {client.last_error}")
    try:
        return Outcome(fact, await client.controls.swept())
    finally:
        await client.disconnect_async()


async def _connected(settings: Settings, command: Command) -> AnyFact:
    client = IBKRExecClient(told(settings))
    if not await client.connect_async():
        raise NotConnectedError(client.last_error)
    try:
        return await client.controls.obey(command)
    finally:
        await client.disconnect_async()


def _through_files(settings: Settings, command: Command, pid: int) -> Outcome:
    kill = command.action == "kill"
    files = ControlFiles(settings.toolkit_home)
    path = files.kill_file if kill else files.leave(command)
    with JournalReader(settings.journal_path) as journal:
        fact = _wait_for(lambda: _fact_of(journal, command), ANSWER_S)
        if fact is None:
            if not kill:
                path.unlink(missing_ok=True)
            raise ControlError(
                f"Process {pid} has the journal and did not take up {command.action} in {ANSWER_S:g} s; "
                + (f"{path} stays and nothing is sent while it exists, " if kill else "it is taken back, ")
                + f"but see what the process is doing, end it if need be (kill {pid}), and try again."
            )
        if not kill or isinstance(fact, CommandRefused):
            return Outcome(fact)
        swept = _wait_for(lambda: _swept_after(journal, command), SWEEP_S)
        problem = "" if swept else f"process {pid} has not verified every cancel within {SWEEP_S:g} s"
        return Outcome(fact, swept, problem)


def _fact_of(journal: JournalReader, command: Command) -> AnyFact | None:
    return next((fact for _, fact in journal.controls() if fact.command == command.id), None)


def _swept_after(journal: JournalReader, command: Command) -> Swept | None:
    facts = iter([fact for _, fact in journal.controls()])
    for fact in facts:
        if fact.command == command.id:
            break
    return next((fact for fact in facts if isinstance(fact, Swept)), None)


def _wait_for(look: Callable[[], Found | None], seconds: float) -> Found | None:
    deadline = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < deadline:
        time.sleep(LOOK)
    return found


def told(settings: Settings) -> dict[str, object]:
    """What a client needs to know to end orders in the place of the process that placed them."""
    return {
        "host": settings.ibkr_host,
        "port": settings.ibkr_port,
        "client_id": settings.ibkr_client_id,
        "account": settings.ibkr_account,
        "home": settings.toolkit_home,
    }


def _config(settings: Settings) -> ClientConfig:
    return ClientConfig.of(told(settings))


def _now() -> datetime:
    return datetime.now(UTC)
