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

    def end(self, cell: str) -> list[dict[str, Any]]:
        """The same for a cell that was begun before."""
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == cell:
                messages.append(message)
                if message["content"].get("execution_state") == "idle":
                    return messages

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
