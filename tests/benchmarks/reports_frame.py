"""What a frame of a million fills costs from columns that grew fill by fill, beside copying its columns."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd

from tests.benchmarks.measure import Figure, interleaved
from tests.builders import charged, executed, order
from toolkit.orders.state import Execution
from toolkit.reports.columns import ColumnStore
from toolkit.reports.frames import FILLS, Fill, fills_frame

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def run(*, quick: bool) -> list[Figure]:
    """The frame, the memory that it takes beyond the columns themselves, and what keeping them costs."""
    rounds, rows = (3, 100_000) if quick else (9, 1_000_000)
    store, kept = ColumnStore(FILLS, "exec_id"), []
    block = rows // 10
    for start in range(0, rows, block):
        fills = [made_up_fill(number) for number in range(start, start + block)]
        kept.append(1e6 * _cpu(lambda fills=fills: [store.append(fill) for fill in fills]) / block)
    columns = _plain_columns(store.frame())
    values, ratios = interleaved(rounds, partial(_cpu, store.frame), partial(_cpu, partial(_copied, columns)))
    what = f"reports, CPU of a frame of {rows:,} fills, 20 columns"
    tracemalloc.start()
    frame = store.frame()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = sum(column.nbytes for column in columns)
    del frame
    sample = [order(*_executed(10_000))]
    afresh = 1e6 * _cpu(partial(fills_frame, sample)) / 10_000
    again = [each / afresh for each in kept]
    return [
        Figure(what, [1e3 * value for value in values], "ms", "copy of its columns", ratios, "<= 1.5", "14a"),
        Figure(
            "reports, memory that it takes", [peak / 1e6], "MB", "its columns", [peak / size], "<= 1.2", "14b"
        ),
        Figure("reports, CPU of keeping one more fill", kept, "µs", "as one of a frame made afresh", again),
    ]


def made_up_fill(number: int) -> Fill:
    """One of many fills of one order."""
    return Fill(ORDER, _execution(number))


def _execution(number: int) -> Execution:
    return Execution(
        exec_id=f"0000e0d5.{number:08x}.01.01",
        shares=Decimal(100),
        price=Decimal(45_000 + number % 100) / 100,
        side="BOT",
        exchange="ARCA",
        time=OPEN + timedelta(milliseconds=number),
        liquidity="remove",
        recovered=False,
    )


def _executed(count: int) -> list[object]:
    """The facts of an order with so many fills."""
    return [executed(1, exec_id=f"A{number}.01") for number in range(count)]


def _plain_columns(frame: pd.DataFrame) -> list[np.ndarray]:
    """The bytes of a frame's columns as plain arrays, index and text included."""
    columns: list[np.ndarray] = []
    for column in (frame.index, *(frame[name] for name in frame)):
        array = column.array
        if hasattr(array, "__arrow_array__") and str(column.dtype) == "str":
            pieces = array.__arrow_array__()
            chunks = pieces.chunks if hasattr(pieces, "chunks") else [pieces]
            columns += [
                np.frombuffer(buffer, np.uint8)
                for chunk in chunks
                for buffer in chunk.buffers()
                if buffer is not None
            ]
        elif str(column.dtype) == "Int64":
            columns += [array._data, array._mask]
        else:
            columns.append(
                np.asarray(
                    column.to_numpy(dtype="datetime64[ns]" if "datetime" in str(column.dtype) else None)
                )
            )
    return columns


def _copied(columns: list[np.ndarray]) -> list[np.ndarray]:
    return [column.copy() for column in columns]


def _cpu(work: Callable[[], object]) -> float:
    """CPU of one call, in seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


ORDER = order(charged())
