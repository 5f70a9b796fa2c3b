"""Alert rules and dashboard ask for series that the engine tells, and the rules fire when they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.gateway import PaperGateway
from toolkit.settings import Settings

DEPLOY = Path(__file__).resolve().parent.parent / "runbooks" / "deploy"
RULES = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((DEPLOY / "dashboard.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def promtool(*arguments: str | Path) -> None:
    """Run promtool, which must have nothing to object to."""
    if shutil.which("promtool") is None:
        if "promtool" in os.environ.get("TOOLKIT_REQUIRE", "").split(","):
            pytest.fail("promtool is required and not installed (Debian package prometheus)")
        pytest.skip("promtool is not installed (Debian package prometheus)")
    done = subprocess.run(["promtool", *arguments], cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of every series that a running engine tells, with a limit on losses and a webhook."""
    home = tmp_path_factory.mktemp("home")
    with PaperGateway(port=0, quotes=None) as gateway:
        settings = Settings.load(
            ibkr_port=gateway.port, toolkit_home=home, max_drawdown=1, alert_webhook_url="http://127.0.0.1:1/"
        )
        engine = Engine(settings)
        engine.start()
        wait_until(lambda: "toolkit_ready 1.0" in engine.metrics.exposition().decode())
        text = engine.metrics.exposition().decode()
        engine.stop()
    kinds = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    return {
        name + ("" if name.endswith(suffix) else suffix)
        for name, kind in kinds
        if not name.endswith("_created")
        for suffix in SUFFIXES[kind]
    }


def named(query: str) -> set[str]:
    return set(re.findall(r"\btoolkit_\w+", query))


def queries() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_series_that_there_are_and_says_how_bad_it_is(
    rule: dict[str, Any], series: set[str]
) -> None:
    asked = named(rule["expr"])
    assert asked
    assert asked <= series
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "runbook"}


def test_each_alert_is_shown_to_fire() -> None:
    tests = yaml.safe_load((DEPLOY / "alerts_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == {rule["alert"] for rule in RULES}


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", "alerts_test.yaml")


def test_the_configuration_of_prometheus_is_one() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yaml")


def test_every_query_of_the_dashboard_asks_for_series_that_there_are(series: set[str]) -> None:
    asked = [named(query) for query in queries()]
    assert all(asked)
    assert set().union(*asked) <= series


def test_the_dashboard_shows_every_series_but_the_limits_of_histograms(series: set[str]) -> None:
    """What is told and shown nowhere is told in vain."""
    shown = set().union(*(named(query) for query in queries()))
    assert {name for name in series - shown if not name.endswith(("_sum", "_count"))} == set()


def test_every_query_of_the_dashboard_is_one(tmp_path: Path) -> None:
    rules = [{"record": f"panel:query{n}", "expr": query} for n, query in enumerate(queries())]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "queries.yaml")


def test_the_panels_of_the_dashboard_do_not_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for title, panel in PANELS.items():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, title
        assert max(x for x, _ in cells) < 24, title
        taken |= cells
    assert len(PANELS) == len(DASHBOARD["panels"])


def test_grafana_is_given_the_dashboard_and_the_source_that_it_names() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    provider = yaml.safe_load((DEPLOY / "grafana-dashboards.yaml").read_text())["providers"][0]
    assert Path(mounts["./dashboard.json"]).parent == Path(provider["options"]["path"])
    (source,) = yaml.safe_load((DEPLOY / "grafana-datasource.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
