"""
The kill switch of a desk, as a button: one path to the engine, whichever way a press arrives.

A press travels as a message to the kernel. Where the kernel's main thread is busy and takes none, the
button's JavaScript goes to a loopback address that the engine's own thread answers. Both end in
``KillSwitch.press``, which obeys each press once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import anywidget
import traitlets

from toolkit.broker.control_files import whoami
from toolkit.errors import NotConnectedError, ToolkitError

if TYPE_CHECKING:
    from toolkit.app.engine import Engine
    from toolkit.orders.controls import Swept

log = logging.getLogger(__name__)

COMMAND: Final = "toolkit kill"
"""What works in a terminal when no button does."""
PATIENCE: Final = 5.0
"""Seconds that a peer of the address has to say what it wants."""
KILLING: Final = (Path(__file__).parent / "static" / "killing.js").read_text(encoding="utf-8")
"""The way of a press, of every kill button's JavaScript."""
LONGEST_REQUEST: Final = 8 * 1024
"""Bytes of a request; a press has a few hundred."""

_switches: weakref.WeakKeyDictionary[Engine, KillSwitch] = weakref.WeakKeyDictionary()


class KillSwitch:
    """
    Every kill button of one engine; ``KillSwitch.of`` gives it.

    Args:
        engine: whose orders it kills.

    Attributes:
        problem: why the last press did not work, one sentence; ``""`` when it did.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = weakref.ref(engine)
        self._token = secrets.token_urlsafe(24)
        self._address: Future[str] | None = None
        self._obeyed: set[str] = set()
        self.problem = ""

    @classmethod
    def of(cls, engine: Engine) -> KillSwitch:
        """The switch of an engine, the same one at every call."""
        return _switches.setdefault(engine, cls(engine))

    def press(self, press: str, where: str, done: Callable[[], object] = lambda: None) -> None:
        """
        Kill, without waiting for what it does; from any thread but the engine's.

        Args:
            press: names this press; a press that arrives a second time, the other way, is not obeyed again.
            where: which button it was, for the journal.
            done: called when the kill is over, also when it failed: see ``problem``.
        """
        if press in self._obeyed:
            return
        self._obeyed.add(press)

        def tell(killed: Future[Swept | None]) -> None:
            stopped = killed.cancelled()
            error = NotConnectedError("The engine stopped meanwhile.") if stopped else killed.exception()
            if error is not None:
                self._failed(press, error)
            done()

        try:
            engine = self._running()
            engine.submit(engine.client.kill(f"pressed in {where}", whoami())).add_done_callback(tell)
            self.problem = ""
        except NotConnectedError as error:
            self._failed(press, error)
            done()

    def address(self, timeout: float = PATIENCE) -> str:
        """
        Where a POST kills; it carries the token, so it is told to the button alone and never written down.

        Raises:
            NotConnectedError: the engine has stopped.
            TimeoutError: the engine did not begin to listen in time.
        """
        if self._address is None:
            engine, address = self._running(), Future[str]()
            engine.submit(self._serve(address))
            self._address = address
        return self._address.result(timeout)

    def greeting(self) -> dict[str, str]:
        """What a button's JavaScript needs to know; raises as ``address`` does."""
        return {"kind": "address", "address": self.address(), "command": COMMAND}

    def _running(self) -> Engine:
        engine = self._engine()
        if engine is None or not engine.running:
            raise NotConnectedError(f"The engine has stopped; `{COMMAND}` works without it.")
        return engine

    def _failed(self, press: str, error: BaseException) -> None:
        self._obeyed.discard(press)
        self.problem = f"The kill switch failed: {error} Run `{COMMAND}`."
        log.critical("%s", self.problem)

    # --- the loopback address, in the engine's loop ---------------------------------------------------

    async def _serve(self, address: Future[str]) -> None:
        """Listen until the engine ends."""
        try:
            server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=LONGEST_REQUEST)
        except OSError as error:
            address.set_exception(error)
            return
        async with server:
            port = server.sockets[0].getsockname()[1]
            address.set_result(f"http://127.0.0.1:{port}/kill/{self._token}")
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            status = await self._obey(head.partition(b"\r\n")[0].decode("ascii", "replace"))
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            status = HTTPStatus.BAD_REQUEST
        except ConnectionError:
            status = HTTPStatus.BAD_REQUEST
        words = status.phrase if status is not HTTPStatus.INTERNAL_SERVER_ERROR else self.problem
        body = words.encode()
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Access-Control-Allow-Origin: *",  # the page's port is another one; the token is what counts
            "Cache-Control: no-store",
            "Connection: close",
        ]
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        except ConnectionError:
            log.info("Who asked for a kill did not wait for the answer.")
        finally:
            writer.close()

    async def _obey(self, request: str) -> HTTPStatus:
        """What becomes of a request line: ``POST /kill/TOKEN?press=ID HTTP/1.1``."""
        method, _, rest = request.partition(" ")
        wanted = urlsplit(rest.partition(" ")[0])
        if not secrets.compare_digest(wanted.path.encode(), f"/kill/{self._token}".encode()):
            return HTTPStatus.FORBIDDEN
        if method != "POST":  # a page that is fetched ahead or shared must not kill
            return HTTPStatus.METHOD_NOT_ALLOWED
        press = parse_qs(wanted.query).get("press", [secrets.token_hex(4)])[0]
        if press in self._obeyed:
            return HTTPStatus.OK
        self._obeyed.add(press)
        engine = self._running()
        try:
            await engine.client.controls.order("kill", whoami(), "pressed in the browser, past a busy kernel")
        except ToolkitError as error:
            self._failed(press, error)
            return HTTPStatus.INTERNAL_SERVER_ERROR
        self.problem = ""
        return HTTPStatus.OK


class KillButton(anywidget.AnyWidget):
    """
    The button: two presses within three seconds, because one may be a slip.

    Args:
        engine: whose orders it kills.
        where: which button it is, for the journal.

    Attributes:
        control: what is in force when that is not ACTIVE, else ``""``; set by whoever shows the button.
        working: how many orders a kill would cancel; set likewise.
        heard: the last press that reached us.
        problem: why it did not work, ``""`` when it did.
    """

    _esm = KILLING + Path(__file__).with_name("kill.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("kill.css")
    control = traitlets.Unicode("").tag(sync=True)
    working = traitlets.Int(0).tag(sync=True)
    heard = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(self, engine: Engine, where: str) -> None:
        super().__init__()
        self._switch = KillSwitch.of(engine)
        self._where = where
        self.on_msg(self._on_message)
        hear_while_busy(self, "kill", "hello")

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content["kind"] == "hello":
            self._greet()
        elif content["kind"] == "kill":
            self.heard = content["press"]
            self._switch.press(content["press"], self._where, self._tell)

    def _greet(self) -> None:
        try:
            self.send(self._switch.greeting())
        except (NotConnectedError, TimeoutError, OSError) as error:
            self.problem = f"While a cell runs this button may not be heard ({error}); run `{COMMAND}` then."

    def _tell(self) -> None:
        self.problem = self._switch.problem


def hear_while_busy(widget: Any, *kinds: str) -> None:
    """
    Let messages of these kinds reach a widget while a cell keeps the kernel's main thread.

    The front end sends them on a subshell of the kernel; ipykernel 7.4 hands them back to the main
    thread unless the widget's comm says otherwise, by a private method. Where there is none nothing
    is changed, and the button falls back on its address (UI.md 2).
    """
    route = getattr(widget.comm, "_reply_subshell_for", None)
    if route is None:
        return

    def direct(data: Any, default: Any) -> Any:
        content = data.get("content") if isinstance(data, dict) else None
        urgent = isinstance(content, dict) and content.get("kind") in kinds
        return default if urgent else route(data, default)

    widget.comm._reply_subshell_for = direct
