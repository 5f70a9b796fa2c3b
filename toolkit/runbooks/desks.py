"""The desk of a runbook: its own paper gateway, or the account that the operator named."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from toolkit.desk.connecting import connect
from toolkit.desk.desk import Desk
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.runbooks.checks import Checks
from toolkit.runbooks.preflight import LIVE_PORTS
from toolkit.settings import Settings


def open_desk(checks: Checks, gateway: str, account: str = "", *, seed: int = 7, **options: Any) -> Desk:
    """
    Connect, check that this is the account that was meant, and end the runbook when it is not.

    A live account has to be named, so that no default and no stale setting leads to one (hazard H13).

    Args:
        checks: of the runbook.
        gateway: ``"paper"`` for a paper gateway of its own, ``""`` for the one of the settings.
        account: the one that is meant; ``""``: whichever is there, if it is a paper account.
        seed: of the paper gateway's market.
        options: more of ``toolkit.connect``.

    Raises:
        RunbookError: it is not the account that was meant; a live port without a name is not even called.
        NotConnectedError, ConfigError, JournalError: as ``toolkit.connect``.
    """
    given = account or None
    if gateway == "paper":
        desk = connect("paper", account=given, seed=seed, **options)
    else:
        port = Settings.load().ibkr_port
        if port in LIVE_PORTS and not account:
            checks.that("a live account is named", condition=False, detail=f"port {port} is for live trading")
            checks.finish()
        desk = connect(account=given, **options)
    health = desk.health()
    kind = "paper" if health["paper"] else "LIVE"
    meant = health["account"] == account if account else health["paper"]
    checks.that(
        "connected", health["ready"], f"{health['gateway']}, server version {health['server_version']}"
    )
    detail = f"{health['account']} ({kind})" + ("" if meant or account else "; name a live account to use it")
    checks.that("the account is the one that was meant", meant, detail)
    if not (meant and health["ready"]):
        desk.close()
        checks.finish()
    return desk


def practise(desk: Desk, *symbols: str) -> None:
    """
    Give a paper gateway of our own something to look at: fills, a denial, and orders that rest.

    Args:
        desk: of ``open_desk``; one of the settings' gateway is left alone.
        symbols: of US stocks with a quote; the first two are traded.
    """
    if desk.gateway is None:
        return
    first, second = (symbols * 2)[:2]
    away = {side: _away(desk, symbol, side) for side, symbol in (("BUY", first), ("SELL", second))}
    columns = ["symbol", "direction", "quantity", "order_type", "limit_price"]
    rows = [
        (first, "BUY", 100, "MARKET", None),
        (first, "SELL", 40, "MARKET", None),
        (second, "BUY", 50, "MARKET", None),
        (first, "BUY", 10, "LIMIT", away["BUY"]),
        (second, "SELL", 10, "LIMIT", away["SELL"]),
        (first, "BUY", int(desk.engine.settings.max_order_quantity) + 1, "MARKET", None),
    ]
    sent = desk.submit(pd.DataFrame(rows, columns=columns), batch="practice")
    desk.wait([each for each, row in zip(sent.intent_ids, rows, strict=True) if row[3] == "MARKET"])


def _away(desk: Desk, symbol: str, side: str) -> float:
    """A price that rests, 10 % from the market, in whole dollars."""
    mid = desk.quote(symbol).mid or Decimal(100)
    return float((mid * (Decimal("0.9") if side == "BUY" else Decimal("1.1"))).quantize(Decimal(1)))


def open_questions(desk: Desk) -> list[str]:
    """What a person has to look at before trading: orders and positions that nobody can account for."""
    unknown = [
        f"{state.intent_id} is Unknown ({state.direction} {state.remaining_quantity} {state.symbol})"
        for state in desk.states()
        if state.status is OrderStatus.UNKNOWN
    ]
    locks = desk.ask(desk.engine.client.market.locks)
    return unknown + [f"{symbol} is locked: {why}" for symbol, why in locks.items()]


def working(desk: Desk) -> list[OrderState]:
    """Our orders that may still trade."""
    return [state for state in desk.states() if state.working]


def foreign(desk: Desk) -> int:
    """How many open orders of others the account has: other programs, and people."""
    return desk.ask(lambda: len(desk.engine.client.market.foreign_orders))


def live_states(desk: Desk) -> dict[str, OrderState]:
    """What the desk holds, for the comparison with the journal after it is closed."""
    return {state.intent_id: state for state in desk.engine.client.ledger}
