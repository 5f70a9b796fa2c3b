"""The commands with which an operator lets orders go or stops them; registered by ``toolkit.cli``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from toolkit.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.app.operator import Outcome
    from toolkit.settings import Settings

LEFT_OVER = 1
"""Exit code when a kill left orders that may still trade."""

_by = click.option("--by", help="Who gives the command; the user of this terminal unless given.")
_reason = click.option("--reason", default="", help="Why, for the journal.")


@click.command()
@_by
@_reason
@click.option("--account-wide", is_flag=True, help="Also cancel orders of other programs and manual ones.")
def kill(by: str | None, reason: str, account_wide: bool) -> None:
    """
    Stop intake at once and cancel every working order of ours, one by one.

    Works while a service or a notebook is busy, and when nothing runs. Only resume ends it.
    """
    outcome = _give("kill", by, reason)
    failed = _tell_swept(outcome)
    if account_wide:
        click.echo("This cancels EVERY order of the account, also those of other programs and manual ones.")
        account = click.prompt("Type the account to confirm")
        _give("cancel-account", by, reason, account=account)
        click.echo(f"Every order of {account} was asked to be cancelled.")
    sys.exit(LEFT_OVER if failed else 0)


@click.command()
@_by
@click.option("--reason", required=True, help="Why it is safe to go on.")
def resume(by: str | None, reason: str) -> None:
    """Let orders go again after a kill, a halt or reduce-only."""
    _give("resume", by, reason)
    click.echo("ACTIVE: orders may go again.")


@click.command()
@_by
@_reason
def halt(by: str | None, reason: str) -> None:
    """Send nothing but cancels; leave working orders alone."""
    _give("halt", by, reason)
    click.echo("HALTED: nothing but cancels is sent.")


@click.command("reduce-only")
@_by
@_reason
def reduce_only(by: str | None, reason: str) -> None:
    """Send only orders that bring a position closer to zero."""
    _give("reduce-only", by, reason)
    click.echo("REDUCE_ONLY: only orders that reduce a position are sent.")


@click.command()
@click.option("--account", required=True, help="The live account, for example U1234567.")
@click.option("--until", required=True, metavar="HH:MM", help="Local time today, or ISO 8601 with a zone.")
@click.option("--max-notional", required=True, help="What orders may add up to, in account currency.")
@click.option("--port", type=int, help="The gateway's port [IBKR_PORT].")
@_by
@_reason
def arm(account: str, until: str, max_notional: str, port: int | None, by: str | None, reason: str) -> None:
    """Let orders go to a live account until a time, up to an amount."""
    settings = _settings()
    end = read_until(until, datetime.now().astimezone())
    try:
        amount = Decimal(max_notional)
    except InvalidOperation as error:
        raise ConfigError(f"--max-notional is {max_notional!r}; give a number above 0.") from error
    port = settings.ibkr_port if port is None else port
    _give("arm", by, reason, account=account, port=port, until=end.astimezone(UTC), max_notional=amount)
    click.echo(f"ARMED: {account} on port {port} until {end:%Y-%m-%d %H:%M %Z}, up to {amount:,.2f}.")
    if settings.ibkr_read_only is not False:
        click.echo("Orders also need IBKR_READ_ONLY=false where the service or notebook runs.")


@click.command()
@_by
@_reason
def disarm(by: str | None, reason: str) -> None:
    """Let no orders go to live accounts any more."""
    _give("disarm", by, reason)
    click.echo("DISARMED: live accounts receive nothing.")


@click.command()
@click.argument("intent_id")
@_by
@click.option("--reason", required=True, help="Why it may go.")
def approve(intent_id: str, by: str | None, reason: str) -> None:
    """
    Let the order of INTENT_ID go that was denied as NEEDS_APPROVAL, once, within 15 minutes.

    Whoever wanted it cannot approve it, and has to send it again: desk.release("INTENT_ID"), or the
    same intent under a new id with the field "approval": "INTENT_ID".
    """
    from toolkit.orders.controls import Approved

    fact = _give("approve", by, reason, intent_id=intent_id).fact
    assert isinstance(fact, Approved)
    order = fact.intent
    prices = [f"{price:f}" for price in (order.stop_price, order.limit_price) if price is not None]
    words = (order.direction, f"{order.quantity:f}", order.symbol or order.con_id, order.order_type, *prices)
    click.echo(f"APPROVED until {fact.until:%H:%M:%S} UTC, for one order: {' '.join(map(str, words))}.")


@click.command()
@click.option("--after", type=click.FloatRange(min=2), default=20.0, show_default=True, help="Seconds.")
@click.option("--after-stop", is_flag=True, help="Also when it stopped as it was told.")
def watchdog(after: float, after_stop: bool) -> None:
    """
    Cancel our orders when the process that looks after them has died.

    Runs beside a service or notebook of the same TOOLKIT_HOME. When that is gone, and neither it nor a
    standby is back after so many seconds, this presses the kill switch in its place and ends. A service
    that answered on PROMETHEUS_PORT and then falls silent for as long is killed first. Ends with code 1
    when orders were left over.
    """
    import asyncio

    from toolkit.app import logs
    from toolkit.app.operator import Outcome
    from toolkit.app.watchdog import Watchdog

    settings = _settings()
    logs.configure(settings.log_level, settings.log_format, mask=settings.log_mask_accounts)
    click.echo(f"watching {settings.journal_path}")
    swept = asyncio.run(Watchdog(settings, after, after_stop=after_stop).run())
    if swept is not None and _tell_swept(Outcome(swept, swept)):
        sys.exit(LEFT_OVER)


@click.group()
def limits() -> None:
    """Show or change the risk limits."""


@limits.command()
def show() -> None:
    """Every limit with its unit and where it comes from, and what was last put in force."""
    from toolkit.journal.reader import JournalReader
    from toolkit.orders.controls import LimitsSet
    from toolkit.risk.catalogue import LIMITS
    from toolkit.risk.checker import SimpleRiskChecker

    settings = _settings()
    for limit in LIMITS:
        value, source = settings.limits[limit.name], settings.source_of(limit.name)
        click.echo(f"{limit.name:26} {_shown(value):>14} {limit.unit:17} {source}")
    click.echo(f"hash {SimpleRiskChecker(settings.limits).limits_hash}, file {settings.limits_path}")
    if not settings.journal_path.exists():
        return
    with JournalReader(settings.journal_path) as journal:
        set_ = [fact for _, fact in journal.controls() if isinstance(fact, LimitsSet)]
    if set_:
        last = set_[-1]
        when = f"{last.at:%Y-%m-%d %H:%M:%S} UTC"
        click.echo(f"last put in force: {last.limits_hash}, {when} by {last.by} ({last.reason})")


@limits.command("set")
@click.argument("name")
@click.argument("value")
@_by
@click.option("--reason", required=True, help="Why, for the journal.")
def set_limit(name: str, value: str, by: str | None, reason: str) -> None:
    """
    Set one limit in the limits file, and in the service or notebook that runs.

    VALUE is a number, true or false, a list separated by commas, or null for no limit.
    """
    import yaml

    from toolkit import limits_file
    from toolkit.risk.catalogue import LIMITS
    from toolkit.settings import Settings

    settings = _settings()
    units = {limit.name: limit.unit for limit in LIMITS}
    path = settings.limits_path
    before = path.read_bytes() if path.exists() else None
    values = {} if before is None else limits_file.read(path, units)
    limits_file.write(path, {**values, name: yaml.safe_load(value)}, units)
    try:
        changed = Settings.load().limits[name]
        _give("limits", by, reason, settings, limits={name: changed})
    except BaseException:
        path.unlink() if before is None else path.write_bytes(before)
        raise
    click.echo(f"{name} is {_shown(changed)} from now on, in {path} too.")


COMMANDS = (kill, resume, halt, reduce_only, arm, disarm, approve, watchdog, limits)


def read_until(text: str, now: datetime) -> datetime:
    """
    When an arming ends.

    Args:
        text: ``16:00`` of today in the zone of ``now``, or a full ISO 8601 time with its own.
        now: local time, with its zone.

    Raises:
        ConfigError: it is neither, or over.
    """
    try:
        if len(text) <= len("16:00"):
            of_day = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - the zone is that of now
            end = now.replace(hour=of_day.hour, minute=of_day.minute, second=0, microsecond=0)
        else:
            end = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--until is {text!r}; give HH:MM of today, or ISO 8601 with its zone.") from error
    if end.tzinfo is None:
        raise ConfigError(f"--until is {text!r}; add its zone, for example 2026-11-22T16:00-05:00.")
    if not now < end <= now + timedelta(hours=24):
        raise ConfigError(f"--until is {end:%Y-%m-%d %H:%M %Z}; it must be within the next 24 hours.")
    return end


def _give(
    action: str, by: str | None, reason: str, settings: Settings | None = None, **terms: Any
) -> Outcome:
    from toolkit.app.operator import give
    from toolkit.broker.control_files import new_command, whoami

    command = new_command(action, by or whoami(), reason, datetime.now(UTC), **terms)
    return give(settings or _settings(), command)


def _shown(value: object) -> str:
    return "none" if value in (None, "") else str(value)


def _tell_swept(outcome: Outcome) -> bool:
    """Print what a kill left behind; whether anything was."""
    swept, problem = outcome.swept, outcome.problem
    if swept is None:
        click.echo(f"KILLED. {problem or 'No order of ours was working'}.")
        return bool(problem)
    took = "" if swept.seconds is None else f", the last cancel left after {swept.seconds:.3f} s"
    ended = swept.orders - len(swept.leftovers)
    click.echo(f"KILLED. {ended} of {swept.orders} working orders ended{took}.")
    for intent_id, why in swept.leftovers.items():
        click.echo(f"LEFT OVER {intent_id}: {why}", err=True)
    return bool(swept.leftovers)


def _settings() -> Settings:
    from toolkit.settings import Settings

    return Settings.load()
