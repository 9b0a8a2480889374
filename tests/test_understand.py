"""Describe and understand: what was meant is found; what is ambiguous or wrong is said with its cure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from text_to_ml.errors import AmbiguousTaskError, DataError, OptionError, TaskError, TextToMLError
from text_to_ml.task import check
from text_to_ml.task.describe import describe
from text_to_ml.task.explain import explain
from text_to_ml.values import Category, Form

SHARED = Path(__file__).resolve().parents[2] / "shared/data"


def workspace(folder: Path, text: str, **tables: pd.DataFrame) -> Path:
    for name, frame in (tables or {"data": houses()}).items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "task.md").write_text(text, encoding="utf-8")
    return folder


def houses(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rooms": [i % 5 + 1 for i in range(rows)],
            "town": ["A", "B"] * (rows // 2),
            "sold": ["yes", "no", "no", "no"] * (rows // 4),
            "price": [100.5 + i * (i % 7) for i in range(rows)],
        }
    )


SECTIONS = "## Input data\nTabular.\n## Output data\n{output}\n## Objective\n{objective}\n## Metric\n{metric}\n## Files\n{files}\n"


def five(output: str = "", objective: str = "Predict it.", metric: str = "", files: str = "data.csv") -> str:
    return SECTIONS.format(output=output, objective=objective, metric=metric, files=files)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (five("One real number: price."), "price"),
        (five("The last column."), "price"),
        (five("The value in column 1."), "rooms"),
        (five("A number.", files="data.csv: four columns; price is the target."), "price"),
        (five("A number.", objective="Predict price from the other columns."), "price"),
        ("---\ntarget: sold\n---\n" + five("A label."), "sold"),
        ("Predict the column price, scored by MAE. The table is data.csv.", "price"),
        ("# Houses\n\nEstimate the price of each house from data.csv. Metric: RMSE.", "price"),
    ],
)
def test_target_is_found(tmp_path: Path, text: str, target: str) -> None:
    assert check(workspace(tmp_path, text)).targets == (target,)


def test_what_a_test_file_lacks_is_the_target(tmp_path: Path) -> None:
    text = five("Whatever is missing.", files="train.csv and test.csv")
    task = check(workspace(tmp_path, text, train=houses(), test=houses().drop(columns="price")))
    assert task.targets == ("price",)


def test_a_column_that_names_the_rows_is_no_target_because_the_text_speaks_of_its_things(tmp_path: Path) -> None:
    frame = houses().assign(house=[f"H{i:03d}" for i in range(40)])[["house", "rooms", "town", "price", "sold"]]
    task = check(
        workspace(
            tmp_path,
            five("Whether a house is sold, by rooms.", files=""),
            data=frame,
            unseen=frame.drop(columns="sold"),
        )
    )
    assert (task.targets, task.ids) == (("sold",), ("house",))
    assert [(t.role, t.key) for t in task.tables] == [("samples", "data.csv"), ("test", "unseen.csv")]


def test_a_table_of_new_rows_by_any_name_is_no_training_table(tmp_path: Path) -> None:
    frame = houses()
    task = check(workspace(tmp_path, five("A label.", files=""), lots=frame, new=frame.drop(columns="sold").head(9)))
    assert (task.samples_table.key, task.targets, task.rows) == ("lots.csv", ("sold",), 40)


def test_a_name_is_found_without_the_unit_in_its_brackets(tmp_path: Path) -> None:
    frame = houses().rename(columns={"price": "Price (EUR)", "rooms": "rooms [n]"})
    assert check(workspace(tmp_path, five("One number: the price."), data=frame)).targets == ("Price (EUR)",)


def test_headings_in_any_case_and_level(tmp_path: Path) -> None:
    text = "# INPUT\ntable\n### output:\nprice\n**Evaluation metric**\nMAE\n# Data files\ndata.csv\n"
    task = check(workspace(tmp_path, text))
    assert (task.targets, task.metric) == (("price",), "mae")


def test_front_matter_keeps_no_and_small_numbers_as_text(tmp_path: Path) -> None:
    text = "---\ntarget: sold\npositive: no\nmetric: f1\n---\n" + five("A label.")
    task = check(workspace(tmp_path, text))
    assert task.classes == ("yes", "no")


def test_positive_class_stands_last_by_itself(tmp_path: Path) -> None:
    task = check(workspace(tmp_path, "---\ntarget: sold\n---\n" + five("A label.", metric="AUC")))
    assert (task.category, task.classes, task.form) == (Category.BINARY, ("no", "yes"), Form.PROBABILITIES)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("---\ntarget: rooms\n---\n" + five("The number of rooms, a class label."), Category.MULTICLASS),
        ("---\ntarget: rooms\n---\n" + five("A number.", metric="RMSE"), Category.REGRESSION),
        ("---\ntarget: rooms\n---\n" + five("Which.", metric="accuracy"), Category.MULTICLASS),
        ("---\ntarget: rooms, price\n---\n" + five("Two numbers."), Category.MULTIOUTPUT_REGRESSION),
        ("---\ntarget: price\n---\n" + five("A number."), Category.REGRESSION),
    ],
)
def test_category_follows_words_metric_and_values(tmp_path: Path, text: str, category: Category) -> None:
    assert check(workspace(tmp_path, text)).category is category


def test_labels_in_a_file_of_their_own_are_joined(workspaces: dict[str, Path]) -> None:
    task = check(workspaces["entity"])
    assert (task.entity, task.targets, task.rows) == ("customer", ("left",), 90)
    assert task.labels_table is not None


def test_check_fits_a_narrow_terminal(workspaces: dict[str, Path]) -> None:
    for folder in workspaces.values():
        assert all(len(line) <= 78 for line in explain(check(folder)))


def frame_with(**columns: object) -> pd.DataFrame:
    return houses().assign(**columns)


BAD = {
    "target absent": ("---\ntarget: prize\n---\n" + five(), {}, TaskError, "Did you mean 'price'"),
    "all targets missing": ("---\ntarget: price\n---\n" + five(), {"price": None}, DataError, "missing"),
    "one class only": ("---\ntarget: sold\n---\n" + five(), {"sold": "yes"}, DataError, "one class only|one value"),
    "metric unknown": ("---\ntarget: price\n---\n" + five(metric="rsme"), {}, OptionError, "Did you mean 'rmse'"),
    "metric does not fit": (
        "---\ntarget: price\n---\n" + five(metric="AUC"),
        {},
        TextToMLError,
        "does not fit|more than",
    ),
    "which target": (five("A value."), {}, AmbiguousTaskError, "target: price"),
    "file not there": (five("price", files="houses.csv"), {}, DataError, "houses.csv.*holds data.csv"),
    "option unknown": ("---\ntargt: price\n---\n" + five(), {}, TaskError, "Did you mean 'target'"),
    "metric file not there": ("---\ntarget: price\n---\n" + five(metric="metric.py"), {}, TaskError, "metric.py"),
    "group absent": ("---\ntarget: price\ngroup: twon\n---\n" + five(), {}, TaskError, "Did you mean 'town'"),
    "column out of range": (five("column 9"), {}, TaskError, "4 columns"),
    "output section missing": ("## Input data\nTabular.\n## Files\ndata.csv\n", {}, TaskError, "Output data"),
    "positive is no class": ("---\ntarget: sold\npositive: maybe\n---\n" + five(), {}, TaskError, "'maybe' is not one"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_task_is_one_clear_error(tmp_path: Path, case: str) -> None:
    text, columns, error, words = BAD[case]
    with pytest.raises(error, match=words):
        check(workspace(tmp_path, text, data=frame_with(**columns)))


def test_one_row_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one|only 1"):
        check(workspace(tmp_path, "---\ntarget: price\n---\n" + five(), data=houses().head(1)))


def test_duplicate_column_names_are_named(tmp_path: Path) -> None:
    workspace(tmp_path, "---\ntarget: price\n---\n" + five())
    (tmp_path / "data.csv").write_text("a,a,price\n1,2,3\n4,5,6\n")
    with pytest.raises(DataError, match="'a' stands more than once"):
        check(tmp_path)


def test_labels_that_do_not_join(tmp_path: Path) -> None:
    rows = pd.DataFrame({"who": ["a", "a", "b"], "x": [1, 2, 3], "z": [1, 1, 2]})
    labels = pd.DataFrame({"who": ["c", "d"], "y": [0, 1]})
    with pytest.raises(DataError, match="cannot be joined"):
        check(workspace(tmp_path, five("y", files="rows.csv, labels.csv"), rows=rows, labels=labels))


@pytest.mark.parametrize(
    ("task", "words"),
    [("", "empty"), ("nowhere.md", "no such file"), ("predict price", "--workspace")],
)
def test_task_that_is_not_there(task: str, words: str) -> None:
    with pytest.raises(TextToMLError, match=words):
        describe(task)


def test_empty_file_and_folder_without_task(tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text(" \n")
    with pytest.raises(TaskError, match="is empty"):
        describe(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(TaskError, match=r"holds no task\.md"):
        describe(tmp_path / "sub")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the paper's data is not here")
@pytest.mark.parametrize(
    ("name", "target", "metric", "rows"),
    [
        ("Boston", "MEDV", "rmse", 506),
        ("Age", "Class", "balanced_log_loss", 617),
        ("Default", "target", "amex", 5000),
        ("Iris", "Species", "accuracy", 150),
    ],
)
def test_the_papers_tables(name: str, target: str, metric: str, rows: int) -> None:
    task = check(SHARED / name)
    assert (task.targets, task.metric, task.rows) == ((target,), metric, rows)


def test_numbers_that_are_written_as_texts_are_no_classes(tmp_path: Path) -> None:
    frame = houses().assign(growth=[f"{i / 7:.1f}%" for i in range(40)], rent=[f"$1,{i:03d}" for i in range(40)])
    for name, example in (("growth", "0.0%"), ("rent", "$1,000")):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(DataError, match="numbers written as text") as caught:
            check(workspace(folder, five(name), data=frame))
        assert repr(example) in str(caught.value)
    few = tmp_path / "few"
    few.mkdir()
    assert check(workspace(few, five("rate"), data=houses().assign(rate=["5%", "7%"] * 20))).classes == ("5%", "7%")


def test_what_a_folder_holds_instead_of_a_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text(five("y", files=""), encoding="utf-8")
    (tmp_path / "data.db").write_bytes(b"SQLite")
    with pytest.raises(DataError, match=r"data\.db cannot be read as one"):
        check(tmp_path)
    (tmp_path / "all.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"Unpack all\.zip first"):
        check(tmp_path)


def test_folders_of_documents_and_tables_of_texts_alone_are_texts(tmp_path: Path) -> None:
    words = five("pos or neg", files="").replace("Tabular.", "What people said of films.")
    docs = tmp_path / "docs"
    for label in ("pos", "neg"):
        (docs / label).mkdir(parents=True)
        for i in range(6):
            (docs / label / f"{i}.txt").write_text(f"a {label} film, number {i}", encoding="utf-8")
    (docs / "task.md").write_text(words, encoding="utf-8")
    assert str(check(docs).domain) == "text"
    said = pd.DataFrame(
        {"said": [f"{i} was a film that one can see or not see" for i in range(20)], "mood": ["good", "bad"] * 10}
    )
    table = tmp_path / "table"
    table.mkdir()
    assert str(check(workspace(table, words.replace("pos or neg", "mood"), data=said)).domain) == "text"
    assert str(check(workspace(table, five("mood"), data=said)).domain) == "tabular"
