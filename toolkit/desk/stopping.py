"""What the stop button leaves behind, told in one sentence and a frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pandas as pd

from toolkit.desk.show import framed
from toolkit.orders.state import OrderState
from toolkit.reports.frames import ORDERS, orders_frame

SHOWN = ["symbol", "side", "quantity", "filled_quantity", "order_type", "limit_price", "status", "reason"]


def stopped(states: Iterable[OrderState], unsent: int = 0) -> KeyboardInterrupt:
    """
    Show which orders are live, and make the interrupt that says so.

    Args:
        states: the orders that the interrupted call was about.
        unsent: how many more it would have sent.
    """
    every = list(states)
    live = [state for state in every if not state.final]
    if live:
        show(framed(orders_frame(live)[SHOWN], ORDERS))
    told = f"Stopped: {len(live)} of {len(every)} orders are live"
    told += " and stay tracked; desk.cancel(id) ends one, desk.kill() all." if live else "."
    return KeyboardInterrupt(told + (f" {unsent:,} more were not sent." if unsent else ""))


def show(frame: pd.DataFrame) -> None:
    """In a notebook as a table, elsewhere as text on stderr."""
    shell = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None:
        print(frame.to_string(), file=sys.stderr)
        return
    from IPython import display

    display.display(frame)
