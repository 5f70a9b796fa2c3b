"""Broken and hostile clients beside an honest one; ``python -m tests.gateway.fuzz`` does it for longer."""

from tests.gateway.fuzz.garbage import attack, requests
from tests.gateway.fuzz.run import fuzz
from toolkit.gateway.request_reader import _READERS, _UNSUPPORTED

PLACE_ORDER, GLOBAL_CANCEL = 3, 58


def test_garbage_hurts_neither_the_gateway_nor_the_honest_client():
    outcome = fuzz(seed=1, seconds=2.0)
    assert outcome.failures == []
    assert outcome.orders > 1
    assert outcome.attacks.total() > 10


def test_the_same_seed_sends_the_same_garbage():
    assert [attack(7, n) for n in range(12)] == [attack(7, n) for n in range(12)]
    assert [attack(7, n) for n in range(12)] != [attack(8, n) for n in range(12)]


def test_the_garbage_is_made_from_every_request_but_the_one_that_cancels_the_orders_of_all():
    known = {*_READERS, *_UNSUPPORTED, PLACE_ORDER}
    assert known - {int(fields[0]) for fields in requests()} == {GLOBAL_CANCEL}
