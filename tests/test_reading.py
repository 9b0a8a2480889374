"""Reading: every format, separator, encoding and header is read back as it was written; bad files say what they are."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.errors import DataError
from text_to_ml.task.profile import profile_table
from text_to_ml.task.reading import find_reader, read_table
from text_to_ml.values import Reader

FRAME = pd.DataFrame(
    {
        "number": [1.5, -2.25, 3.0, 1000.125] * 6,
        "whole": list(range(24)),
        "word": ["rot", "grün", "blau", "weiß, hell"] * 6,
        "quoted": ['he said "no"', "two\nlines", "semi;colon", "tab\there"] * 6,
    }
)


@pytest.mark.parametrize(
    ("separator", "encoding", "header"),
    list(itertools.product([",", ";", "\t", "|"], ["utf-8", "utf-8-sig", "latin-1", "utf-16"], [True, False])),
)
def test_text_tables_are_read_back(tmp_path: Path, separator: str, encoding: str, header: bool) -> None:
    path = tmp_path / "t.csv"
    FRAME.to_csv(path, sep=separator, encoding=encoding, header=header, index=False)
    got = read_table(path, find_reader(path))
    if not header:
        assert list(got.columns) == ["column_1", "column_2", "column_3", "column_4"]
        got.columns = FRAME.columns
    pd.testing.assert_frame_equal(got, FRAME, check_dtype=False)


@pytest.mark.parametrize(
    "suffix", [".parquet", ".xlsx", ".jsonl", ".json", ".csv.gz", ".csv.zip", ".csv.bz2", ".csv.xz"]
)
def test_other_formats_are_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        FRAME.to_parquet(path)
    elif suffix == ".xlsx":
        FRAME.to_excel(path, index=False)
    elif suffix.startswith(".json"):
        FRAME.to_json(path, orient="records", lines=suffix == ".jsonl")
    else:
        FRAME.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path, find_reader(path)), FRAME, check_dtype=False)


def test_reader_of_a_plain_file_needs_no_options(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    FRAME.to_csv(path, index=False)
    assert find_reader(path) == Reader("read_csv", {})


def test_question_marks_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,?\n2,3\n?,4\n")
    frame = read_table(path, find_reader(path))
    assert frame.isna().sum().tolist() == [1, 1]
    assert frame["b"].dtype.kind == "f"


def test_decimal_comma(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;x\n2,25;y\n")
    assert read_table(path, find_reader(path))["a"].tolist() == [1.5, 2.25]


def test_front_matter_overrules(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x\ty\nu\tv\n")
    assert len(read_table(path, find_reader(path, {"header": "no"}))) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b"\n\n \n", "blank lines"),
        (b"PNG\r\n\x1a\n\0\0\0\rIHDR" * 20, "binary file"),
        (b"a,b,c\n", "no rows"),
    ],
)
def test_bad_files_say_what_they_are(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_table(path, find_reader(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        find_reader(tmp_path / "t.csv")


def test_an_archive_of_two_tables_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "t.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x,y\n1,2\n")
        archive.writestr("b.csv", "x,y\n1,2\n")
    with pytest.raises(DataError, match="holds 2 files"):
        find_reader(path)


def test_column_kinds() -> None:
    n = 40
    frame = pd.DataFrame(
        {
            "Id": range(n),
            "uuid": [f"{i:012x}" for i in range(n)],
            "price": np.linspace(0, 1, n),
            "rooms": [1, 2, 3, 4] * 10,
            "town": ["a", "b"] * 20,
            "paid": ["Yes", "No"] * 20,
            "when": pd.date_range("2021-01-01", periods=n).strftime("%d.%m.%Y"),
            "note": [f"some longer text about thing number {i} in the shop" for i in range(n)],
            "money": [f"${i},000" for i in range(n)],
            "one": 7,
            "none": [None] * n,
        }
    )
    kinds = {c.name: c.kind for c in profile_table(frame, "t", Path("t"), "samples", Reader("read_csv")).columns}
    assert kinds == {
        "Id": "identifier",
        "uuid": "identifier",
        "price": "number",
        "rooms": "integer",
        "town": "category",
        "paid": "boolean",
        "when": "date",
        "note": "text",
        "money": "number",
        "one": "constant",
        "none": "empty",
    }


def test_ten_thousand_columns_are_profiled(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 10_000)), columns=[f"c{i}" for i in range(10_000)])
    path = tmp_path / "wide.csv"
    frame.to_csv(path, index=False)
    reader = find_reader(path)
    assert len(profile_table(read_table(path, reader), "wide.csv", path, "samples", reader).columns) == 10_000
