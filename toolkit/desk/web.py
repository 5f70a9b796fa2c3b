"""What the page of `toolkit blotter` shows; each visit has a kernel of its own, which runs ``show``."""

from __future__ import annotations

import html
import time
from typing import Any, Final

from toolkit.desk.connecting import connect
from toolkit.desk.desk import Desk
from toolkit.desk.watch import Watch
from toolkit.errors import JournalLockedError, ToolkitError
from toolkit.settings import Settings

HANDOVER_S: Final = 10.0
"""Seconds that the kernel of a page that was just reloaded may take to let go of the journal."""


def show(*, trade: bool, paper: bool) -> None:
    """
    Show the journal read-only, or a desk with its controls, its ticket and its blotter.

    Args:
        trade: connect and own the journal; while somebody else owns it, it is shown read-only.
        paper: with a paper gateway of this page's own, which ends with it.
    """
    from IPython import display as front_end

    display: Any = front_end.display
    if not (trade or paper):
        display(Watch(Settings.load()))
        return
    try:
        desk = connect("paper") if paper else _own()
    except ToolkitError as error:
        display(Watch(Settings.load(), f"Read-only: {error}"))
        return
    account = html.escape(desk.health()["account"])
    display(front_end.HTML(f"<h1 style='font-size:16px;margin:4px 0'>Desk {account}</h1>"))
    for part in (desk.panel(), desk.ticket(), desk.blotter()):
        display(part)


def _own() -> Desk:
    """A desk of this kernel, as soon as the one of the page before is gone."""
    deadline = time.monotonic() + HANDOVER_S
    while True:
        try:
            return connect()
        except JournalLockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.25)
