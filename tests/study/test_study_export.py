"""The CSV: every cell comes back, and the same records give the same bytes."""

from __future__ import annotations

import csv

from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.study.export import write_csv
from accelsim.study.record import Record


def record(number, point, metrics, **changes):
    values = {"arm": "grid", "network": "n", "hardware": "h", "point": point, "metrics": metrics}
    return Record(number=number, **{**values, **changes})


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_by_hand(tmp_path):
    records = [
        record(0, {"hardware.rows": 8, "hardware.cast": True}, {"latency_ms": 0.5, "area_mm2": None}),
        record(1, {"hardware.atomic_c": 16}, {}, error='no "room", here\nnor there', feasible=False, hardware="g"),
    ]
    write_csv(records, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == (
        b"number,arm,seed,network,hardware,feasible,error,hardware.rows,hardware.cast,hardware.atomic_c,"
        b"latency_ms,area_mm2\n"
        b"0,grid,0,n,h,true,,8,true,,0.5,\n"
        b'1,grid,0,n,g,false,"no ""room"", here\nnor there",,,16,,\n'
    )


def test_no_records_are_a_header(tmp_path):
    write_csv([], tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "number,arm,seed,network,hardware,feasible,error\n"


def test_an_old_table_is_replaced_whole(tmp_path):
    write_csv([record(number, {}, {"latency_ms": 1.0}) for number in range(50)], tmp_path / "t.csv")
    write_csv([record(0, {}, {"latency_ms": 2.0})], tmp_path / "t.csv")
    assert [row["latency_ms"] for row in rows(tmp_path / "t.csv")] == ["2.0"]
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5), text=st.text(max_size=20)
)
@settings(max_examples=60)
def test_numbers_come_back_exactly_and_texts_unharmed(values, text, tmp_path_factory):
    text = "".join(letter for letter in text if letter.isprintable())
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    records = [record(n, {"hardware.x": value}, {"latency_ms": value}, error=text) for n, value in enumerate(values)]
    write_csv(records, path)
    read = rows(path)
    assert [float(row["latency_ms"]) for row in read] == values
    assert [float(row["hardware.x"]) for row in read] == values
    assert all(row["error"] == text for row in read)
