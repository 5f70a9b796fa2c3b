"""Somebody who receives alerts: a real HTTP server on this machine, well behaved or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """
    Takes POSTs.

    Attributes:
        messages: the bodies that were taken, oldest first.
        requests: how many came, taken or not.
        answers: statuses of the next requests, then 200; 0 hangs until the end.
        headers: of the latest request.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.requests = 0
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests += 1
                receiver.headers = dict(self.headers)
                status = receiver.answers.pop(0) if receiver.answers else 200
                if not status:
                    receiver.over.wait(30)
                    return
                if status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where to post, with a key in it as chat services have one."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/hooks/s3cr3t-key"

    def of(self, alert: str, status: str = "firing") -> list[dict[str, Any]]:
        """The messages about one kind of alert."""
        return [each for each in self.messages if (each["alert"], each["status"]) == (alert, status)]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """One that listens."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
