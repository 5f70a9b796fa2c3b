"""The accessibility rules of axe-core, asked of a page; the package is fetched from npm once per machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.gateway.clients.environments import Client

PACKAGE = "axe-core@4.10.3"


def script() -> str:
    """The source of axe-core; the test is skipped with its reason where it cannot be installed."""
    _, environment = Client("axe-core", PACKAGE, ("",), 0).command()
    source = Path(environment["CLIENT_HOME"]) / "node_modules" / "axe-core" / "axe.min.js"
    return source.read_text(encoding="utf-8")


def serious_violations(page: Any, source: str, within: str = "body") -> list[str]:
    """What axe calls serious or critical, each with the first elements that it is about."""
    page.evaluate(source)
    found = page.evaluate("async (within) => (await axe.run(within)).violations", within)
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
