"""
What a gateway remembers over its own end: one SQLite file, brought up to date at every batch.

A batch is committed before any client hears of it, so after ``kill -9`` the file knows everything
that a client may know. It is not flushed to the disk itself: it outlives the process, not the power.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from toolkit.errors import GatewayError
from toolkit.gateway.day import DayStart
from toolkit.gateway.events import CommissionCharged, Event, Executed, Order, OrderUpdated
from toolkit.gateway.instruments import Instrument, Universe
from toolkit.gateway.ledger import Ledger, ReceivedOrder
from toolkit.gateway.order_form import ClientOrder
from toolkit.gateway.restart import AccountRow, LastingExchange, OrderRow, Standing

_LAYOUT = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS clients (client_id INTEGER PRIMARY KEY, largest INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    perm_id INTEGER PRIMARY KEY, data BLOB NOT NULL, con_id INTEGER NOT NULL,
    received TEXT NOT NULL, version INTEGER NOT NULL, standing BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS executions (number INTEGER PRIMARY KEY, fill BLOB NOT NULL, charge BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS requests (number INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cancels (
    number INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, order_id INTEGER NOT NULL
);
"""

Row = TypeVar("Row", bound=msgspec.Struct)


class State:
    """
    The memory of one gateway.

    Args:
        path: the file; made when it is not there.

    Attributes:
        run: number of the run in which the file was made, None in a new file.
        then: UTC of what it knows last, None in a new file.
        day: how the broker's day began in which that was, None in a new file.

    Raises:
        GatewayError: the file cannot be used: it is no state file, or another gateway has it open.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._orders: dict[int, Order] = {}
        self._fills: list[tuple[Executed, CommissionCharged]] = []
        self._executed: dict[str, Executed] = {}
        self._requests = self._cancels = 0
        self._rolled: set[int] = set()
        try:
            self._db = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("COMMIT")
            facts = dict(self._db.execute("SELECT name, value FROM facts"))
        except sqlite3.Error as error:
            why = "another gateway has it open" if "locked" in str(error) else str(error)
            raise GatewayError(
                f"The state file {path} cannot be used ({why}): choose another --state."
            ) from error
        if facts and facts.get("layout") != str(_LAYOUT):
            raise GatewayError(
                f"The state file {path} was written by another version of the gateway: choose another "
                "--state."
            )
        try:
            self.run = int(facts["run"]) if facts else None
            self.then = datetime.fromisoformat(facts["then"]) if facts else None
            self.day = msgspec.json.decode(facts["day"], type=DayStart) if "day" in facts else None
        except (KeyError, ValueError, msgspec.MsgspecError) as error:
            self._db.close()
            raise GatewayError(
                f"The state file {path} is damaged ({error}): choose another --state."
            ) from error

    def begin(self, exchange: LastingExchange, ledger: Ledger, run: int, now: datetime) -> None:
        """
        Bring the exchange and the ledger to where the file is; a new file begins with this run.

        Raises:
            GatewayError: the file does not fit this gateway's accounts or instruments.
        """
        if self.then is None:
            self._db.executemany(
                "INSERT INTO facts VALUES (?, ?)",
                [("layout", str(_LAYOUT)), ("run", str(run)), ("then", now.isoformat())],
            )
            return
        orders = self._read_orders(exchange.universe)
        executions = self._read_executions({row.order.perm_id: row.order for row in orders})
        accounts = [
            msgspec.json.decode(data, type=AccountRow)
            for (data,) in self._db.execute("SELECT data FROM accounts")
        ]
        largest = dict(self._db.execute("SELECT client_id, largest FROM clients"))
        try:
            exchange.take_up(orders, executions, accounts, largest, self.then)
        except GatewayError as error:
            raise GatewayError(f"The state file {self.path} does not fit: {error}") from error
        for fill, charge in executions:
            ledger.record_fill(fill, charge)
        ledger.requests += [
            msgspec.json.decode(data, type=ReceivedOrder)
            for (data,) in self._db.execute("SELECT data FROM requests ORDER BY number")
        ]
        ledger.cancels += self._db.execute("SELECT client_id, order_id FROM cancels ORDER BY number")
        self._requests, self._cancels = len(ledger.requests), len(ledger.cancels)

    def note(self, events: Iterable[Event]) -> None:
        """See what has changed; it is written with the batch."""
        for event in events:
            match event:
                case OrderUpdated(order=order):
                    self._orders[order.perm_id] = order
                case Executed():
                    self._executed[event.exec_id] = event
                case CommissionCharged():
                    self._fills.append((self._executed.pop(event.exec_id), event))

    def note_client(self, client_id: int) -> None:
        """The next order id of this client was moved by hand."""
        self._rolled.add(client_id)

    def save(self, exchange: LastingExchange, ledger: Ledger, day: DayStart, now: datetime) -> None:
        """Commit what has changed since the last time, if anything has."""
        requests = ledger.requests[self._requests :]
        cancels = ledger.cancels[self._cancels :]
        accounts = exchange.take_moved_accounts()
        new_day = day is not self.day
        if not (self._orders or self._fills or accounts or requests or cancels or self._rolled or new_day):
            return
        db = self._db
        db.execute("BEGIN")
        db.execute("UPDATE facts SET value = ? WHERE name = 'then'", (now.isoformat(),))
        if new_day:
            db.execute("REPLACE INTO facts VALUES ('day', ?)", (_json(day).decode(),))
            self.day = day
        clients = {row.client_id for row in requests} | self._rolled
        clients |= {order.client_id for order in self._orders.values()}
        db.executemany(
            "REPLACE INTO clients VALUES (?, ?)",
            [(client_id, exchange.largest_order_id(client_id)) for client_id in clients],
        )
        db.executemany("INSERT INTO requests (data) VALUES (?)", [(_json(row),) for row in requests])
        db.executemany("INSERT INTO cancels (client_id, order_id) VALUES (?, ?)", cancels)
        db.executemany(
            "REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)",
            [_order_columns(exchange.order_row(order)) for order in self._orders.values()],
        )
        db.executemany(
            "INSERT INTO executions (fill, charge) VALUES (?, ?)",
            [(_without(fill, "order", "instrument"), _json(charge)) for fill, charge in self._fills],
        )
        db.executemany(
            "REPLACE INTO accounts VALUES (?, ?)",
            [(name, _json(exchange.account_row(name))) for name in accounts],
        )
        db.execute("COMMIT")
        self._requests, self._cancels = len(ledger.requests), len(ledger.cancels)
        for noted in (self._orders, self._fills, self._rolled):
            noted.clear()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.ProgrammingError):  # closed before
            self._db.close()

    def _read_orders(self, universe: Universe) -> list[OrderRow]:
        rows: list[OrderRow] = []
        for data, con_id, received, version, standing in self._db.execute(
            "SELECT data, con_id, received, version, standing FROM orders ORDER BY perm_id"
        ):
            order = _read(
                data,
                Order,
                instrument=self._instrument(universe, con_id),
                raw=ClientOrder(received, version),
            )
            rows.append(OrderRow(order, msgspec.json.decode(standing, type=Standing)))
        return rows

    def _read_executions(self, orders: dict[int, Order]) -> list[tuple[Executed, CommissionCharged]]:
        found: list[tuple[Executed, CommissionCharged]] = []
        for data, charge in self._db.execute("SELECT fill, charge FROM executions ORDER BY number"):
            order = orders[msgspec.json.decode(data)["perm_id"]]
            fill = _read(data, Executed, order=order, instrument=order.instrument)
            found.append((fill, msgspec.json.decode(charge, type=CommissionCharged)))
        return found

    def _instrument(self, universe: Universe, con_id: int) -> Instrument:
        instrument = universe.get(con_id)
        if instrument is None:
            raise GatewayError(
                f"The state file {self.path} has an order for contract id {con_id}, which is not in this "
                "gateway's symbol table: start with the same --symbols, or another --state."
            )
        return instrument


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _without(value: msgspec.Struct, *names: str) -> bytes:
    """A struct without the fields that stand elsewhere."""
    fields = msgspec.structs.asdict(value)
    return _json({name: fields[name] for name in fields if name not in names})


def _read(data: bytes, kind: type[Row], **given: Any) -> Row:
    """The inverse of :func:`_without`; a field that is younger than the file keeps its default."""
    found = msgspec.json.decode(data)
    for field in msgspec.structs.fields(kind):
        if field.name in found:
            given[field.name] = msgspec.convert(found[field.name], field.type)
    return kind(**given)


def _order_columns(row: OrderRow) -> Sequence[Any]:
    order = row.order
    received: ClientOrder = order.raw
    return (
        order.perm_id,
        _without(order, "instrument", "raw"),
        order.instrument.con_id,
        received.fields,
        received.version,
        _json(row.standing),
    )
