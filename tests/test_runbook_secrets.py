"""Secrets come by reference and stay out of everything that a run leaves behind (hazard H52)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks import CHECKS, notebook
from toolkit.errors import ConfigError
from toolkit.runbooks import Record, Runbook, run
from toolkit.runbooks.secret import secret

PLANTED = 'hunter2-"quoted"-\\and-é'
"""With characters that JSON writes in another way."""


def kept(folder: Path) -> str:
    """Everything that a run wrote, as one text."""
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["api_key", "PASSWORD", "my_token", "client-secret"])
def test_h52_a_secret_itself_is_no_parameter(name: str) -> None:
    with pytest.raises(ConfigError, match="looks like a secret") as error:
        Runbook(Path("sample.ipynb"), {name: (str, "")}).values({name: "hunter2-hunter2"})

    assert "hunter2" not in str(error.value)


def test_h52_a_secret_is_no_default_either() -> None:
    with pytest.raises(ConfigError, match="looks like a secret"):
        Runbook(Path("sample.ipynb"), {"api_key": (str, "hunter2-hunter2")}).values({})


def test_a_reference_leads_to_its_secret_which_does_not_show_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED", PLANTED)
    (tmp_path / "feed").write_text(f"{PLANTED}\n")

    for reference in ("env:FEED", f"file:{tmp_path / 'feed'}"):
        found = secret(reference)
        assert found.get_secret_value() == PLANTED
        assert "hunter2" not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("env:NOT_SET", "The secret env:NOT_SET is empty; put it there before the run."),
        ("env:SHORT", "The secret env:SHORT has fewer than 8 characters; put it there before the run."),
        ("file:/no/such", "The secret file:/no/such cannot be read: No such file or directory."),
        ("hunter2-hunter2", "A secret is given by reference: env:NAME or file:PATH."),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path, reference: str, sentence: str
) -> None:
    monkeypatch.setenv("SHORT", "1234")
    path = notebook(tmp_path / "sample.ipynb", "feed = ''", "raise AssertionError")

    with pytest.raises(ConfigError) as error:
        secret(reference)
    assert str(error.value) == sentence
    if ":" in reference:
        with pytest.raises(ConfigError):
            run(path, {"feed": reference})
        assert not home.exists()


def test_h52_a_secret_used_by_a_run_is_nowhere_in_what_it_leaves(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED", PLANTED)
    path = notebook(
        tmp_path / "sample.ipynb",
        "feed_token = 'env:FEED'",
        CHECKS,
        "from toolkit.runbooks.secret import secret\ntoken = secret(feed_token)\ntoken",
        "checks.that('it is there', len(token.get_secret_value()) > 8, str(token))\nchecks.finish()",
    )

    result = run(path)

    assert result.outcome == "passed"
    assert "hunter2" not in kept(home)
    assert "env:FEED" in kept(home), "the reference may be read by anybody"


def test_h52_a_secret_that_a_cell_shows_is_masked_and_fails_the_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED", PLANTED)
    told = "print(token.get_secret_value()); token.get_secret_value()"
    path = notebook(
        tmp_path / "sample.ipynb",
        "feed_token = 'env:FEED'",
        CHECKS,
        f"from toolkit.runbooks.secret import secret\ntoken = secret(feed_token)\n{told}",
        "checks.that('it is shown', True, token.get_secret_value())\nchecks.finish()",
    )

    result = run(path)

    assert (result.outcome, result.exit_code) == ("failed", 1)
    assert result.reason.startswith("A cell showed a secret")
    assert "hunter2" not in kept(home)
    assert Record.read(result.folder / "result.json").checks[0].detail == "********"


def test_h52_a_secret_in_an_error_is_masked_too(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED", "hunter2-hunter2")
    path = notebook(
        tmp_path / "sample.ipynb",
        "feed_token = 'env:FEED'",
        f"{CHECKS}\nfrom toolkit.runbooks.secret import secret",
        "raise OSError('no feed for ' + secret(feed_token).get_secret_value())",
    )

    result = run(path)

    assert result.reason == "OSError: no feed for ********"
    assert "hunter2" not in kept(home)
