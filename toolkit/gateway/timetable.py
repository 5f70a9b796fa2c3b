"""Which instrument has something to do next without anybody asking."""

from __future__ import annotations

import heapq
from datetime import datetime

from toolkit.gateway.line import Line


class Timetable:
    """Instruments by the instant at which time alone changes one of their orders."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Line]] = []

    def add(self, line: Line) -> None:
        """Note when an instrument is due, if that is new."""
        due = line.book.next_due
        if due is not None and due != line.scheduled:
            line.scheduled = due
            heapq.heappush(self._heap, (due, line.instrument.con_id, line))

    def first(self) -> datetime | None:
        """When the next one is due; entries that no longer hold are dropped."""
        while self._heap:
            due, _, line = self._heap[0]
            if line.scheduled == due == line.book.next_due:
                return due
            heapq.heappop(self._heap)
            if line.scheduled == due:
                line.scheduled = None
                self.add(line)
        return None

    def take(self) -> Line:
        """The one that is due first; it is no longer listed."""
        _, _, line = heapq.heappop(self._heap)
        line.scheduled = None
        return line
