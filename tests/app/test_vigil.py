"""When the dead man's switch acts: every way in which an owner can go, on a clock of our own (control 22)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from toolkit.app.vigil import Finding, Sight, Vigil
from toolkit.errors import JournalError
from toolkit.journal.lock import OwnerLock, lock_path, owner, written_pid

AFTER = 20.0
DIED = Sight(None, died=True)
STOPPED = Sight(None)
WELL, GONE, DEAF = Finding.WELL, Finding.GONE, Finding.DEAF


def findings(*looks: tuple[float, Sight], after_stop: bool = False) -> list[Finding]:
    vigil = Vigil(AFTER, after_stop=after_stop, now=0.0)
    return [vigil.judge(sight, now) for now, sight in looks]


def test_an_owner_that_died_is_missed_after_a_while() -> None:
    assert findings((5, Sight(7)), (6, DIED), (24.9, DIED), (25, DIED)) == [WELL, WELL, WELL, GONE]


def test_an_owner_that_had_died_before_anybody_looked_is_missed_after_as_long() -> None:
    assert findings((1, DIED), (19.9, DIED), (20, DIED)) == [WELL, WELL, GONE]


def test_whoever_takes_over_in_time_is_owner_from_then_on() -> None:
    looks = [(5, Sight(7)), (6, DIED), (24, Sight(8)), (43.9, DIED), (44, DIED)]
    assert findings(*looks) == [WELL, WELL, WELL, WELL, GONE]


def test_an_owner_that_stopped_as_it_was_told_is_not_missed_unless_asked() -> None:
    looks = [(5, Sight(7)), (6, STOPPED), (100, STOPPED)]
    assert findings(*looks) == [WELL, WELL, WELL]
    assert findings(*looks, after_stop=True) == [WELL, WELL, GONE]


def test_a_failed_attempt_of_ours_to_act_does_not_make_a_death_a_clean_stop() -> None:
    """Whoever holds the lock for a moment and lets go of it empties the file, and that may be we."""
    assert findings((6, DIED), (30, STOPPED)) == [WELL, GONE]


def test_somebody_who_cannot_be_seen_is_an_owner_all_the_same() -> None:
    vigil = Vigil(AFTER, after_stop=False, now=0.0)
    assert vigil.judge(DIED, 20) is GONE
    vigil.owned(20)
    assert vigil.judge(DIED, 39.9) is WELL
    assert vigil.judge(DIED, 40) is GONE


def test_an_owner_that_answered_and_falls_silent_is_deaf_after_a_while() -> None:
    looks = [(5, Sight(7, heard=7)), (24.9, Sight(7)), (25, Sight(7)), (26, Sight(7, heard=7))]
    assert findings(*looks) == [WELL, WELL, DEAF, WELL]


@pytest.mark.parametrize("heard", [None, 8])
def test_an_owner_that_never_answered_is_not_called_deaf(heard: int | None) -> None:
    assert findings((5, Sight(7, heard=heard)), (100, Sight(7))) == [WELL, WELL]


# --- the lock, looked at from outside ----------------------------------------------------------------------


def test_the_owner_of_a_lock_is_seen_without_touching_it(tmp_path: Path) -> None:
    path = lock_path(tmp_path / "journal.db")
    assert (owner(path), written_pid(path)) == (None, None)
    lock = OwnerLock(path)
    assert (owner(path), written_pid(path)) == (os.getpid(), os.getpid())
    lock.release()
    assert (owner(path), written_pid(path)) == (None, None)


def test_a_name_in_a_lock_file_that_nobody_holds_is_that_of_a_process_that_died(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text("12345\n")
    assert (owner(path), written_pid(path)) == (None, 12345)
    with path.open() as file:  # held, but by somebody else than it says
        fcntl.flock(file, fcntl.LOCK_EX)
        assert owner(path) is None


def test_a_lock_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.mkdir()
    with pytest.raises(JournalError, match=r"x\.lock cannot be read \(Is a directory\)"):
        owner(path)
