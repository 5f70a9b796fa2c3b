"""``toolkit submit``: a file becomes messages on the bus, or sentences that name file, row and field."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.commands import intents_csv, invoke, on_the_bus, only_line, write


def test_a_csv_of_good_rows_goes_onto_the_bus_exactly_as_written(home: Path, tmp_path: Path) -> None:
    file = write(
        tmp_path / "good.csv",
        "intent_id,symbol,direction,quantity,order_type,limit_price,tif,outside_rth,con_id,desk",
        "a1,SPY,BUY,10,LIMIT,450.10,GTC,true,756733,macro",
        "a2,SPY,SELL,5,MARKET,,,,,",
    )
    done = invoke("submit", file)
    assert (done.exit_code, done.stdout) == (0, "2 intents submitted.\n")
    first, second = on_the_bus(home)
    assert (first["limit_price"], first["outside_rth"], first["con_id"]) == ("450.10", True, 756733)
    assert first["desk"] == "macro"
    assert (second["intent_id"], second["quantity"]) == ("a2", "5")


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson"])
def test_json_lines_go_onto_the_bus_and_empty_lines_are_nothing(
    suffix: str, home: Path, tmp_path: Path
) -> None:
    row = {"symbol": "SPY", "direction": "BUY", "quantity": 1, "order_type": "LIMIT", "limit_price": 450.1}
    lines = [json.dumps({"intent_id": f"a{n}", **row}) for n in (1, 2)]
    done = invoke("submit", write(tmp_path / f"intents.{suffix}", lines[0], "", lines[1]))
    assert (done.exit_code, done.stdout) == (0, "2 intents submitted.\n")
    assert [(each["intent_id"], each["limit_price"]) for each in on_the_bus(home)] == [
        ("a1", "450.1"),
        ("a2", "450.1"),
    ]


def test_every_bad_row_is_named_with_file_row_and_field_and_nothing_is_submitted(
    home: Path, tmp_path: Path
) -> None:
    file = intents_csv(
        tmp_path / "mixed.csv",
        "a1,SPY,BUY,10,MARKET,",
        "a2,SPY,BUY,ten,MARKET,",
        "a3,SPY,BUY,10,LIMIT,",
        "a4,SPY,HOLD,10,MARKET,",
        "a1,SPY,BUY,10,MARKET,",
        "a5,SPY,BUY,10,MARKET,,surplus",
    )
    done = invoke("submit", file)
    assert done.exit_code == 2
    *rows, last = done.stderr.splitlines()
    assert [row.partition(": ")[0] for row in rows] == [f"mixed.csv row {n}" for n in (3, 4, 5, 6, 7)]
    for row, field in zip(rows, ("quantity", "limit_price", "direction", "intent_id", "cells"), strict=True):
        assert field in row
    assert last.startswith("5 of 6 rows are bad, so nothing was submitted")
    assert on_the_bus(home) == []


def test_partial_submits_the_good_rows_and_still_does_not_exit_0(home: Path, tmp_path: Path) -> None:
    file = intents_csv(tmp_path / "mixed.csv", "a1,SPY,BUY,10,MARKET,", "a2,SPY,BUY,,MARKET,")
    done = invoke("submit", "--partial", file)
    assert (done.exit_code, done.stdout) == (2, "1 intents submitted.\n")
    assert only_line(done.stderr).startswith("mixed.csv row 3: quantity is missing")
    assert [each["intent_id"] for each in on_the_bus(home)] == ["a1"]


def test_a_bad_json_line_is_named_by_its_line(home: Path, tmp_path: Path) -> None:
    done = invoke("submit", write(tmp_path / "x.jsonl", "", "{bad", "[1]"))
    assert done.exit_code == 2
    first, second, _ = done.stderr.splitlines()
    assert first.startswith("x.jsonl row 2: The message is not JSON")
    assert second.startswith("x.jsonl row 3: The message is a JSON list")


def test_a_row_that_repeats_an_intent_is_bad_and_names_the_other(home: Path, tmp_path: Path) -> None:
    row = "a1,SPY,BUY,10,MARKET,"
    done = invoke("submit", intents_csv(tmp_path / "twice.csv", row, row))
    assert "twice.csv row 3: intent_id a1 is also that of row 2." in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.csv", None, "none.csv cannot be read: No such file or directory."),
        ("intents.xlsx", b"PK", "intents.xlsx is of an unknown format '.xlsx'; use .csv,"),
        ("latin.csv", b"intent_id\n\xff\xfe\n", "latin.csv cannot be read:"),
        ("quote.csv", b'intent_id\n"a\n', "quote.csv cannot be read: unexpected end of data."),
        ("twice.csv", b"intent_id,symbol,symbol\n", "twice.csv has the column 'symbol' more than once"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    name: str, content: bytes | None, sentence: str, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    done = invoke("submit", file)
    assert done.exit_code == 2
    assert sentence in only_line(done.stderr)


def test_parquet_goes_onto_the_bus_with_exact_numbers(home: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "intent_id": ["a1", "a2"],
            "symbol": ["SPY", "SPY"],
            "direction": ["BUY", "SELL"],
            "quantity": [10.0, 20.0],
            "order_type": ["LIMIT", "MARKET"],
            "limit_price": [450.123456789012, None],
            "con_id": [756733.0, None],
            "created_at": [1_767_623_400_000_000, 1_767_623_400_000_001],
        }
    )
    table = table.set_column(7, "created_at", table["created_at"].cast(pa.timestamp("us", "UTC")))
    parquet.write_table(table, tmp_path / "x.parquet")
    done = invoke("submit", tmp_path / "x.parquet")
    assert (done.exit_code, done.stdout) == (0, "2 intents submitted.\n")
    first, second = on_the_bus(home)
    assert (first["limit_price"], first["con_id"]) == ("450.123456789012", 756733)
    assert (second["created_at"], "limit_price" in second) == ("2026-01-05T14:30:00.000001Z", False)


def test_a_file_that_is_not_parquet_is_one_sentence(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    done = invoke("submit", write(tmp_path / "x.parquet", "intent_id"))
    assert done.exit_code == 2
    assert "x.parquet cannot be read as Parquet" in only_line(done.stderr)


def test_parquet_without_pyarrow_says_what_to_install(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = invoke("submit", write(tmp_path / "x.parquet"))
    assert done.exit_code == 2
    assert only_line(done.stderr) == "x.parquet needs pyarrow to be read; pip install pyarrow, or use CSV."


def test_submitting_to_a_kafka_that_is_not_there_is_one_sentence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.bus.kafka.CONNECT_S", 0.1)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka")
    done = invoke("submit", intents_csv(tmp_path / "x.csv", "a1,SPY,BUY,10,MARKET,"))
    assert done.exit_code == 3
    assert only_line(done.stderr).startswith("Kafka at kafka cannot be used")
