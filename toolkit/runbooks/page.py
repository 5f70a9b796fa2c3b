"""An executed notebook as one HTML page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

_TEMPLATE: Final = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block extra_css -%}
<style>
  main { max-width: 1180px; margin: 0 auto; }
  table.dataframe { font-variant-numeric: tabular-nums; }
</style>
{%- endblock -%}
"""
"""nbconvert's own page, without the scripts that it would load from elsewhere."""


def write_page(notebook: Path) -> Path:
    """Write the page beside the notebook; returns its path."""
    from nbconvert import HTMLExporter

    exporter: Any = HTMLExporter(embed_images=True)  # type: ignore[no-untyped-call]
    exporter.raw_template = _TEMPLATE
    page, _ = exporter.from_filename(str(notebook))
    target = notebook.with_suffix(".html")
    target.write_text(page, encoding="utf-8")
    return target
