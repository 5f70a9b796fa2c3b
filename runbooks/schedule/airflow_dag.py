"""
The day as a DAG of Airflow 3, with the providers ``papermill`` and ``standard``.

Put it into the DAG folder. The workers need this package, its settings in their environment, and the
folder of the runbooks in ``TOOLKIT_RUNBOOKS``. A runbook whose checks fail raises, so its task fails.
"""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta

import pendulum
from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG, task

RUNBOOKS = os.environ.get("TOOLKIT_RUNBOOKS", "runbooks")
OUTPUT = os.environ.get("TOOLKIT_HOME", "~/.toolkit") + "/runs/{{ ds }}"
EXCHANGE = "XNYS"
NO_SESSION = 1


def runbook(name: str) -> PapermillOperator:
    """One runbook; never tried again, because the market has moved on."""
    return PapermillOperator(
        task_id=name,
        input_nb=f"{RUNBOOKS}/{name}.ipynb",
        output_nb=f"{OUTPUT}-{name}.ipynb",
        parameters={"gateway": ""},  # that of the settings; close_session cancels only with dry_run False
        retries=0,
        execution_timeout=timedelta(hours=1),
    )


def condition(*options: str) -> bool:
    """Whether to go on; an answer that is neither yes nor no fails the task."""
    asked = subprocess.run(["toolkit", "session", "--exchange", EXCHANGE, *options], check=False)  # noqa: S603, S607
    if asked.returncode > NO_SESSION:
        asked.check_returncode()
    return asked.returncode == 0


with DAG(
    dag_id="toolkit_day",
    schedule="0 9 * * 1-5",
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    catchup=False,
    max_active_runs=1,
    tags=["toolkit"],
):

    @task.short_circuit
    def is_trading_day() -> bool:
        """Skip everything on holidays."""
        return condition()

    @task.short_circuit(execution_timeout=timedelta(hours=1))
    def is_nearly_open() -> bool:
        """Wait until five minutes before the open."""
        return condition("--until", "open", "--minutes-before", "5")

    @task.short_circuit(execution_timeout=timedelta(hours=9))
    def is_nearly_closed() -> bool:
        """Wait until ten minutes before the close, which is early on some days."""
        return condition("--until", "close", "--minutes-before", "10")

    opened = is_trading_day() >> runbook("preflight") >> is_nearly_open() >> runbook("open_session")
    opened >> is_nearly_closed() >> runbook("close_session") >> runbook("end_of_day")
