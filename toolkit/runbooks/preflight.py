"""
The specification's live trading checklist, as far as a machine can check it.

Pure: the facts are gathered by the runbook. What is asked only before live trading is not answered
for paper trading, so that nobody takes a rehearsal for permission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd
import yaml

from toolkit.errors import ConfigError
from toolkit.runbooks.book import HOMES, find
from toolkit.runbooks.parameters import MODELS

LIVE_PORTS: Final = (4001, 7496)
PAPER_PORTS: Final = (4002, 7497)
LIVE_LIMITS: Final = (
    "max_order_notional",
    "max_position",
    "max_daily_loss",
    "price_collar_bps",
    "max_orders_per_second",
)
"""Limits that are off by default and have no business being off with real money."""
MAX_LEVERAGE: Final = 4
"""Gross exposure over net liquidation value that a margin account can have within a day (Regulation T)."""
DRILLS: Final = ("paper_trading_test", "kill_drill", "disaster_recovery_drill", "flatten")
"""Runbooks that somebody has to have run, and that have to have passed, before live trading."""


class Item(NamedTuple):
    """One line of the checklist; ``passed`` is None when it is asked only before live trading."""

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What was found.

    Attributes:
        live: whether real money is meant.
        account, paper, port: what we are connected to.
        read_only: ``IBKR_READ_ONLY``; None when it is not set.
        net_liquidation, available: account currency; None when the broker did not tell.
        limits: name -> value in force, None where there is none.
        metrics_port: 0 when metrics are not served.
        alert_rules: how many the monitoring has.
        killed: what came of pressing the kill switch here; None when it was not pressed.
        passed_runs: runbook -> when it last passed, UTC.
        missing: runbooks that are not there.
        now: UTC.
        within: how long a drill counts.
    """

    live: bool
    account: str
    paper: bool
    port: int
    read_only: bool | None
    net_liquidation: Decimal | None
    available: Decimal | None
    limits: Mapping[str, object]
    metrics_port: int
    alert_rules: int
    killed: bool | None
    passed_runs: Mapping[str, datetime]
    missing: tuple[str, ...]
    now: datetime
    within: timedelta


def checklist(facts: Facts) -> list[Item]:
    """The checklist, in the specification's order."""
    return [
        _funded(facts),
        Item("the API answers for the account", bool(facts.account), facts.account or "no account"),
        _port(facts),
        _orders_on(facts),
        _limits(facts),
        Item("metrics are served", facts.metrics_port > 0, f"PROMETHEUS_PORT is {facts.metrics_port}"),
        Item("alert rules are there", facts.alert_rules > 0, f"{facts.alert_rules} rules"),
        _kill_switch(facts),
        Item("the runbooks are there", not facts.missing, ", ".join(facts.missing) or "all of them"),
        _rehearsed(facts),
    ]


def _funded(facts: Facts) -> Item:
    known = facts.net_liquidation is not None and facts.available is not None
    funded = known and facts.net_liquidation > 0 and facts.available > 0  # type: ignore[operator]
    detail = f"{facts.net_liquidation:,.0f}, {facts.available:,.0f} available" if known else "not told"
    return Item("the account is funded", funded, detail)


def _port(facts: Facts) -> Item:
    wanted = "live" if facts.live else "paper"
    is_what = "a paper" if facts.paper else "a LIVE"
    fits = facts.paper is not facts.live and facts.port not in (PAPER_PORTS if facts.live else LIVE_PORTS)
    detail = f"port {facts.port}, {facts.account} is {is_what} account"
    return Item(f"port and account are for {wanted} trading", fits, detail)


def _orders_on(facts: Facts) -> Item:
    # A live account is read-only until IBKR_READ_ONLY says otherwise in so many words.
    on = facts.read_only is False if facts.live else facts.read_only is not True
    said = "not set" if facts.read_only is None else str(facts.read_only).lower()
    return Item("orders are not switched off", on, f"IBKR_READ_ONLY is {said}")


def _limits(facts: Facts) -> Item:
    missing = [name for name in LIVE_LIMITS if facts.limits.get(name) is None] if facts.live else []
    gross = Decimal(str(facts.limits["max_gross_exposure"]))
    room = None if facts.net_liquidation is None else MAX_LEVERAGE * facts.net_liquidation
    fits = room is not None and gross <= room
    detail = f"gross exposure up to {gross:,.0f}" + ("" if fits else ", more than the account can carry")
    if missing:
        detail += f"; not set: {', '.join(missing)}"
    return Item("risk limits fit the capital", fits and not missing, detail)


def _kill_switch(facts: Facts) -> Item:
    name = "the kill switch works"
    if facts.killed is not None:
        return Item(
            name, facts.killed, "pressed here: an order was " + ("denied" if facts.killed else "taken")
        )
    return _recent(name, ("kill_drill",), facts)


def _rehearsed(facts: Facts) -> Item:
    name = "the emergency procedures were rehearsed"
    return _recent(name, DRILLS, facts) if facts.live else Item(name, None, "asked before live trading")


def _recent(name: str, runbooks: tuple[str, ...], facts: Facts) -> Item:
    late = [each for each in runbooks if facts.now - facts.passed_runs.get(each, _NEVER) > facts.within]
    days = f"within {facts.within.days} days"
    return Item(name, not late, f"not passed {days}: {', '.join(late)}" if late else f"passed {days}")


_NEVER: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def passed_runs(runs: pd.DataFrame) -> dict[str, datetime]:
    """Runbook -> when it last passed, out of ``runs_frame``."""
    passed = runs[runs["outcome"] == "passed"]
    return {
        str(name): last.to_pydatetime() for name, last in passed.groupby("runbook")["started"].max().items()
    }


def missing_runbooks() -> tuple[str, ...]:
    """Runbooks of this package that cannot be found or read."""
    missing = []
    for name in MODELS:
        try:
            find(name)
        except ConfigError:
            missing.append(name)
    return tuple(missing)


def alert_rules() -> int:
    """How many alerting rules stand beside the runbooks; 0 when there is no such file."""
    files = [home / "deploy" / "alerts.yaml" for home in HOMES]
    found: list[Path] = [file for file in files if file.is_file()]
    if not found:
        return 0
    groups = yaml.safe_load(found[0].read_text(encoding="utf-8"))["groups"]
    return sum("alert" in rule for group in groups for rule in group["rules"])
