"""Contracts: which ones fit a description, and everything known about them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from toolkit.gateway import replies, requests
from toolkit.gateway.fields import decimal
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.requests import ContractQuery
from toolkit.gateway.schedule import trading_hours

if TYPE_CHECKING:
    from toolkit.gateway.session import Session


def contract_details(session: Session, request: requests.ContractDetails, now: datetime) -> None:
    """Every contract that fits, then the end mark; or error 200."""
    found = _find(session, request.contract)
    if not found:
        _unknown_contract(session, request.req_id)
        return
    for instrument in found:
        hours = trading_hours(session.floor.exchange.hours, now, instrument.time_zone_id)
        session.send(replies.contract_details(session.version, request.req_id, instrument, *hours))
    session.send(replies.contract_details_end(request.req_id))


def matching_symbols(session: Session, request: requests.MatchingSymbols, _: datetime) -> None:
    """Contracts whose symbol or name fits."""
    found = session.floor.universe.search(request.pattern)
    session.send(replies.symbol_samples(session.version, request.req_id, found))


def market_rule(session: Session, request: requests.MarketRule, _: datetime) -> None:
    """Price increments of one rule; none, and an error that says why, of an unknown one."""
    increments = session.floor.universe.market_rule(request.rule_id)
    if increments is None:
        # No id ties the error to the request: clients wait for the rule itself.
        session.error(-1, 200, f"No market rule {request.rule_id} (reqMarketRule)")
    session.send(replies.market_rule(request.rule_id, increments or ()))


def the_one(session: Session, req_id: int, wanted: ContractQuery) -> Instrument | None:
    """The contract meant; or None, and the client is told."""
    found = _find(session, wanted)
    if len(found) > 1:
        text = "The contract description specified is ambiguous: name its currency, exchange or expiry"
        session.error(req_id, 200, text)
        return None
    if not found:
        _unknown_contract(session, req_id)
        return None
    return found[0]


def _find(session: Session, wanted: ContractQuery) -> list[Instrument]:
    return session.floor.universe.find(
        con_id=wanted.con_id,
        symbol=wanted.symbol,
        sec_type=wanted.sec_type,
        exchange=wanted.exchange,
        currency=wanted.currency,
        primary_exchange=wanted.primary_exchange,
        local_symbol=wanted.local_symbol,
        expiry=wanted.expiry,
        strike=decimal(wanted.strike, "strike"),
        right=wanted.right,
        multiplier=wanted.multiplier,
        trading_class=wanted.trading_class,
    )


def _unknown_contract(session: Session, req_id: int) -> None:
    session.error(req_id, 200, "No security definition has been found for the request")
