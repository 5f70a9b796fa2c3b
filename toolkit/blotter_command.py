"""The command that serves the blotter as a web page, on this machine, to whoever has its address."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Final

import click

from toolkit.errors import ConfigError

HOST: Final = "127.0.0.1"
TEMPLATES: Final = Path(__file__).parent / "desk" / "page"


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8866, show_default=True, help="0: a free one.")
@click.option(
    "--trade", is_flag=True, help="With ticket, controls and cancels: connects and owns the journal."
)
@click.option(
    "--paper", is_flag=True, help="The same, to practise: every visit has a paper gateway of its own."
)
@click.option("--dark", is_flag=True, help="Light on dark.")
def blotter(port: int, trade: bool, paper: bool, dark: bool) -> None:
    """
    Serve the blotter as a web page, until it is interrupted.

    Without an option it shows the journal read-only, whoever writes it. It listens on this machine
    alone, and the address that is printed carries the token without which it answers nobody.
    """
    from toolkit.settings import Settings

    Settings.load()  # what is wrong with them should be said here, not in a page
    if importlib.util.find_spec("voila") is None:
        raise ConfigError("The page needs voila, which is not installed: pip install 'toolkit[notebook]'.")
    port = _free(port)
    token = secrets.token_urlsafe(24)
    # By the environment, because anybody may read the command line of a process.
    os.environ["JUPYTER_TOKEN"] = token
    os.environ["JUPYTER_PATH"] = os.pathsep.join(
        filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")])
    )
    with tempfile.TemporaryDirectory(prefix="toolkit-blotter-") as folder:
        page = Path(folder) / "blotter.ipynb"
        page.write_text(_page(f"show(trade={trade}, paper={paper})"), encoding="utf-8")
        click.echo(f"http://{HOST}:{port}/?token={token}")
        _serve(page, port, "dark" if dark else "light")


def _serve(page: Path, port: int, theme: str) -> None:
    from voila.app import Voila

    Voila.launch_instance(
        [
            *(str(page), "--no-browser", "--Voila.auto_token=True", f"--Voila.ip={HOST}"),
            *(f"--Voila.port={port}", "--Voila.port_retries=0", "--Voila.log_level=ERROR"),
            *("--VoilaConfiguration.template=toolkit", f"--VoilaConfiguration.theme={theme}"),
            "--VoilaConfiguration.show_margins=False",
            # A page that is left ends its kernel by a POST that carries no such token, and was refused, so
            # that the kernel kept the journal. Its origin is checked, and its path cannot be guessed.
            "--Voila.tornado_settings=disable_check_xsrf=True",
        ]
    )


def _free(port: int) -> int:
    """
    The port, or a free one for 0.

    Raises:
        ConfigError: it is taken.
    """
    try:
        with socket.create_server((HOST, port)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise ConfigError(
            f"Port {port} of this machine cannot be used ({error.strerror}); give another one with --port."
        ) from error


def _page(call: str) -> str:
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "page",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": f"from toolkit.desk.web import show\n\n{call}",
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "title": "Blotter"}
    return json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
