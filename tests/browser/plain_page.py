"""
A blotter on a plain page: the widget's own script in a real browser, the desk behind it in this process.

The page stands where a notebook's front end does (what it sends reaches the widget, what the widget
sends reaches it, both as JSON), so that a test need not wait for JupyterLab and a kernel to start.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import DEADLINE
from toolkit.desk.blotter import FRONT, Blotter, script
from toolkit.desk.desk import Desk

PAGE = """<!doctype html>
<html lang="en"><head><title>Blotter</title><style>body { margin: 8px; %s }</style><style>%s</style></head>
<body%s><main><h1 hidden>Blotter</h1><div id="blotter"></div></main></body></html>"""
START = """async (source) => {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const widget = (await import(address)).default();
  const listeners = [];
  const model = {
    on: (_, listener) => listeners.push(listener),
    send: (content) => window.toKernel(JSON.stringify(content)),
  };
  const context = { model, el: document.getElementById("blotter") };
  widget.initialize(context);
  widget.render(context);
  const listen = async () => {
    for (const text of await window.fromKernel()) for (const hear of listeners) hear(JSON.parse(text));
    setTimeout(listen, 20);
  };
  listen();
}"""
JUPYTER = {
    "light": "--jp-layout-color0: #fff; --jp-content-font-color1: rgba(0, 0, 0, 0.87);",
    "dark": "--jp-layout-color0: #111; --jp-content-font-color1: rgba(255, 255, 255, 1); background: #111;",
}
"""The variables that JupyterLab 4 sets, as far as the blotter uses them."""


class Page:
    """
    One page and what was said to and fro.

    Attributes:
        browser: playwright's page.
        errors: what scripts on it failed with.
    """

    def __init__(self, browser: Any, hear: Callable[[dict[str, Any]], None], theme: str) -> None:
        self.browser = browser
        self.errors: list[str] = []
        self._sent: deque[str] = deque()
        browser.on("pageerror", lambda error: self.errors.append(str(error)))
        browser.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        browser.expose_function("toKernel", lambda text: hear(json.loads(text)))
        browser.expose_function("fromKernel", self._take)
        light = {"light": "true", "dark": "false"}.get(theme)
        attribute = f' data-jp-theme-light="{light}"' if light else ""
        style = (FRONT / "blotter.css").read_text(encoding="utf-8")
        browser.set_content(PAGE % (JUPYTER.get(theme, ""), style, attribute))
        browser.evaluate(START, script())

    def send(self, content: dict[str, Any], _buffers: Any = None) -> None:
        """Say something to the page, from any thread."""
        self._sent.append(json.dumps(content))

    def _take(self) -> list[str]:
        return [self._sent.popleft() for _ in range(len(self._sent))]

    def row(self, intent_id: str) -> Any:
        """The row of an order, a fill or a refusal."""
        return self.browser.locator(f'.tkb-row[data-id="{intent_id}"]')

    def ids(self) -> list[str]:
        """Rows in sight from top to bottom, by their ids."""
        lines = self.browser.locator(".tkb-body > .tkb-row").all()
        return [
            line.get_attribute("data-id") for line in sorted(lines, key=lambda line: line.bounding_box()["y"])
        ]

    def tab(self, name: str) -> Any:
        """A tab by the beginning of its name."""
        return self.browser.get_by_role("tab", name=name)

    def press(self, name: str, *, exact: bool = False) -> None:
        """Click a button."""
        self.browser.get_by_role("button", name=name, exact=exact).click()

    def keys(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.browser.keyboard.press(key)

    def says(self, text: str, deadline: float = DEADLINE) -> None:
        """Wait until a text stands somewhere on the page."""
        self.browser.get_by_text(text).first.wait_for(timeout=deadline * 1000)

    def until(self, condition: Callable[[], object], deadline: float = DEADLINE) -> None:
        """As ``tests.waiting.wait_until``, while the page goes on."""
        for _ in range(int(deadline / 0.02)):
            if condition():
                return
            self.browser.wait_for_timeout(20)
        assert condition(), f"not true after {deadline} s"

    def shot(self, folder: Path, name: str) -> None:
        """A picture for a person to look at."""
        folder.mkdir(parents=True, exist_ok=True)
        self.browser.screenshot(path=str(folder / f"{name}.png"))


@contextmanager
def plain_page(
    chromium: Any,
    hear: Callable[[dict[str, Any]], None],
    *,
    theme: str = "light",
    width: int = 1200,
    **context: Any,
) -> Iterator[Page]:
    """
    A page in a browser.

    Args:
        chromium: the browser.
        hear: takes what the page says.
        theme: ``light`` or ``dark`` as JupyterLab does it; empty: a page that knows no themes.
        width: px.
        context: more of playwright's ``new_context``.
    """
    opened = chromium.new_context(viewport={"width": width, "height": 760}, **context)
    try:
        page = Page(opened.new_page(), hear, theme)
        yield page
        assert page.errors == []
    finally:
        opened.close()


@contextmanager
def shown(chromium: Any, desk: Desk, *, deaf_to: str = "", **options: Any) -> Iterator[tuple[Page, Blotter]]:
    """A desk's blotter on a page, whose kernel does not hear one kind; ``options`` as for ``plain_page``."""
    blotter = desk.blotter()
    early: list[dict[str, Any]] = []  # the page says hello before we have it
    blotter.send = lambda content, buffers=None: early.append(content)

    def hear(content: dict[str, Any]) -> None:
        if content["kind"] != deaf_to:
            blotter._on_message(blotter, content, [])

    with plain_page(chromium, hear, **options) as page:
        blotter.send = page.send
        for content in early:
            page.send(content)
        blotter.start()
        try:
            yield page, blotter
        finally:
            blotter.close()
