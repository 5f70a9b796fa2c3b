"""
A Flex statement as typed rows: trades, trade confirmations and commission details.

Each is an element whose attributes the query's author chose, so most may be missing. The file comes
from outside: a document type declaration, which every attack by entities needs, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from xml.parsers import expat  # declarations are refused, and nothing is built but what is asked for
from zoneinfo import ZoneInfo

import msgspec

from toolkit.errors import ConfigError

NEW_YORK: Final = ZoneInfo("America/New_York")
"""The zone of every time in a statement."""
SECTIONS: Final = "Trades, Trade Confirms and Commission Details"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """
    One row about one execution.

    Attributes:
        account, symbol, con_id: whose, and of what.
        side: BOT or SLD; of a cancel, the side of what it cancels.
        shares: units of the contract, never negative.
        price: price units.
        commission: in ``currency``, positive when it cost something; None when the row does not say.
        exec_id: the execution's id at the API; ``""`` when it has none, as a cancel.
        order_id: the broker's permanent id of the order, 0 when not given.
        reference: the order's reference, which is our intent's id.
        time: UTC; None when the row has none.
        cancels: whether it takes an earlier execution back.
        trade_id, transaction_id: the broker's ids of the row.
        originals: those ids of what it cancels.
    """

    account: str
    symbol: str
    con_id: int
    side: str
    shares: Decimal
    price: Decimal
    commission: Decimal | None
    currency: str
    exec_id: str
    order_id: int
    reference: str
    exchange: str
    time: datetime | None
    cancels: bool
    trade_id: str
    transaction_id: str
    originals: frozenset[str]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the broker says of one account.

    Attributes:
        first, last: the days it covers, in New York.
        generated: when it was made, UTC; None when it does not say.
        trades: in the order of the file.
    """

    account: str
    first: date
    last: date
    generated: datetime | None
    trades: tuple[Trade, ...]


Row = Mapping[str, str]


def read(path: Path) -> list[Statement]:
    """
    The statements of a file, one per account; several days of one account are one.

    Raises:
        ConfigError: there is no such file, it is no Flex statement, or a row cannot be read; names it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    return parse(content, path.name)


def parse(content: bytes, name: str = "the statement") -> list[Statement]:
    """As ``read``, from the bytes of a file that is called ``name``."""
    reader = _Reader(name)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.StartDoctypeDeclHandler = reader.refuse_declaration
    reader.line = lambda: int(parser.CurrentLineNumber)
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ConfigError(
            f"{name} is no complete XML (line {error.lineno}); download the statement again, as XML."
        ) from error
    return reader.statements()


class _Reader:
    """Takes the elements of one file as they come."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.line: Callable[[], int] = lambda: 0
        self._root = ""
        self._found: dict[str, Statement] = {}
        self._trades: dict[str, list[Trade]] = {}
        self._confirms: dict[str, list[Trade]] = {}
        """account -> the rows of each section; both may show the same execution"""
        self._commissions: dict[str, tuple[Decimal, str]] = {}
        """trade id -> commission and currency, for rows that do not say"""
        self._account = ""

    def refuse_declaration(self, *_: object) -> None:
        raise ConfigError(
            f"{self._name} declares a document type, which no statement of the broker does; it is not read."
        )

    def start(self, tag: str, row: dict[str, str]) -> None:
        if not self._root:
            self._root = tag
            if tag != "FlexQueryResponse":
                raise ConfigError(
                    f"{self._name} holds a {tag}, no FlexQueryResponse; download the statement again when it "
                    "is ready."
                )
        elif tag == "FlexStatement":
            self._begin(row)
        elif tag in ("Trade", "TradeConfirm") and row.get("levelOfDetail", "") in ("", "EXECUTION"):
            self._take(row, self._trades if tag == "Trade" else self._confirms)
        elif tag == "UnbundledCommissionDetail" and row.get("totalCommission") and row.get("tradeID"):
            charged = -self._number(row, "totalCommission")
            self._commissions[row["tradeID"]] = charged, row.get("currency", "")

    def statements(self) -> list[Statement]:
        if not self._found:
            raise ConfigError(f"{self._name} holds no statement; add the sections {SECTIONS} to the query.")
        return [
            msgspec.structs.replace(statement, trades=tuple(map(self._charged, self._rows(account))))
            for account, statement in self._found.items()
        ]

    def _rows(self, account: str) -> list[Trade]:
        trades = self._trades[account]
        known = {_identity(trade) for trade in trades}
        return trades + [trade for trade in self._confirms[account] if _identity(trade) not in known]

    def _begin(self, row: Row) -> None:
        account = self._account = self._text(row, "accountId")
        first, last = self._day(row, "fromDate"), self._day(row, "toDate")
        generated = self._time(row, "whenGenerated")
        before = self._found.get(account)
        if before is not None:
            first, last = min(first, before.first), max(last, before.last)
            generated = max(filter(None, (generated, before.generated)), default=None)
        self._found[account] = Statement(
            account=account, first=first, last=last, generated=generated, trades=()
        )
        self._trades.setdefault(account, [])
        self._confirms.setdefault(account, [])

    def _take(self, row: Row, section: dict[str, list[Trade]]) -> None:
        trade = self._trade(row)
        if trade.account not in section:
            raise self._wrong(f"accountId is {trade.account}, in the statement of {self._account}")
        section[trade.account].append(trade)

    def _trade(self, row: Row) -> Trade:
        side, notes = self._text(row, "buySell"), f"{row.get('notes', '')};{row.get('code', '')}".split(";")
        cancels = row.get("transactionType") == "TradeCancel" or "Ca" in notes
        word, _, suffix = side.partition(" ")
        if word not in ("BUY", "SELL") or suffix not in ("", "(Ca.)"):
            raise self._wrong(f"buySell is {side!r}; it should be BUY or SELL")
        priced = "tradePrice" if "tradePrice" in row else "price"
        charged = "ibCommission" if "ibCommission" in row else "commission"
        currency = row.get("ibCommissionCurrency") or row.get("commissionCurrency") or row.get("currency", "")
        order = row.get("ibOrderID") or row.get("orderID") or "0"
        con_id = row.get("conid") or "0"
        if _WHOLE.fullmatch(order) is None or _WHOLE.fullmatch(con_id) is None:
            raise self._wrong(f"the order's id is {order[:40]!r} and conid {con_id[:40]!r}; both are numbers")
        return Trade(
            account=row.get("accountId") or self._account,
            symbol=row.get("symbol", ""),
            con_id=int(con_id),
            side="BOT" if word == "BUY" else "SLD",
            shares=abs(self._number(row, "quantity")),
            price=self._number(row, priced),
            commission=-self._number(row, charged) if row.get(charged) else None,
            currency=currency,
            exec_id=row.get("ibExecID") or row.get("execID", ""),
            order_id=int(order),
            reference=row.get("orderReference", ""),
            exchange=row.get("exchange", ""),
            time=self._time(row, "dateTime"),
            cancels=cancels or bool(suffix),
            trade_id=row.get("tradeID", ""),
            transaction_id=row.get("transactionID", ""),
            originals=frozenset(
                row[name]
                for name in ("origTradeID", "origTransactionID")
                if row.get(name, "0") not in ("", "0")
            ),
        )

    def _charged(self, trade: Trade) -> Trade:
        if trade.commission is not None or trade.trade_id not in self._commissions or trade.cancels:
            return trade
        commission, currency = self._commissions[trade.trade_id]
        return msgspec.structs.replace(trade, commission=commission, currency=currency or trade.currency)

    # --- one attribute

    def _text(self, row: Row, name: str) -> str:
        if not row.get(name):
            raise self._wrong(f"{name} is missing; add it to the query")
        return row[name]

    def _number(self, row: Row, name: str) -> Decimal:
        text = self._text(row, name)
        if _NUMBER.fullmatch(text) is None:
            raise self._wrong(f"{name} is {text[:40]!r}, which is no amount")
        return Decimal(text)

    def _day(self, row: Row, name: str) -> date:
        text = self._text(row, name)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self._wrong(f"{name} is {text!r}; set the query's date format to yyyyMMdd") from None

    def _time(self, row: Row, name: str) -> datetime | None:
        text = row.get(name, "")
        found = _TIME.fullmatch(text)
        if found is None:
            if re.fullmatch(r"[-\d]*", text):  # a day alone, or nothing
                return None
            raise self._wrong(
                f"{name} is {text[:40]!r}; set the query's formats to yyyyMMdd and HHmmss, in New York's time"
            )
        try:
            moment = datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S").replace(tzinfo=NEW_YORK)
        except ValueError:
            raise self._wrong(f"{name} is {text!r}, which is no time") from None
        return moment.astimezone(UTC)

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"{self._name}, line {self.line()}: {what}.")


def _identity(trade: Trade) -> tuple[object, ...]:
    """What the same row shows in both sections; confirmations have no transaction id."""
    return trade.exec_id, trade.trade_id, trade.cancels, trade.shares, trade.price


_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{0,18})?(E[-+]?[0-9]{1,2})?", re.IGNORECASE)
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_TIME: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[;, T]*(\d\d):?(\d\d):?(\d\d)(?: E[SD]T)?")
"""The forms of a time that cannot be misread; a query may also ask for day and month in either order."""
