"""Notebooks made for a test."""

from __future__ import annotations

from pathlib import Path

import nbformat

CHECKS = "from toolkit.runbooks import Checks\nchecks = Checks()"
"""The first cell of every runbook."""


def notebook(path: Path, parameters: str, *cells: str) -> Path:
    """Write a runbook: a parameters cell, then one code cell per text."""
    book = nbformat.v4.new_notebook()
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    book.cells += [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(book, path)
    return path
