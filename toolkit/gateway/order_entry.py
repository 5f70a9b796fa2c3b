"""From an order form to what the exchange is told: the contract found, nothing ignored."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from toolkit.gateway.events import Order, Refused
from toolkit.gateway.fields import decimal, integer
from toolkit.gateway.instruments import Universe
from toolkit.gateway.order_form import Section
from toolkit.gateway.order_layout import names
from toolkit.gateway.requests import PlaceOrder

# Fields that would change how an order trades and that nothing here acts on: an order that uses
# one is refused, because a fill that ignores it would teach the wrong lesson.
_NOT_SIMULATED = names(
    "goodAfterTime goodTillDate faGroup faMethod faPercentage modelCode "
    "allOrNone minQty percentOffset discretionaryAmt "
    "deltaNeutralOrderType scalePriceIncrement scaleTable hedgeType deltaNeutralContract "
    "algoStrategy randomizePrice adjustedOrderType cashQty postToAts duration activeStartTime "
    "activeStopTime sharesAllocation startingPrice stockRangeLower stockRangeUpper"
)


def understand(
    request: PlaceOrder, client_id: int, universe: Universe, accounts: Sequence[str]
) -> Order | Refused:
    """
    The order that a client means, or why it cannot be placed.

    Raises:
        WireError: a number is malformed; names the field.
    """
    values = request.form.values

    def refused(code: int, text: str) -> Refused:
        return Refused(client_id, request.order_id, code, text)

    found = universe.find(
        con_id=integer(values["conId"], "conId"),
        symbol=values["symbol"],
        sec_type=values["secType"],
        exchange=values["exchange"],
        currency=values["currency"],
        primary_exchange=values["primaryExchange"],
        local_symbol=values["localSymbol"],
        expiry=values["expiry"],
        strike=decimal(values["strike"], "strike"),
        right=values["right"],
        multiplier=values["multiplier"],
        trading_class=values["tradingClass"],
    )
    if not found:
        return refused(200, "No security definition has been found for the request")
    if len(found) > 1:
        return refused(200, "The contract description specified for the order is ambiguous")
    if not values["account"] and len(accounts) > 1:
        return refused(435, "You must specify an account")
    if ignored := _ignored(request.form.rest):
        return refused(201, f"Order rejected - reason:{ignored} is not simulated here")
    if values["action"] not in {"BUY", "SELL"}:
        return refused(201, f"Order rejected - reason:Invalid action '{values['action']}'")
    (instrument,) = found
    if instrument.currency != "USD":
        return refused(201, f"Order rejected - reason:Trading in {instrument.currency} is not simulated here")
    trails = values["orderType"] in ("TRAIL", "TRAIL LIMIT")
    stop = "trailStopPrice" if trails else "auxPrice"
    return Order(
        client_id=client_id,
        order_id=request.order_id,
        account=values["account"] or accounts[0],
        instrument=instrument,
        action=values["action"],
        quantity=decimal(values["totalQuantity"], "totalQuantity") or Decimal(0),
        order_type=values["orderType"],
        limit_price=decimal(values["lmtPrice"], "lmtPrice"),
        stop_price=decimal(values[stop], stop),
        trail_amount=decimal(values["auxPrice"], "auxPrice") if trails else None,
        trail_percent=decimal(values["trailingPercent"], "trailingPercent") if trails else None,
        limit_offset=decimal(values["lmtPriceOffset"], "lmtPriceOffset") if trails else None,
        tif=values["tif"] or "DAY",
        outside_rth=values["outsideRth"] == "1",
        exchange=values["exchange"] or instrument.exchange,
        trigger_method=integer(values["triggerMethod"], "triggerMethod"),
        order_ref=values["orderRef"],
        parent_id=integer(values["parentId"], "parentId"),
        oca_group=values["ocaGroup"],
        oca_type=integer(values["ocaType"], "ocaType"),
        transmit=values["transmit"] != "0",
        raw=request.received,
    )


@lru_cache(maxsize=512)
def _ignored(rest: Section) -> str:
    """The first thing the order asks for and would not get here, empty if there is none."""
    for name in _NOT_SIMULATED:
        if rest.values.get(name, "") not in {"", "0"}:
            return name
    return "an order condition" if rest.groups["conditions"] != ("0",) else ""
