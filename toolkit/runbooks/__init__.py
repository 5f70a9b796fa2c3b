"""Runbooks: notebooks with declared parameters, checks, and an exit code that can be trusted."""

from toolkit.runbooks.book import Runbook, find
from toolkit.runbooks.checks import Check, Checks, Record
from toolkit.runbooks.runner import RunResult, run

__all__ = ["Check", "Checks", "Record", "RunResult", "Runbook", "find", "run"]
