"""Alerts over real HTTP: delivered, tried again, given up, and never waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.app.receiver import Receiver, receiving
from tests.commands import run
from tests.kafka_broker import free_ports
from tests.waiting import wait_until
from toolkit.app import webhook as module
from toolkit.app.webhook import ATTEMPTS, Webhook
from toolkit.errors import ConfigError
from toolkit.settings import Settings

Log = pytest.LogCaptureFixture
ALERT = {"alert": "Killed", "status": "firing", "summary": "Trading is KILLED."}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[Webhook]:
    sender = Webhook(receiver.url)
    sender.start()
    yield sender
    receiver.over.set()
    sender.close()


def test_an_alert_arrives_as_json(webhook: Webhook, receiver: Receiver) -> None:
    webhook.send(ALERT)
    wait_until(lambda: webhook.delivered)
    assert receiver.messages == [ALERT]
    assert receiver.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [500, 302])
def test_an_alert_that_is_not_taken_is_tried_again(status: int, webhook: Webhook, receiver: Receiver) -> None:
    receiver.answers = [status]
    webhook.send(ALERT)
    wait_until(lambda: webhook.delivered)
    assert (receiver.messages, receiver.requests) == ([ALERT], 2)


def test_an_alert_is_given_up_after_so_many_attempts(receiver: Receiver, caplog: Log) -> None:
    receiver.answers = [500] * ATTEMPTS
    sender = sent_at_the_end(receiver.url)
    assert (receiver.requests, sender.delivered, sender.given_up) == (ATTEMPTS, 0, 1)
    assert "The alert Killed (firing) was not delivered: status 500." in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_receiver_that_is_not_there_costs_the_alert_and_nothing_else(caplog: Log) -> None:
    (port,) = free_ports(1)
    sender = sent_at_the_end(f"http://127.0.0.1:{port}/s3cr3t")
    assert sender.given_up == 1
    assert "ConnectionRefusedError" in caplog.text
    assert "s3cr3t" not in caplog.text


def sent_at_the_end(url: str) -> Webhook:
    """A sender that posted one alert and ended, which leaves out the pauses."""
    sender = Webhook(url)
    sender.start()
    sender.send(ALERT)
    sender.close(timeout=30)
    return sender


def test_whoever_raises_alerts_does_not_wait_for_a_receiver_that_hangs(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answers = [0]
    webhook.send(ALERT)
    wait_until(lambda: receiver.requests)
    began = time.thread_time()
    for _ in range(module.WAITING + 10):
        webhook.send(ALERT)
    assert time.thread_time() - began < 1
    assert webhook.given_up == 10
    webhook.close(timeout=0)


def test_what_waits_is_posted_before_the_end(receiver: Receiver) -> None:
    sender = Webhook(receiver.url)
    sender.start()
    for _ in range(5):
        sender.send(ALERT)
    sender.close(timeout=30)
    assert len(receiver.messages) == 5


@pytest.mark.parametrize("url", ["file:///etc/passwd", "hooks.example.com/s3cr3t", "https://", "s3cr3t"])
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="ALERT_WEBHOOK_URL is no address") as refused:
        Webhook(url)
    assert "s3cr3t" not in str(refused.value)


def test_a_service_with_a_wrong_address_ends_with_exit_2_and_does_not_show_it(home: object) -> None:
    done = run("serve", ALERT_WEBHOOK_URL="hooks.example.com/s3cr3t", PROMETHEUS_PORT="0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ALERT_WEBHOOK_URL is no address; it should begin with https://.\n"


def test_settings_do_not_show_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "https://hooks.example.com/s3cr3t")
    settings = Settings.load()
    assert "s3cr3t" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert settings.alert_webhook_url.get_secret_value().endswith("s3cr3t")
