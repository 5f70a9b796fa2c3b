"""``runbooks/deploy``: what can be checked of it without a container or systemd."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolkit.cli import main
from toolkit.settings import Settings

DEPLOY = Path(__file__).resolve().parent.parent / "runbooks" / "deploy"
NAMES = {name.upper() for name in Settings.model_fields}


def variables(text: str) -> dict[str, str]:
    """NAME=VALUE lines."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_environment_file_holds_settings_that_there_are_and_that_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = variables((DEPLOY / "toolkit.env").read_text())
    assert given
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert given.keys() <= NAMES
    assert (settings.log_format, settings.prometheus_port) == ("json", 8002)


def unit(name: str) -> configparser.SectionProxy:
    """The part of a systemd unit that says what runs."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text())
    return parser["Service"]


@pytest.mark.parametrize("name", ["toolkit.service", "toolkit-watchdog.service"])
def test_a_unit_starts_a_command_that_there_is_and_does_not_retry_a_wrong_setting(name: str) -> None:
    program, command, *options = unit(name)["ExecStart"].split()
    assert Path(program).name == "toolkit"
    known = {option for each in main.commands[command].params for option in each.opts}
    assert {option for option in options if option.startswith("--")} <= known
    assert unit(name)["RestartPreventExitStatus"] == "2"


def test_the_service_has_time_to_drain() -> None:
    assert unit("toolkit.service")["KillSignal"] == "SIGTERM"
    assert int(unit("toolkit.service")["TimeoutStopSec"]) >= 60


def test_the_watchdog_waits_until_the_service_may_be_back_and_shares_its_settings() -> None:
    service, watchdog = unit("toolkit.service"), unit("toolkit-watchdog.service")
    assert float(watchdog["ExecStart"].split()[-1]) > 2 * int(service["RestartSec"])
    for name in ("User", "EnvironmentFile", "StateDirectory"):
        assert watchdog[name] == service[name]
    assert watchdog["Restart"] == "always"


def test_every_service_of_the_compose_file_is_given_settings_and_commands_that_there_are(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    ours = {name: service for name, service in services.items() if service.get("image") == "toolkit"}
    assert ours.keys() == {"toolkit", "standby", "practice", "practice-gateway"}
    for name, service in ours.items():
        assert service["command"][0] in main.commands, name
        assert service.get("environment", {}).keys() <= NAMES, name
        if "env_file" in service:
            assert (DEPLOY / service["env_file"]).is_file(), name
    assert {"kafka", "ib-gateway", "prometheus", "grafana"} <= services.keys()


def test_the_compose_file_names_only_volumes_services_and_files_that_there_are(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= services.keys(), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_file(), f"{name}: {source}"
            else:
                assert source in compose["volumes"], f"{name}: {source}"
    image = (DEPLOY / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (.+) \S+$", image, re.MULTILINE):
        for path in source.split():
            assert (DEPLOY.parents[1] / path).exists(), path


def test_service_and_standby_share_their_journal_so_that_one_can_take_over(compose: dict[str, Any]) -> None:
    first, second = compose["services"]["toolkit"], compose["services"]["standby"]
    assert first["volumes"] == second["volumes"]
    assert first["environment"] == second["environment"]


def test_prometheus_scrapes_the_port_of_the_settings(compose: dict[str, Any]) -> None:
    port = variables((DEPLOY / "toolkit.env").read_text())["PROMETHEUS_PORT"]
    scrape = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"]
    targets = [target for job in scrape for each in job["static_configs"] for target in each["targets"]]
    assert {target.partition(":")[2] for target in targets} == {port}
    assert {target.partition(":")[0] for target in targets} <= compose["services"].keys()


def test_no_secret_is_written_down() -> None:
    for path in DEPLOY.iterdir():
        for name, value in re.findall(
            r"(\w*PASSWORD\w*|\w*SECRET\w*|\w*TOKEN\w*)[:=] *(\S*)", path.read_text()
        ):
            assert value.startswith(("${", "...")), f"{path.name}: {name}"
