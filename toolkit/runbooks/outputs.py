"""Where a runbook puts the files that it makes."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.runbooks.checks import RECORD_VARIABLE
from toolkit.settings import Settings


def output_folder() -> Path:
    """The folder of this run; without a runner ``outputs`` in TOOLKIT_HOME."""
    record = os.environ.get(RECORD_VARIABLE)
    folder = Settings.load().toolkit_home / "outputs" if record is None else Path(record).parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder
