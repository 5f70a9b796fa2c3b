"""A real kernel, for tests of what only happens in one."""

from __future__ import annotations

from typing import Any

from jupyter_client.manager import start_new_kernel


class Kernel:
    """A kernel of its own process, asked by code."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3", startup_timeout=60)

    def run(self, code: str) -> list[dict[str, Any]]:
        """The messages that a cell puts out, its last one the reply."""
        messages: list[dict[str, Any]] = []
        reply = self.client.execute_interactive(code, timeout=60, output_hook=messages.append)
        return [*messages, reply]

    def begin(self, code: str) -> str:
        return self.client.execute(code)

    def hear(self, cell: str, words: str) -> None:
        """Wait until a cell that was begun before says so."""
        while words not in str(self._next(cell)["content"]):
            pass

    def end(self, cell: str) -> list[dict[str, Any]]:
        """What a cell that was begun before still puts out."""
        messages = [self._next(cell)]
        while messages[-1]["content"].get("execution_state") != "idle":
            messages.append(self._next(cell))
        return messages

    def _next(self, cell: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == cell:
                return message

    def value(self, expression: str) -> str:
        """What an expression is, as text."""
        (told,) = [m for m in self.run(expression) if m["msg_type"] == "execute_result"]
        return str(told["content"]["data"]["text/plain"])

    def do(self, code: str) -> None:
        """Run a cell that must end well."""
        reply = self.run(code)[-1]["content"]
        assert reply["status"] == "ok", "\n".join(reply["traceback"])

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
