"""A journal of the test's own, and the means to hold its disk up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from toolkit.journal.sqlite import SqliteJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    if opened.failure is None:
        opened.close()


@pytest.fixture
def busy_disk(path: Path) -> Callable[[], AbstractContextManager[None]]:
    """While entered, nothing can be committed to the journal, as if the disk did not answer."""

    @contextmanager
    def hold() -> Iterator[None]:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin immediate")
            yield
            other.execute("rollback")

    return hold
