"""
Metrics, health and readiness over HTTP, answered by a thread of their own.

``/metrics`` is for Prometheus. ``/healthz`` asks the event loop for a sign of life, so that a process
that is up but deaf fails it. ``/readyz`` says part by part whether the service should be given work.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

from toolkit.errors import ConfigError

PATIENCE: Final = 2.0
"""Seconds that the event loop has to answer before it counts as deaf."""
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of Prometheus's text format."""
JSON: Final = "application/json"


class Answer(NamedTuple):
    """What one path says; a ``content`` that is no bytes is sent as JSON."""

    status: HTTPStatus
    content: bytes | dict[str, Any]


class HealthServer:
    """
    Listens from construction to ``close``.

    Args:
        port: on all interfaces; 0 picks one.
        readiness: the parts and whether all of them are well; called in the event loop.
        metrics: the text for Prometheus; called in a thread of the server.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(
        self, port: int, readiness: Callable[[], dict[str, Any]], metrics: Callable[[], bytes]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._readiness = readiness
        self._metrics = metrics
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0  # a peer that says nothing must not hold a thread for ever

            def do_GET(self) -> None:
                status, content = answer(self.path.partition("?")[0])
                text = isinstance(content, bytes)
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", TEXT if text else JSON)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: a scrape every few seconds is no news."""

        try:
            self._server = ThreadingHTTPServer(("", port), Handler)
        except OSError as error:
            raise ConfigError(
                f"Metrics cannot be served on port {port}: {error.strerror}; set PROMETHEUS_PORT to a free "
                "one, or to 0 for none."
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="toolkit-health")
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is served."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; blocks for a moment."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> Answer:
        match path:
            case "/metrics":
                return Answer(HTTPStatus.OK, self._metrics())
            case "/healthz":
                alive = self._ask() is not None
                return _judged(alive, {"alive": alive})
            case "/readyz":
                parts = self._ask() or {"ready": False, "state": "deaf", "reason": "The event loop is stuck."}
                return _judged(parts["ready"], parts)
        return Answer(HTTPStatus.NOT_FOUND, {"paths": ["/metrics", "/healthz", "/readyz"]})

    def _ask(self) -> dict[str, Any] | None:
        """The readiness as the event loop sees it; None when the loop does not answer."""

        async def look() -> dict[str, Any]:
            return self._readiness()

        looking = asyncio.run_coroutine_threadsafe(look(), self._loop)
        try:
            return looking.result(PATIENCE)
        except TimeoutError:
            looking.cancel()
            return None


def _judged(good: bool, content: dict[str, Any]) -> Answer:
    return Answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, content)
