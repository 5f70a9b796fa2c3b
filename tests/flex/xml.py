"""Flex statements written here, from the documented names of elements and attributes; every value is ours."""

from __future__ import annotations

from typing import Any

ACCOUNT = "DU123456"
TRADE = {
    "accountId": ACCOUNT,
    "currency": "USD",
    "assetCategory": "STK",
    "symbol": "SPY",
    "conid": "756733",
    "tradeID": "5001",
    "transactionID": "9001",
    "ibOrderID": "900001",
    "ibExecID": "0001.01.01",
    "orderReference": "momentum-1",
    "transactionType": "ExchTrade",
    "exchange": "ARCA",
    "buySell": "BUY",
    "quantity": "100",
    "tradePrice": "450.25",
    "ibCommission": "-1.00",
    "ibCommissionCurrency": "USD",
    "dateTime": "20260105;093000",
    "levelOfDetail": "EXECUTION",
    "notes": "",
}
"""A buy of 100 SPY at the open, as ``tests.builders`` has it."""
CANCEL = {
    "ibExecID": "",
    "orderReference": "",
    "transactionType": "TradeCancel",
    "buySell": "BUY (Ca.)",
    "quantity": "-100",
    "ibCommission": "1.00",
    "tradeID": "",
    "transactionID": "9002",
    "origTradeID": "5001",
    "notes": "Ca",
    "exchange": "--",
}
"""What taking it back changes: no execution id, the other sign, and the trade id it is about."""
CONFIRM_NAMES = {
    "ibExecID": "execID",
    "ibOrderID": "orderID",
    "tradePrice": "price",
    "ibCommission": "commission",
    "ibCommissionCurrency": "commissionCurrency",
}
"""Attribute of a Trade -> the same of a TradeConfirm, which has no transaction id."""


def row(tag: str = "Trade", **changes: Any) -> str:
    """One element; a change to None leaves an attribute out."""
    values = {name: value for name, value in {**TRADE, **changes}.items() if value is not None}
    if tag == "TradeConfirm":
        values = {CONFIRM_NAMES.get(name, name): value for name, value in values.items()}
        values.pop("transactionID", None)
    return element(tag, values)


def cancel(**changes: Any) -> str:
    return row(**{**CANCEL, **changes})


def element(tag: str, values: dict[str, Any]) -> str:
    return f"<{tag} " + " ".join(f'{name}="{value}"' for name, value in values.items()) + " />"


def document(
    *rows: str, confirms: tuple[str, ...] = (), details: tuple[str, ...] = (), **changes: Any
) -> bytes:
    """A whole statement of one account and one day."""
    day = {"accountId": ACCOUNT, "fromDate": "20260105", "toDate": "20260105", "period": "LastBusinessDay"}
    day |= {"whenGenerated": "20260105;210000", **changes}
    sections = "".join(
        f"<{name}>{''.join(content)}</{name}>\n"
        for name, content in (
            ("Trades", rows),
            ("TradeConfirms", confirms),
            ("UnbundledCommissionDetails", details),
        )
    )
    attributes = " ".join(f'{name}="{value}"' for name, value in day.items() if value is not None)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<FlexQueryResponse queryName="day" type="AF">\n'
        f'<FlexStatements count="1">\n<FlexStatement {attributes}>\n{sections}</FlexStatement>\n'
        "</FlexStatements>\n</FlexQueryResponse>\n"
    ).encode()
