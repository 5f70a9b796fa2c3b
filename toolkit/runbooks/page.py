"""An executed notebook as one HTML page that needs no network, how it ended on top, its tables sortable."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from toolkit.runbooks.checks import PASSED, Record

_HERE: Final = Path(__file__).parent
_TEMPLATE: Final = """
{%- extends 'basic/index.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ resources.run.runbook | escape }}: {{ resources.run.outcome }}</title>
<link rel="icon" href="data:,">
<style>{{ resources.run.css }}</style>
</head>
<body>
<div class="run {{ resources.run.look }}">
<b>{{ resources.run.outcome }}</b> &middot; {{ resources.run.runbook | escape }} &middot;
{{ resources.run.passed }} of {{ resources.run.checks }} checks passed
{%- if resources.run.reason %}<br>{{ resources.run.reason | escape }}{% endif %}
<br>
<small>{{ resources.run.started }} to {{ resources.run.finished }} UTC, run {{ resources.run.run_id }}</small>
</div>
<main>
{%- endblock -%}
{%- block input_group -%}<details class="code"><summary>code</summary>{{ super() }}</details>{%- endblock -%}
{%- block footer -%}
</main>
<script>{{ resources.run.script }}</script>
</body>
</html>
{%- endblock -%}
"""
"""nbconvert's plainest page with a look of our own: its code folded away, nothing loaded from elsewhere."""


def write_page(notebook: Path, record: Record) -> Path:
    """Write the page beside the notebook; returns its path."""
    from nbconvert import HTMLExporter

    told = {
        "run_id": record.run_id,
        "runbook": record.runbook,
        "outcome": record.outcome,
        "look": "passed" if record.outcome == PASSED else "failed",
        "reason": record.reason,
        "passed": sum(check.passed for check in record.checks),
        "checks": len(record.checks),
        "started": f"{record.started:%Y-%m-%d %H:%M:%S}",
        "finished": f"{record.finished or record.started:%H:%M:%S}",
        "css": (_HERE / "page.css").read_text(encoding="utf-8"),
        "script": (_HERE / "page.js").read_text(encoding="utf-8"),
    }
    exporter: Any = HTMLExporter(embed_images=True, exclude_input_prompt=True, exclude_output_prompt=True)  # type: ignore[no-untyped-call]
    exporter.raw_template = _TEMPLATE
    page, _ = exporter.from_filename(str(notebook), resources={"run": told})
    target = notebook.with_suffix(".html")
    target.write_text(page, encoding="utf-8")
    return target
