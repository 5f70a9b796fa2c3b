"""`toolkit blotter` before a page is asked for; what it shows is in ``tests/browser/test_voila.py``."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

from click.testing import CliRunner

from tests.commands import running
from tests.waiting import wait_until
from toolkit.cli import main


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["blotter", "--port", str(port)])
    assert done.exit_code == 2
    assert f"Port {port} of this machine cannot be used" in done.stderr


def test_wrong_settings_are_said_here_and_not_in_a_page(home: Path) -> None:
    done = CliRunner(env={"IBKR_PORT": "many"}).invoke(main, ["blotter", "--port", "0"])
    assert done.exit_code == 2
    assert "IBKR_PORT is 'many'" in done.stderr


def test_it_prints_one_address_with_its_token_and_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    with running("blotter", "--port", "0", TOOLKIT_HOME=str(home), TMPDIR=str(folder)) as service:
        address, _, token = service.line.partition("?token=")
        assert len(token) >= 32
        command = Path(f"/proc/{service.process.pid}/cmdline")
        assert not command.exists() or token.encode() not in command.read_bytes()
        wait_until(lambda: answers(address), deadline=60)
        assert service.end(signal.SIGTERM) == 0
        assert service.output.splitlines() == [service.line]
    assert list(folder.glob("toolkit-*")) == []


def answers(address: str) -> bool:
    """Whether the server is at work; without the token it answers with the form that asks for it."""
    try:
        urllib.request.urlopen(address, timeout=30).close()
    except urllib.error.HTTPError as error:
        error.close()
    except urllib.error.URLError:
        return False
    return True
