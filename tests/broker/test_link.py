"""The link is socket by upstream, and each message moves it at most once; no sockets here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from toolkit.broker.link import (
    Effect,
    Link,
    connected,
    connecting,
    disconnected,
    escalation,
    heed,
    in_restart_window,
    reconnect_delay,
)
from toolkit.settings import time_of_day

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
UP = Link(socket=True)


def after(link: Link, *codes: int) -> tuple[Link, list[Effect]]:
    """The link after these messages, and every effect on the way."""
    effects: list[Effect] = []
    for code in codes:
        link, found = heed(link, code, f"Something happened:farm (code {code})", NOON)
        effects += found
    return link, effects


def test_h22_fifty_times_1100_is_one_outage_and_1102_ends_it() -> None:
    link, effects = after(UP, *[1100] * 50)
    assert (link.up, link.down_since, effects) == (False, NOON, [Effect.LOST])
    link, effects = after(link, 1102)
    assert (link.up, link.down_since, effects) == (True, None, [Effect.RECOVERED])


def test_h22_1101_also_loses_the_subscriptions() -> None:
    _, effects = after(UP, 1100, 1101)
    assert set(effects[1:]) == {Effect.RECOVERED, Effect.DATA_LOST}


def test_h22_2110_is_an_outage_like_1100() -> None:
    assert not after(UP, 2110)[0].up
    assert after(UP, 2110, 1100, 1102) == (UP, [Effect.LOST, Effect.RECOVERED])


def test_h22_1102_alone_asks_what_happened_because_the_outage_itself_may_have_been_missed() -> None:
    assert after(UP, 1102) == (UP, [Effect.RECOVERED])


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("Socket port has been reset and this connection is being dropped. New port - 4007", 4007),
        ("Socket port has been reset and this connection is being dropped.", 0),
    ],
)
def test_h22_1300_moves_to_the_port_that_its_text_names(text: str, port: int) -> None:
    link, effects = heed(UP, 1300, text, NOON)
    assert (link.port, effects) == (port, {Effect.MOVED})


@pytest.mark.parametrize("code", [2105, 2106, 2107, 2108, 2119, 2157, 2158, 2148, 399])
def test_h23_messages_about_other_things_do_not_touch_the_link(code: int) -> None:
    assert after(UP, code) == (UP, [])


def test_h23_a_broken_farm_touches_quotes_alone_until_it_is_back() -> None:
    broken, effects = after(UP, 2103, 2103)
    assert (broken.up, effects, broken.broken_farms) == (True, [], {"farm (code 2103)"})
    link, _ = heed(UP, 2103, "Market data farm connection is broken:usfarm", NOON)
    link, _ = heed(link, 2104, "Market data farm connection is OK:eufarm", NOON)
    assert link.broken_farms == {"usfarm"}
    link, _ = heed(link, 2104, "Market data farm connection is OK:usfarm", NOON)
    assert link == UP


def test_an_outage_lasts_from_its_first_sign_until_the_broker_can_hear_us_again() -> None:
    lost = disconnected(UP, "gone", NOON)
    still = disconnected(connecting(lost), "refused", NOON + timedelta(seconds=90))
    assert still.down_since == NOON
    assert connected(connecting(still)) == UP


def test_a_gateway_that_says_during_the_handshake_that_it_has_no_broker_is_not_up() -> None:
    link, _ = after(connecting(Link()), 1100)
    assert not connected(link).up
    assert connected(link).down_since == NOON


@pytest.mark.parametrize(("seconds", "steps"), [(0, 0), (59, 0), (60, 1), (299, 1), (300, 2), (9000, 3)])
def test_h21_an_outage_escalates_after_one_five_and_fifteen_minutes(seconds: float, steps: int) -> None:
    assert escalation(disconnected(UP, "gone", NOON), NOON + timedelta(seconds=seconds)) == steps
    assert escalation(UP, NOON) == 0


@pytest.mark.parametrize(
    ("attempt", "draw", "delay"), [(0, 0.0, 2), (0, 1.0, 2), (1, 1.0, 4), (3, 0.5, 9), (99, 1.0, 60)]
)
def test_h24_attempts_to_connect_grow_rarer_with_full_jitter(attempt: int, draw: float, delay: float) -> None:
    assert reconnect_delay(attempt, draw, first=2, last=60) == delay


@pytest.mark.parametrize(
    ("now", "inside"),
    [
        ("2026-01-06T04:43:01Z", True),
        ("2026-01-06T04:42:59Z", False),
        ("2026-01-06T04:47:00Z", True),
        ("2026-01-06T04:47:01Z", False),
        ("2026-07-07T03:45:00Z", True),  # the clocks in New York have moved
    ],
)
def test_h4_the_restart_window_lies_around_a_time_of_day_in_its_own_zone(now: str, inside: bool) -> None:
    restart = time_of_day("23:45 America/New_York")
    assert restart is not None
    assert in_restart_window(datetime.fromisoformat(now), restart, timedelta(seconds=120)) is inside


def test_h4_a_restart_at_midnight_has_a_window_on_both_days() -> None:
    restart = time_of_day("00:00")
    assert restart is not None
    for now in ("2026-01-05T23:59:30+00:00", "2026-01-06T00:00:30+00:00"):
        assert in_restart_window(datetime.fromisoformat(now), restart, timedelta(seconds=60))
