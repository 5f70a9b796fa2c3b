"""``toolkit doctor`` beside a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import doctor
from toolkit.doctor import Check
from toolkit.settings import Settings


@pytest.mark.kafka
def test_a_kafka_that_answers_passes(kafka_bootstrap: str, home: Path) -> None:
    check = doctor.bus(Settings.load(kafka_bootstrap_servers=kafka_bootstrap))
    assert check == Check("bus", True, f"Kafka at {kafka_bootstrap} answers")
