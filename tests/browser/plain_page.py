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
  let hear = () => {};
  const model = {
    on: (_, listener) => { hear = listener; },
    send: (content) => window.toKernel(JSON.stringify(content)),
  };
  const context = { model, el: document.getElementById("blotter") };
  widget.initialize(context);
  widget.render(context);
  const listen = async () => {
    for (const message of await window.fromKernel()) hear(JSON.parse(message));
    setTimeout(listen, 20);
  };
  listen();
}"""
JUPYTER = {
    "light": "--jp-layout-color0: #fff; --jp-content-font-color1: rgba(0, 0, 0, 0.87);",
    "dark": "--jp-layout-color0: #111; --jp-content-font-color1: rgba(255, 255, 255, 1); background: #111;",
}
"""The variables that JupyterLab 4 sets, as far as the blotter uses them."""


@contextmanager
def plain_page(
    browser: Any, desk: Desk, *, theme: str = "", width: int = 1200, **context: Any
) -> Iterator[tuple[Any, Blotter]]:
    """
    The page and its blotter.

    Args:
        browser: Chromium.
        desk: whose blotter it is.
        theme: ``light`` or ``dark`` as JupyterLab does it; empty: a page that knows no themes.
        width: px.
        context: more of playwright's ``new_context``.
    """
    sent: deque[str] = deque()
    blotter = desk.blotter()
    blotter.send = lambda content, buffers=None: sent.append(json.dumps(content))
    opened = browser.new_context(viewport={"width": width, "height": 760}, **context)
    page = opened.new_page()
    page.on("pageerror", lambda error: sent.append(json.dumps({"kind": "fault", "text": str(error)})))

    def take() -> list[str]:
        return [sent.popleft() for _ in range(len(sent))]

    page.expose_function("toKernel", lambda text: blotter._on_message(blotter, json.loads(text), []))
    page.expose_function("fromKernel", take)
    light = {"light": "true", "dark": "false"}.get(theme)
    attribute = f' data-jp-theme-light="{light}"' if light else ""
    style = (FRONT / "blotter.css").read_text(encoding="utf-8")
    page.set_content(PAGE % (JUPYTER.get(theme, ""), style, attribute))
    page.evaluate(START, script())
    blotter.start()
    try:
        yield page, blotter
    finally:
        opened.close()
        blotter.close()


def until(page: Any, condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """As ``tests.waiting.wait_until``, while the page goes on."""
    for _ in range(int(deadline / 0.02)):
        if condition():
            return
        page.wait_for_timeout(20)
    assert condition(), f"not true after {deadline} s"
