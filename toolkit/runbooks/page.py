"""An executed notebook as one HTML page that needs no network, how it ended on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from toolkit.runbooks.checks import Record

_TEMPLATE: Final = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block extra_css -%}
<style>
  main, .run { max-width: 1180px; margin: 0 auto; }
  .run { font: 14px system-ui, sans-serif; padding: 12px 16px; border-left: 6px solid #0072B2; }
  .run.failed { border-color: #D55E00; }
  .run b { text-transform: uppercase; }
  main img { max-width: 100%; }
  .jp-Cell { padding: 2px 0; }
  details.code > summary { color: #767676; cursor: pointer; font: 12px system-ui, sans-serif; }
</style>
{%- endblock -%}
{%- block body_header -%}
<body class="jp-Notebook" data-jp-theme-light="true" data-jp-theme-name="JupyterLab Light">
<div class="run {{ resources.run.outcome }}">
<b>{{ resources.run.outcome }}</b> &middot; {{ resources.run.runbook | escape }} &middot;
{{ resources.run.passed }} of {{ resources.run.checks }} checks passed &middot;
{{ resources.run.started }} to {{ resources.run.finished }} UTC &middot; run {{ resources.run.run_id }}
{%- if resources.run.reason %}<br>{{ resources.run.reason | escape }}{% endif %}
</div>
<main>
{%- endblock -%}
{%- block input_group -%}<details class="code"><summary>code</summary>{{ super() }}</details>{%- endblock -%}
"""
"""nbconvert's own page, its code folded away, without the scripts that it would load from elsewhere."""


def write_page(notebook: Path, record: Record) -> Path:
    """Write the page beside the notebook; returns its path."""
    from nbconvert import HTMLExporter

    told = {
        "run_id": record.run_id,
        "runbook": record.runbook,
        "outcome": record.outcome,
        "reason": record.reason,
        "passed": sum(check.passed for check in record.checks),
        "checks": len(record.checks),
        "started": f"{record.started:%Y-%m-%d %H:%M:%S}",
        "finished": f"{record.finished or record.started:%H:%M:%S}",
    }
    exporter: Any = HTMLExporter(embed_images=True, exclude_input_prompt=True, exclude_output_prompt=True)  # type: ignore[no-untyped-call]
    exporter.raw_template = _TEMPLATE
    page, _ = exporter.from_filename(str(notebook), resources={"run": told})
    target = notebook.with_suffix(".html")
    target.write_text(page, encoding="utf-8")
    return target
