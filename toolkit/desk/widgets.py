"""What a desk shows alive beside its blotter: the order ticket and the controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.desk.view import View

if TYPE_CHECKING:
    from toolkit.desk.panel import Panel
    from toolkit.desk.ticket import Ticket


class Widgets(View):
    """Each is to be the last line of a cell; where no front end runs a summary stays in its place."""

    def ticket(self) -> Ticket:
        """An order ticket: look a contract up, preview the order with every risk check, send it once."""
        from toolkit.desk.ticket import Ticket

        return Ticket(self)

    def panel(self) -> Panel:
        """The controls: kill, which a running cell does not hold up; reduce only, halt, resume, arm."""
        from toolkit.desk.panel import Panel

        return Panel(self)
