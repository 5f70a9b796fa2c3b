"""
May this order go as things stand: does it only reduce, and is live trading armed for it? Pure.

These are not limits that a checker may be given or leave out: they are asked of every order on its
way to the socket, whatever checker judged it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Final

from toolkit.orders.contract import Instrument
from toolkit.orders.controls import Armed
from toolkit.orders.events import Decision
from toolkit.orders.state import ZERO, OrderState
from toolkit.risk.line import Line
from toolkit.risk.verdicts import no_positions

PAPER_PORTS: Final = frozenset({4002, 7497})


def only_reduces(order: OrderState, line: Line | None) -> Decision:
    """
    The order, with all that is open on its side, at most closes the position: no subset of fills opens one.

    Args:
        order: what is asked for; of a replacement, the order as it would be.
        line: what is held and open in its contract, itself left out: orders on their way, unknown, being
            changed and of others too (R0.3, hazard H25); None while the broker has not told the positions.
    """
    if line is None:
        return no_positions("REDUCE_ONLY")
    intent = order.intent
    assert intent is not None
    held = max(ZERO, -intent.sign * line.position)
    # What it filled so far is in the position.
    still_open = max(ZERO, intent.quantity - order.filled_quantity)
    after = still_open + (line.buys if intent.sign > 0 else line.sells)
    passed = after <= held
    verb = "buy" if intent.sign > 0 else "sell"
    return Decision(
        code="REDUCE_ONLY",
        passed=passed,
        message=""
        if passed
        else f"Only orders that reduce may go now: open orders would {verb} {after}, and {held} would close "
        "the position.",
        observed=after,
        limit=held,
        unit="units",
    )


def not_armed(
    token: Armed | None, account: str, port: int, accounts: Collection[str], now: datetime
) -> str | None:
    """
    Why an order may not go to a live account, None when it may: port, name and gateway must agree.

    Args:
        token: the arming in force.
        account: the order's.
        port: where the gateway is.
        accounts: those that the gateway says it has.
        now: UTC.

    Source: DESIGN 3.8, risk control 25.
    """
    where = f"Account {account} on port {port}"
    if account not in accounts:
        return f"The gateway on port {port} does not have the account {account or 'that is not named'}."
    if account.startswith("D"):
        return f"{where}: this is a paper account's name on a live port; correct IBKR_PORT or IBKR_ACCOUNT."
    if port in PAPER_PORTS:
        return f"{where}: this is a live account's name on a paper port; correct IBKR_PORT or IBKR_ACCOUNT."
    if token is None:
        return f"{where} is live, and live trading is not armed; `toolkit arm` arms it."
    if (token.account, token.port) != (account, port):
        return f"{where} is not armed: {token.account} on port {token.port} is."
    if now >= token.until:
        return f"{where} was armed until {token.until:%Y-%m-%d %H:%M:%S} UTC; arm it again."
    return None


def within_arming(
    token: Armed, spent: Decimal, order: OrderState, instrument: Instrument, currency: str
) -> Decision:
    """
    The order's money, added to what was sent since arming, is at most the token's ``max_notional``.

    Args:
        token: the arming in force.
        spent: money of the other orders sent since, in account currency.
        order: accepted by risk with the quote of that moment; of a replacement, the order as it would be.
        instrument: its contract.
        currency: of the account, ``""`` while unknown.
    """
    if instrument.currency != currency:
        return Decision(
            code="NO_FX_RATE",
            message=f"{instrument.symbol} trades in {instrument.currency}, but live trading is armed in "
            f"{currency or 'a currency not known yet'}, and no exchange rate is known.",
        )
    money = notional(order)
    if money is None:
        return Decision(
            code="NO_PRICE",
            message=f"{instrument.symbol} has no price to hold against the armed notional; wait for a quote.",
        )
    after = spent + money
    passed = after <= token.max_notional
    return Decision(
        code="ARMED_NOTIONAL",
        passed=passed,
        message=""
        if passed
        else f"Orders since arming would add up to {after:,.2f} {currency}, above the armed "
        f"{token.max_notional:,.2f}.",
        observed=after,
        limit=token.max_notional,
        unit=currency,
    )


def notional(state: OrderState) -> Decimal | None:
    """
    Quantity x price x multiplier of an accepted order at its worst price, in its contract's currency.

    The quote is the one that risk saw. A buy with a limit costs at most its limit; every other order
    may trade at the dearer of its own prices and the side that it meets. None: it has no price at all.
    """
    intent = state.intent
    if intent is None:
        return None
    if intent.sign > 0 and intent.limit_price is not None:
        price = intent.limit_price
    else:
        touch = state.ask if intent.sign > 0 else state.bid
        price = max(intent.limit_price or ZERO, intent.stop_price or ZERO, touch or ZERO)
    return intent.quantity * price * state.multiplier if price else None
