"""
The command that schedules ask whether there is anything to do today.

Registered on the command group of ``cli``; see there for the exit codes.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import click

NOTHING_TO_DO: Final = 1
LOOK_S: Final = 30.0
"""Seconds between two looks at the clock: a machine that slept, or whose clock was set, is on time again."""


@click.command()
@click.option("--exchange", default="XNYS", show_default=True, help="Market identifier code.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Day there [today].")
@click.option("--until", type=click.Choice(["open", "close"]), help="Wait for this moment of the session.")
@click.option(
    "--minutes-before", type=click.FloatRange(min=0), default=0.0, help="Wait until so long before."
)
def session(exchange: str, day: datetime | None, until: str | None, minutes_before: float) -> None:
    """
    Say whether an exchange trades: exit code 0 on a day with a session, 1 on one without.

    With --until it returns when the moment has come, on early closes too; 1 when it has passed.
    """
    from toolkit.trading_day import NoSession, trading_day

    found = trading_day(exchange, None if day is None else day.date(), datetime.now(UTC))
    click.echo(found.told)
    if isinstance(found, NoSession):
        sys.exit(NOTHING_TO_DO)
    if until is not None:
        moment = found.opens if until == "open" else found.closes
        moment -= timedelta(minutes=minutes_before)
        if datetime.now(UTC) > moment:
            click.echo(f"{moment:%Y-%m-%d %H:%M} UTC has passed.", err=True)
            sys.exit(NOTHING_TO_DO)
        while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
            time.sleep(min(left, LOOK_S))
