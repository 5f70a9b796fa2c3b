"""``toolkit watchdog`` beside real services: what the gateway received is the judge (control 22)."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import msgspec
import pytest

from tests import builders
from tests.commands import Service, running
from tests.kafka_broker import free_ports
from tests.waiting import wait_until
from toolkit.bus import topics
from toolkit.bus.choose import send_all
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import ControlState, fold
from toolkit.settings import Settings

PATIENCE = 30.0
"""Seconds for everything to come true on a busy machine."""
AFTER = ("--after", "2")


def rest(settings: Settings, gateway: PaperGateway, *names: str) -> None:
    """Orders of ours that rest at the broker."""
    rows = [builders.raw_intent(intent_id=name, quantity=1, limit_price=400) for name in names]
    send_all(settings, topics.INTENTS, [("test", msgspec.json.encode(row)) for row in rows])
    wait_until(lambda: set(names) <= set(gateway.ledger.orders), PATIENCE)


def end(service: Service) -> None:
    service.process.kill()
    service.process.wait()


def ended(watchdog: Service) -> int:
    return watchdog.process.wait(PATIENCE)


def test_orders_of_a_service_that_died_are_cancelled_unless_a_standby_has_taken_over(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway, home: Path
) -> None:
    gateway.faults.add("foreign", symbol="SPY", quantity=5, limit=400.0)
    with (
        running("serve", **variables) as first,
        running("serve", **variables) as second,
        running("watchdog", "--after", "3", **variables) as watchdog,
    ):
        assert watchdog.line == f"watching {home / 'journal.db'}"
        rest(settings, gateway, "a", "b")
        end(first)
        since = time.monotonic()
        wait_until(lambda: "serving account" in second.output, PATIENCE)
        wait_until(lambda: time.monotonic() - since > 1.5, PATIENCE)
        assert gateway.ledger.cancels == []
        assert watchdog.process.poll() is None
        end(second)
        since = time.monotonic()
        assert ended(watchdog) == 0, watchdog.errors
        took = time.monotonic() - since
        assert "KILLED. 2 of 2 working orders ended" in watchdog.output
    assert len(gateway.ledger.cancels) == 2
    (foreign,) = gateway.exchange.open_orders()
    assert foreign.client_id != settings.ibkr_client_id
    assert took > 2, "the standby's end counts, not that of the first"
    with JournalReader(home / "journal.db") as journal:
        standing = fold(fact for _, fact in journal.controls())
    assert (standing.state, standing.by) == (ControlState.KILLED, "watchdog")
    assert standing.swept is not None
    assert standing.swept.leftovers == {}


@pytest.mark.faults_all
def test_orders_of_a_service_that_stopped_as_it_was_told_stay_unless_asked(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway
) -> None:
    with (
        running("serve", **variables) as service,
        running("watchdog", *AFTER, **variables) as watchdog,
        running("watchdog", *AFTER, "--after-stop", **variables) as strict,
    ):
        rest(settings, gateway, "a")
        assert service.end() == 0
        # Both have looked on for as long when the strict one acts.
        assert ended(strict) == 0, strict.errors
        assert watchdog.end(signal.SIGTERM) == 0
        assert "KILLED. 1 of 1 working orders ended" in strict.output
        assert watchdog.output.splitlines() == [watchdog.line]


@pytest.mark.faults_all
def test_a_service_that_falls_silent_is_killed_and_its_orders_are_cancelled(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway
) -> None:
    (port,) = free_ports(1)
    variables["PROMETHEUS_PORT"] = str(port)
    with running("serve", **variables) as service, running("watchdog", *AFTER, **variables) as watchdog:
        rest(settings, gateway, "a")
        wait_until(lambda: f"Process {service.process.pid} owns the journal and answers" in watchdog.errors)
        service.process.send_signal(signal.SIGSTOP)
        assert ended(watchdog) == 0, watchdog.errors
        assert service.process.wait(PATIENCE) == -signal.SIGKILL
        assert "1 of 1 working orders ended" in watchdog.output


@pytest.mark.faults_all
def test_it_goes_on_trying_while_the_gateway_is_away(
    variables: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    with PaperGateway(port=0, quotes=None, state=state) as gateway:
        gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        variables["IBKR_PORT"] = str(gateway.port)
        with running("serve", **variables) as service:
            rest(settings, gateway, "a")
            end(service)
    with running("watchdog", *AFTER, **variables) as watchdog:
        wait_until(lambda: "cannot be cancelled yet" in watchdog.errors, PATIENCE)
        assert watchdog.process.poll() is None
        with PaperGateway(port=gateway.port, quotes=None, state=state) as again:
            assert ended(watchdog) == 0, watchdog.errors
            assert len(again.ledger.cancels) == 1
        assert "KILLED. 1 of 1 working orders ended" in watchdog.output


@pytest.mark.faults_all
def test_h24_it_goes_on_trying_while_the_client_id_of_the_dead_is_still_taken(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway, tmp_path: Path
) -> None:
    """As over a line that broke with the machine: the gateway has not noticed yet."""
    with running("serve", **variables) as service:
        rest(settings, gateway, "a")
        end(service)
    with (
        running("serve", **variables, TOOLKIT_HOME=str(tmp_path / "another")) as another,
        running("watchdog", *AFTER, **variables) as watchdog,
    ):
        wait_until(lambda: "is already in use" in watchdog.errors, PATIENCE)
        assert another.end() == 0
        assert ended(watchdog) == 0, watchdog.errors
        assert "KILLED. 1 of 1 working orders ended" in watchdog.output


@pytest.mark.faults_all
def test_what_cannot_be_cancelled_is_said_with_the_exit_code(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway
) -> None:
    """An order of another client id is out of our reach (hazard H5)."""
    with running("serve", **variables) as service:
        rest(settings, gateway, "a")
        end(service)
    with running("watchdog", *AFTER, IBKR_CLIENT_ID="3", **variables) as watchdog:
        assert ended(watchdog) == 1
        assert "LEFT OVER a: it belongs to client id 2" in watchdog.errors
    assert gateway.ledger.cancels == []
