"""Plain widgets that leave a record in a saved notebook, where no front end runs behind them."""

from __future__ import annotations

import html
import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ipywidgets import HTML, VBox

from toolkit.errors import ToolkitError

log = logging.getLogger(__name__)

STYLE: Final = Path(__file__).with_name("ticket.css")
PAUSE: Final = 0.5
"""Seconds between two looks."""


class Recorded(VBox):
    """
    A box that is displayed twice: alive, and as plain HTML, which the living one hides.

    A subclass says with ``_summary`` how it stands, and with ``_follow`` what it looks at twice a
    second in a thread of its own, so that it moves while a cell runs; the thread ends with the engine.

    Args:
        alive: whether the engine behind it runs.
        children: what is in the box.
    """

    def __init__(self, alive: Callable[[], bool], children: list[Any]) -> None:
        self._alive = alive
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._static: Any = None
        self.message, style = HTML(), HTML()
        super().__init__([style, *children, self.message])
        self.add_class("tkt")
        self._mark = f"toolkit-static-{self.model_id}"
        # The record is hidden by what only a living front end shows.
        hidden = f".jp-OutputArea-child:has(.{self._mark}), .{self._mark} {{ display: none; }}"
        style.value = f"<style>{STYLE.read_text(encoding='utf-8')}\n{hidden}</style>"

    def start(self) -> None:
        """Begin to look; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"toolkit-{type(self).__name__}", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop looking, and take the widget away."""
        self._stopped.set()
        super().close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            alive = self._alive()
            self.guard(self._follow)
            if not alive:
                self.record()
                return
            self._stopped.wait(PAUSE)

    def guard(self, work: Callable[[], object]) -> None:
        """Do something; what goes wrong is shown in the widget, as one sentence."""
        try:
            work()
        except ToolkitError as error:
            self.say(str(error), bad=True)
        except Exception as error:
            log.exception("%s failed.", type(self).__name__)
            self.say(str(error) or type(error).__name__, bad=True)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show one sentence, ``""`` for none."""
        tone = "tkt-bad" if bad else "tkt-ok"
        self.message.value = f'<div role="status" class="{tone}">{html.escape(text)}</div>' if text else ""

    def record(self) -> None:
        """Write how it stands into the record, as after something was pressed."""
        if self._static is not None:
            self._static.update(self._content, raw=True)

    def _follow(self) -> None:
        """Bring what is shown up to date; from any thread."""
        raise NotImplementedError

    def _summary(self) -> str:
        """How it stands, as plain HTML."""
        raise NotImplementedError

    @property
    def _content(self) -> dict[str, str]:
        summary = f'<div class="{self._mark}">{self._summary()}</div>'
        return {"text/html": summary, "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        from IPython import display as front_end

        display: Any = front_end.display
        self.start()
        self._static = display(self._content, raw=True, display_id=f"record-{secrets.token_hex(8)}")
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)
