"""What the rows of a statement leave standing: executions as they were, corrected, or busted."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from toolkit.flex.statement import Trade
from toolkit.orders.state import execution_root


class Booked(msgspec.Struct, frozen=True):
    """
    One execution as the statement leaves it.

    Attributes:
        trade: the row in force; of a busted one, the row that was taken back.
        busted: whether it was taken back and nothing booked in its place.
        corrected: whether the statement itself shows other terms before these.
        commission: of all its rows together, in the trade's currency: a row that is booked anew carries
            what is charged or given back on top. None when one of them does not say.
    """

    trade: Trade
    busted: bool
    corrected: bool
    commission: Decimal | None


def booked(trades: Iterable[Trade]) -> tuple[list[Booked], list[Trade]]:
    """
    The executions that rows add up to.

    Returns:
        The executions, and the rows that take back one that is not among them: it was in the statement
        of an earlier day.
    """
    rows: list[Trade] = []
    cancels: list[Trade] = []
    for trade in trades:
        (cancels if trade.cancels else rows).append(trade)
    groups: dict[str, list[Trade]] = {}
    for n, row in enumerate(rows):
        groups.setdefault(execution_root(row.exec_id) or f"row {n}", []).append(row)
    back: dict[int, Trade] = {}
    """position of a row -> what takes it back"""
    loose = []
    for cancel in cancels:
        victim = next((n for n, row in enumerate(rows) if n not in back and _takes_back(cancel, row)), None)
        if victim is None:
            loose.append(cancel)
        else:
            back[victim] = cancel
    taken = {id(rows[n]): cancel for n, cancel in back.items()}
    return [_stands(group, taken) for group in groups.values()], loose


def _stands(group: list[Trade], taken: dict[int, Trade]) -> Booked:
    left = [row for row in group if id(row) not in taken]
    all_rows = [*group, *(taken[id(row)] for row in group if id(row) in taken)]
    charges = [row.commission for row in all_rows]
    known = [charge for charge in charges if charge is not None]
    return Booked(
        trade=max(left or group, key=lambda row: revision(row.exec_id)),
        busted=not left,
        corrected=len(all_rows) > 1,
        commission=sum(known, Decimal(0)) if len(known) == len(charges) else None,
    )


def _takes_back(cancel: Trade, row: Trade) -> bool:
    """By the broker's own link where the row has it, else by everything that both show."""
    if (cancel.con_id, cancel.side, cancel.shares) != (row.con_id, row.side, row.shares):
        return False
    if cancel.originals:
        return bool(cancel.originals & {row.trade_id, row.transaction_id})
    return (cancel.order_id, cancel.price) == (row.order_id, row.price)


def revision(exec_id: str) -> int:
    """The number after the last dot, which grows with each correction (hazard H34); 0 when there is none."""
    suffix = exec_id.rpartition(".")[2]
    return int(suffix) if suffix.isdecimal() else 0


def next_revision(exec_id: str) -> str:
    """The id under which a correction of an execution goes that the broker gave no id of its own."""
    root, _, suffix = exec_id.rpartition(".")
    if not (root and suffix.isdecimal()):
        return f"{exec_id}.1"
    return f"{root}.{int(suffix) + 1:0{len(suffix)}}"
