"""Reading: find how a table file is to be read, as a pandas call that generated programs repeat word for word.

CSV with any separator, encoding and header; Parquet; Excel; JSON lines; gz and zip. A `Reader` holds only options that
differ from pandas' defaults. Nothing is guessed twice: `read_table` is exactly the call that the Reader names.
"""

from __future__ import annotations

import ast
import codecs
import csv
import inspect
import io
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import DataError
from text_to_ml.task.documents import read_documents
from text_to_ml.task.tagged import read_tagged
from text_to_ml.values import Reader

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (
    ".csv", ".tsv", ".txt", ".dat", ".data", ".parquet", ".pq", ".xlsx", ".xls", ".json", ".jsonl", ".ndjson", ".text", ".src", ".tgt",
    ".source", ".target",
)  # fmt: skip
MISSING = ("?", "-", "--", ".", "missing", "unknown?")
BLANK = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A")
"""Missing values where "None" is none."""
SAMPLE_BYTES = 1 << 20
PACKED = (".gz", ".zip", ".bz2", ".xz")
PLAIN = (".txt", ".text", ".src", ".tgt", ".source", ".target")
"""Endings of files that may hold one document a line."""
LABELS = r"label|class|answer|target|tgt|truth|summar|translat"
"""Names of files that hold targets."""
ONE_COLUMN = "\x1f"
"""A separator that no text holds."""
SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "space": r"\s+", "\\t": "\t"}


READERS: dict[str, Callable[..., Any]] = {"read_documents": read_documents, "read_tagged": read_tagged}
"""Readers that are not pandas'; programs carry their text."""


def reader_source(name: str) -> str:
    """One of `READERS` as programs carry it: without annotations; "" for a reader of pandas."""
    if name not in READERS:
        return ""
    tree = ast.parse(inspect.getsource(READERS[name]))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    for argument in (*function.args.args, function.args.kwarg):
        if argument is not None:
            argument.annotation = None
    function.returns = None
    function.body = [
        ast.Assign([s.target], s.value, lineno=s.lineno) if isinstance(s, ast.AnnAssign) and s.value else s
        for s in function.body
    ]
    return ast.unparse(tree)


def is_table(path: Path) -> bool:
    """True for a file name that a table may have (compression left out of account)."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES)


def find_reader(path: Path, options: Mapping[str, Any] | None = None) -> Reader:
    """How to read this file. ``options``: separator, encoding, header of the front matter. DataError says what is wrong."""
    given = options or {}
    if not path.is_file():
        raise DataError(f"{path}: no such file. Put it into the workspace, or mend its name in the task.")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty (0 bytes). Give a file that holds rows.")
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return Reader("read_parquet")
    if name.endswith((".xlsx", ".xls")):
        return Reader("read_excel")
    if re.search(r"\.(json|jsonl|ndjson)(\.|$)", name):
        marked = (data := sample(path)).startswith(codecs.BOM_UTF8)
        head = data.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        found: dict[str, Any] = {} if head == b"[" else {"lines": True}
        return Reader("read_json", found | ({"encoding": "utf-8-sig"} if marked else {}))
    data = sample(path)
    return lines_reader(path, data, given) or csv_reader(path, data, given)


def sample(path: Path) -> bytes:
    """The first mebibyte, unpacked."""
    import bz2
    import gzip
    import lzma
    import zipfile

    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
                if len(members) != 1:
                    raise DataError(f"{path}: holds {len(members)} files. Unpack it, or leave one table in it.")
                with archive.open(members[0]) as member:
                    return member.read(SAMPLE_BYTES)
        openers: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
        if path.suffix in openers:
            with openers[path.suffix](path) as stream:
                return bytes(stream.read(SAMPLE_BYTES))
        with path.open("rb") as stream:
            return stream.read(SAMPLE_BYTES)
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error


def find_encoding(path: Path, data: bytes, given: str | None) -> str:
    """utf-8, utf-8-sig, utf-16 or cp1252/latin-1; DataError for binary data."""
    if given:
        try:
            codecs.lookup(given)
        except LookupError:
            raise DataError(
                f"encoding {given!r}: is not known. Give utf-8, utf-16, latin-1, cp1252 or the like."
            ) from None
        return given
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in data:
        raise DataError(f"{path}: is a binary file, not a table of text. Save it as CSV, Parquet or Excel.")
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    try:
        data.decode("utf-8")
        whole = True
    except UnicodeDecodeError as error:
        whole = error.start > len(data) - 4 and len(data) == SAMPLE_BYTES
    if whole:
        return "utf-8"
    control = sum(b < 9 or 13 < b < 32 for b in data[:4096])
    if control > len(data[:4096]) * 0.02:
        raise DataError(f"{path}: is a binary file, not a table of text. Save it as CSV, Parquet or Excel.")
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def lines_reader(path: Path, data: bytes, given: Mapping[str, Any]) -> Reader | None:
    """How a file with one document a line is read, alone or beside a label and a tab; None for a table.

    It is one where its name ends as plain texts do, the task names no separator, and no separator gives columns.
    """
    name = path.name.lower().removesuffix(path.suffix.lower() if path.suffix.lower() in PACKED else "")
    if not name.endswith(PLAIN) or given.get("separator") or given.get("header"):
        return None
    encoding = find_encoding(path, data, given.get("encoding"))
    lines = [line for line in data.decode(encoding, errors="ignore").splitlines() if line.strip()][:400]
    if not lines or columns_of(lines):
        return None
    options: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
    tabs = [line.count("\t") for line in lines]
    plain = {
        "skip_blank_lines": False,
        "header": None,
        "quoting": csv.QUOTE_NONE,
        "keep_default_na": False,
        "na_values": [""],
        "dtype": "str",
    }
    if min(tabs) == max(tabs) == 1:
        words = [sum(len(line.split("\t")[i].split()) for line in lines) for i in (0, 1)]
        names = ["label", "text"] if words[0] <= words[1] else ["text", "label"]
        return Reader("read_csv", {"sep": "\t", "names": names, **plain, **options})
    if max(tabs) > 0 and min(tabs) == max(tabs):
        return None
    names = ["label" if len(set(lines)) <= 0.5 * len(lines) else "text"]
    return Reader("read_csv", {"sep": ONE_COLUMN, "names": names, **plain, **options})


def before_text(reader: Reader) -> bool:
    """True where a line is a class, a tab and a text; new data then holds the texts alone."""
    return reader.options.get("names") == ["label", "text"] and reader.options.get("quoting") == csv.QUOTE_NONE


def columns_of(lines: list[str]) -> bool:
    """True where a separator other than the tab gives the same number of fields, 2 or more, on nearly all lines; blanks do only
    where one of the fields is a number on every line."""
    text = "\n".join(lines)
    for separator in (",", ";", "|"):
        widths = [len(row) for row in head_rows(text, separator, whole=True)]
        common = max(set(widths), key=widths.count) if widths else 1
        if common > 1 and widths.count(common) >= 0.95 * len(widths) and len(lines) > 1:
            return True
    cells = [line.split() for line in lines]
    if len({len(row) for row in cells}) == 1 and len(cells) > 1 and len(cells[0]) > 1:
        return any(all(number_like(row[i]) for row in cells[1:]) for i in range(len(cells[0])))
    return False


def csv_reader(path: Path, data: bytes, given: Mapping[str, Any]) -> Reader:
    """Separator, encoding, header, missing markers, decimal comma of a text table."""
    options: dict[str, Any] = {}
    encoding = find_encoding(path, data, given.get("encoding"))
    if encoding != "utf-8":
        options["encoding"] = encoding
    text = data.decode(encoding, errors="ignore")
    if not text.strip():
        raise DataError(f"{path}: holds no rows, only blank lines.")
    separator = str(given["separator"]) if given.get("separator") else find_separator(text)
    separator = SEPARATORS.get(separator, separator)
    if separator != ",":
        options["sep"] = separator
    rows = head_rows(text, separator, whole=len(data) < SAMPLE_BYTES)
    if not has_header(rows, given.get("header")):
        options["header"] = None
        options["names"] = [f"column_{i + 1}" for i in range(max(len(row) for row in rows[:200]))]
    widths = [len(row) for row in rows[1:]]
    if widths and min(widths) == max(widths) == len(rows[0]) + 1 and not any(row[-1].strip() for row in rows[1:]):
        options["index_col"] = False  # every line but the header ends with a separator
    decimals = [cell for row in rows[1:] for cell in row if re.fullmatch(r"\s*-?\d{1,12},\d+\s*", cell)]
    if separator != "," and decimals and not any(re.fullmatch(r"\s*-?\d+\.\d+\s*", c) for row in rows[1:] for c in row):
        options["decimal"] = ","
    if none_is_a_word(rows):
        options |= {"keep_default_na": False, "na_values": list(BLANK)}
    markers = sorted({c.strip() for row in rows[1:] for c in row} & set(MISSING))
    if markers:
        options["na_values"] = [*options.get("na_values", ()), *markers]
    if separator in (",", ";", "|", "\t") and any(cell != cell.lstrip() for row in rows[:50] for cell in row):
        options["skipinitialspace"] = True
    return Reader("read_csv", options)


def none_is_a_word(rows: list[list[str]]) -> bool:
    """True where "None" stands in columns of words only, never beside numbers: there it is a word, not a missing value."""
    found = False
    for column in zip(*rows[1:], strict=False):
        if "None" in column:
            others = [cell for cell in column if cell not in ("None", *BLANK)]
            if not others or any(number_like(cell) for cell in others):
                return False
            found = True
    return found


def find_separator(text: str) -> str:
    """The separator that gives the same number of fields on most lines, quotes respected."""
    best, best_rank = ",", (0.0, 0)
    for separator in (",", "\t", ";", "|"):
        widths = [len(row) for row in head_rows(text, separator, whole=False)[:200] if row]
        if not widths:
            continue
        common = max(set(widths), key=widths.count)
        share = widths.count(common) / len(widths)
        if common > 1 and (share, common) > best_rank:
            best, best_rank = separator, (round(share, 2), common)
    if best_rank[1] == 0:
        lines = [line.split() for line in text.splitlines()[:50] if line.strip()]
        if len(lines) > 1 and len(lines[0]) > 1 and len({len(line) for line in lines}) == 1:
            return r"\s+"
    return best


def head_rows(text: str, separator: str, whole: bool) -> list[list[str]]:
    """Parsed rows of a sample; the last one is left out where the sample may have cut it."""
    if separator == r"\s+":
        rows = [line.split() for line in text.splitlines() if line.strip()]
    else:
        csv.field_size_limit(1 << 27)
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]
        except csv.Error:
            rows = [line.split(separator) for line in text.splitlines() if line]
    return (rows if whole or len(rows) < 2 else rows[:-1])[:2000]


def number_like(cell: str) -> bool:
    """True for a number or a missing marker."""
    text = cell.strip().replace(",", ".")
    if text in ("", *MISSING) or text.casefold() in ("na", "nan", "null", "none", "n/a"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def has_header(rows: list[list[str]], given: Any) -> bool:
    """True where the first row names the columns. ``given``: the front matter's word."""
    if given is not None:
        return str(given).casefold() not in ("no", "none", "false", "0 rows", "absent")
    if len(rows) < 2:
        return True
    first, rest = rows[0], rows[1:200]
    if any(re.fullmatch(r"\s*[-+]?\d*[.,]?\d+(e[-+]?\d+)?\s*", c, re.I) for c in first):
        return all(re.fullmatch(r"\s*\d+\s*", c) for c in first) and len(set(first)) == len(first) and first == [
            str(int(first[0]) + i) for i in range(len(first))
        ]  # fmt: skip
    columns = range(min(len(first), *(len(row) for row in rest)))
    if any(all(number_like(row[i]) for row in rest) and first[i].strip() for i in columns):
        return True
    # all text: a header's names appear nowhere in their columns
    repeated = sum(first[i] in {row[i] for row in rest} for i in columns)
    return repeated <= len(columns) * 0.2


def read_table(path: Path, reader: Reader, rows: int | None = None) -> pd.DataFrame:
    """Read a table; ``rows``: the first rows only. DataError for what pandas cannot read, duplicate names, no rows."""
    import pandas as pd

    if reader.function.startswith("image_"):
        from text_to_ml.task.image_frames import read_images

        return read_images(path, reader) if rows is None else read_images(path, reader).head(rows)
    options = dict(reader.options)
    plain = options.get("reader", reader.function)
    if rows is not None and (plain == "read_csv" or options.get("lines")):
        options["nrows"] = rows
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            call = READERS.get(reader.function) or getattr(pd, reader.function)
            frame: pd.DataFrame = call(path, **options)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise DataError(f"{path}: cannot be read as a table by pandas.{reader.function} ({reason}).") from error
    if plain == "read_parquet":
        frame = frame.reset_index(drop=not any(frame.index.names))
    if rows is not None:
        frame = frame.head(rows)
    if not len(frame):
        raise DataError(f"{path}: holds no rows below its header. Give a file that holds rows.")
    return frame


def duplicate_names(path: Path, reader: Reader) -> list[str]:
    """Column names that the header of a text table holds more than once."""
    if reader.function != "read_csv" or reader.options.get("header", 0) is None:
        return []
    text = sample(path).decode(reader.options.get("encoding", "utf-8"), errors="ignore")
    rows = head_rows(text, reader.options.get("sep", ","), whole=False)
    names = [c.strip() for c in rows[0]] if rows else []
    return sorted({n for n in names if n and names.count(n) > 1})
