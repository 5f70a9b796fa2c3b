"""Ids: the same from the same name, valid whatever the name, never used when fresh."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from toolkit.intents.ids import batch_id, fresh_id
from toolkit.orders.fields import is_identity


def test_the_same_batch_and_label_give_the_same_id_in_every_process() -> None:
    assert batch_id("2026-11-22 rebalance", "SPY") == "2026-11-22-rebalance-SPY-0886a2da"


def test_batches_and_labels_do_not_run_into_one_another() -> None:
    assert batch_id("a-1", "2") != batch_id("a", "1-2")


@given(st.text(), st.one_of(st.text(), st.integers(), st.tuples(st.text(), st.integers())))
def test_every_batch_id_is_a_valid_intent_id(batch: str, label: Hashable) -> None:
    assert is_identity(batch_id(batch, label))


@given(st.datetimes())
def test_every_fresh_id_is_a_valid_intent_id(moment: Any) -> None:
    assert is_identity(fresh_id(moment, "0a1b2c3d"))
