"""
A conversation between a client and a gateway as lines of JSON, its account numbers masked.

Pure: bytes of one direction go in, in any cut; named messages come out. Nothing is judged here,
because a recording must also show what is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Final

from toolkit.errors import GatewayError

CLIENT: Final = "client"
GATEWAY: Final = "gateway"

REQUESTS: Final = {
    1: "reqMktData",
    2: "cancelMktData",
    3: "placeOrder",
    4: "cancelOrder",
    5: "reqOpenOrders",
    6: "reqAccountUpdates",
    7: "reqExecutions",
    8: "reqIds",
    9: "reqContractDetails",
    14: "setServerLogLevel",
    15: "reqAutoOpenOrders",
    16: "reqAllOpenOrders",
    17: "reqManagedAccts",
    20: "reqHistoricalData",
    25: "cancelHistoricalData",
    49: "reqCurrentTime",
    58: "reqGlobalCancel",
    59: "reqMarketDataType",
    61: "reqPositions",
    62: "reqAccountSummary",
    63: "cancelAccountSummary",
    64: "cancelPositions",
    71: "startApi",
    74: "reqPositionsMulti",
    75: "cancelPositionsMulti",
    76: "reqAccountUpdatesMulti",
    77: "cancelAccountUpdatesMulti",
    81: "reqMatchingSymbols",
    87: "reqHeadTimestamp",
    90: "cancelHeadTimestamp",
    91: "reqMarketRule",
    92: "reqPnL",
    93: "cancelPnL",
    94: "reqPnLSingle",
    95: "cancelPnLSingle",
    97: "reqTickByTickData",
    98: "cancelTickByTickData",
    99: "reqCompletedOrders",
}
"""Message id -> name of what a client asks."""

REPLIES: Final = {
    1: "tickPrice",
    2: "tickSize",
    3: "orderStatus",
    4: "error",
    5: "openOrder",
    6: "updateAccountValue",
    7: "portfolioValue",
    8: "accountUpdateTime",
    9: "nextValidId",
    10: "contractData",
    11: "execDetails",
    15: "managedAccounts",
    17: "historicalData",
    46: "tickString",
    49: "currentTime",
    52: "contractDataEnd",
    53: "openOrderEnd",
    54: "accountDownloadEnd",
    55: "execDetailsEnd",
    57: "tickSnapshotEnd",
    58: "marketDataType",
    59: "commissionReport",
    61: "position",
    62: "positionEnd",
    63: "accountSummary",
    64: "accountSummaryEnd",
    71: "positionMulti",
    72: "positionMultiEnd",
    73: "accountUpdateMulti",
    74: "accountUpdateMultiEnd",
    79: "symbolSamples",
    81: "tickReqParams",
    88: "headTimestamp",
    90: "historicalDataUpdate",
    93: "marketRule",
    94: "pnl",
    95: "pnlSingle",
    99: "tickByTick",
    101: "completedOrder",
    102: "completedOrdersEnd",
}
"""Message id -> name of what a gateway says."""

HELLO: Final = "hello"
VERSION: Final = "version"
_MANAGED_ACCOUNTS: Final = "managedAccounts"
_PREFIX: Final = b"API\0"
_ACCOUNT: Final = re.compile(r"\b([A-Z]{1,2})\d{5,9}\b")


@dataclass(frozen=True, slots=True)
class Line:
    """
    One message of a recording.

    Attributes:
        seconds: since the recording began.
        session: number of the connection, from 1.
        sender: ``client`` or ``gateway``.
        name: of the message; its number when we know no name.
        fields: as they were sent, account numbers masked.
    """

    seconds: float
    session: int
    sender: str
    name: str
    fields: list[str]

    def as_json(self) -> str:
        """One line of a recording, without its line end."""
        return json.dumps(asdict(self))


def read_tape(lines: Iterable[str], name: str) -> Iterator[Line]:
    """
    The messages of a recording.

    Raises:
        GatewayError: a line is no message of a recording; names the line.
    """
    for number, text in enumerate(lines, 1):
        try:
            line = Line(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise GatewayError(f"{name} line {number} is no message of a recording: {error}.") from error
        yield line


class Splitter:
    """
    Cuts one direction's bytes into the fields of its messages.

    Args:
        sender: ``client`` or ``gateway``.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._buffer = bytearray()
        self._opening = True

    def feed(self, data: bytes) -> Iterator[tuple[str, list[str]]]:
        """Take bytes as they come; gives (name, fields) of each message that is complete."""
        self._buffer += data
        while True:
            skip = len(_PREFIX) if self._opening and self._sender == CLIENT else 0
            if len(self._buffer) < skip + 4:
                return
            end = skip + 4 + int.from_bytes(self._buffer[skip : skip + 4], "big")
            if len(self._buffer) < end:
                return
            text = self._buffer[skip + 4 : end].decode(errors="backslashreplace")
            del self._buffer[:end]
            yield self._name(text)

    def _name(self, text: str) -> tuple[str, list[str]]:
        fields = text.removesuffix("\0").split("\0")
        if self._opening:
            self._opening = False
            return (HELLO if self._sender == CLIENT else VERSION), fields
        names = REQUESTS if self._sender == CLIENT else REPLIES
        number = int(fields[0]) if fields[0].isdecimal() else -1
        return names.get(number, fields[0]), fields


class Mask:
    """
    Replaces account numbers by others of the same kind, the same one always by the same one.

    It knows the accounts that the gateway names at the start; until then, and for accounts that are
    never named, anything that looks like one is replaced.
    """

    def __init__(self) -> None:
        self._replacements: dict[str, str] = {}

    def apply(self, name: str, fields: list[str]) -> list[str]:
        """The fields of one message without account numbers."""
        if name == _MANAGED_ACCOUNTS:
            for account in fields[-1].split(","):
                self._replace(account)
        return [self._masked(field) for field in fields]

    def _masked(self, field: str) -> str:
        for account, replacement in self._replacements.items():
            field = field.replace(account, replacement)
        return _ACCOUNT.sub(lambda found: self._replace(found[0]), field)

    def _replace(self, account: str) -> str:
        if account in self._replacements.values():
            return account
        if account not in self._replacements:
            kind = account[: len(account) - len(account.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
            self._replacements[account] = f"{kind}{len(self._replacements) + 1:07d}"
        return self._replacements[account]
