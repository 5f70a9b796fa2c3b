"""The paper gateway's own memory is damaged: one sentence, exit code 3, and the file is left as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import run
from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway


def half(state: Path) -> None:
    with state.open("r+b") as file:
        file.truncate(state.stat().st_size // 2)


def page(state: Path) -> None:
    with state.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)


def fact(name: str, value: str) -> Callable[[Path], None]:
    def write(state: Path) -> None:
        with closing(sqlite3.connect(state, isolation_level=None)) as database:
            database.execute("update facts set value = ? where name = ?", (value, name))

    return write


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a gateway that was stopped cleanly leaves."""
    path = tmp_path / "state.db"
    with PaperGateway(quotes=None, state=path):
        pass
    return path


@pytest.mark.parametrize(
    "damage",
    [half, page, fact("layout", "99"), fact("then", "yesterday"), fact("run", "x")],
    ids=["half a file", "a broken page", "a newer version", "no time", "no number"],
)
def test_a_damaged_state_file_is_refused_in_one_sentence_and_left_alone(
    damage: Callable[[Path], None], state: Path
) -> None:
    damage(state)
    before = state.read_bytes()
    with pytest.raises(GatewayError, match=r"^The state file .*state\.db .*: choose another --state\.$"):
        PaperGateway(quotes=None, state=state)
    assert state.read_bytes() == before


def test_the_command_ends_with_exit_code_3(state: Path) -> None:
    half(state)
    done = run("gateway", "--port", "0", "--state", state)
    assert (done.returncode, done.stdout) == (3, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"The state file {state} cannot be used")
