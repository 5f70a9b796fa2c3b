"""An operator's topic on a real Kafka: heard by a service, and after a crash by the next process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.commands import running
from tests.waiting import wait_until
from toolkit.bus import choose
from toolkit.bus.topics import CONTROL
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import ControlState, fold
from toolkit.settings import Settings

pytestmark = pytest.mark.kafka

ACCOUNT = "DU777001"
PATIENCE = 30.0
"""Seconds for a member to join its group and hear a command."""


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    """Of an account of its own: the topic is shared, and a kill for everybody would reach other tests."""
    with PaperGateway(port=0, account=ACCOUNT, quotes=None) as started:
        yield started


def test_a_kill_is_heard_outlives_a_crash_and_a_resume_is_heard_by_the_next_process(
    gateway: PaperGateway, kafka_bootstrap: str, home: Path
) -> None:
    variables = {
        "IBKR_PORT": str(gateway.port),
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "PROMETHEUS_PORT": "0",
    }
    settings = Settings.load(ibkr_port=gateway.port, kafka_bootstrap_servers=kafka_bootstrap)

    def send(action: str) -> None:
        given = {
            "action": action,
            "account": ACCOUNT,
            "by": "ann",
            "reason": "drill",
            "at": datetime.now(UTC).isoformat(),
        }
        choose.send_all(settings, CONTROL, [(ACCOUNT, msgspec.json.encode(given))])

    def state() -> ControlState:
        with JournalReader(home / "journal.db") as journal:
            return fold(fact for _, fact in journal.controls()).state

    with running("serve", **variables) as service:
        send("kill")
        wait_until(lambda: state() is ControlState.KILLED, PATIENCE)
        service.end(signal.SIGKILL)
    with running("serve", **variables):
        assert state() is ControlState.KILLED
        send("resume")
        wait_until(lambda: state() is ControlState.ACTIVE, PATIENCE)
