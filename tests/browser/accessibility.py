"""What axe-core, as it is published, has to say about a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.clients.environments import Client

AXE = Client("axe-core", "axe-core@4.14.1", (), 0)
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def axe() -> Path:
    """The script; without npm the test is skipped, unless TOOLKIT_REQUIRE names ``browser``."""
    try:
        return AXE.installed() / "node_modules" / "axe-core" / "axe.min.js"
    except RuntimeError as error:
        if "browser" in os.environ.get("TOOLKIT_REQUIRE", ""):
            pytest.fail(str(error))
        pytest.skip(str(error))


def violations(page: Any, axe: Path, part: str) -> list[str]:
    """
    Serious and critical violations in a part of the page: the rule, the element, and what is wrong.

    Args:
        page: playwright's.
        axe: the script.
        part: selector of the elements to look at.
    """
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("(part) => axe.run(part)", part)
    return [
        f"{one['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
