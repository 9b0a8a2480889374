"""Files that lie in a workspace and are not the user's data, and layouts that were once misread."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.errors import DataError, OptionError, TaskError
from text_to_ml.runtime.workflow import moments
from text_to_ml.start import run_folder
from text_to_ml.task import check
from text_to_ml.task.explain import explain
from text_to_ml.task.places import own_files
from text_to_ml.values import Category

from .test_understand import five, houses, workspace

PRICE = five("One real number: price.")


def test_what_runs_programs_and_other_systems_leave_is_not_data(tmp_path: Path) -> None:
    workspace(tmp_path, five("One real number: price.", files=""))
    run = tmp_path / "runs" / "first" / "unit_tests"
    run.mkdir(parents=True)
    (run.parent / "run.db").touch()
    for name in ("predictions.csv", "._data.csv", "~$data.xlsx", ".hidden.csv", "runs/first/unit_tests/data.csv"):
        (tmp_path / name).write_text("price,rooms\n1,2\n")
    assert [p.name for p in own_files(tmp_path)] == ["data.csv", "task.md"]
    task = check(tmp_path)
    assert [t.key for t in task.tables] == ["data.csv"] and task.targets == ("price",)


def test_predictions_are_data_where_the_task_names_them(tmp_path: Path) -> None:
    houses().to_csv(tmp_path / "predictions.csv", index=False)
    (tmp_path / "task.md").write_text(five("One real number: price.", files="predictions.csv"))
    assert check(tmp_path).tables[0].key == "predictions.csv"


def test_a_run_is_never_kept_among_images_or_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "reviews"
    for label in ("good", "bad"):
        (folder / label).mkdir(parents=True)
        for i in range(12):
            (folder / label / f"{i}.txt").write_text(f"a {label} film number {i}")
    (folder / "task.md").write_text("# Reviews\n\n## Input data\nReviews.\n\n## Output data\ngood or bad\n")
    task = check(folder)
    monkeypatch.chdir(folder)
    assert run_folder(task, None, "now") == tmp_path / "runs" / "now"
    with pytest.raises(OptionError, match="lies among the task's data"):
        run_folder(task, Path("mine"), "now")
    assert run_folder(task, tmp_path / "mine", "now") == tmp_path / "mine"


def test_a_form_for_answers_holds_no_targets(tmp_path: Path) -> None:
    frame = houses().assign(id=range(40))
    form = pd.DataFrame({"id": range(20), "A": 1, "B": 0})
    workspace(tmp_path, "Predict the column town.", train=frame, test=frame.drop(columns="town"), sampleSubmission=form)
    assert check(tmp_path).targets == ("town",)


def test_a_web_address_is_no_file(tmp_path: Path) -> None:
    text = five("One real number: price.", files="data.csv, from https://archive.example.org/raw/houses-raw.csv")
    assert check(workspace(tmp_path, text)).tables[0].key == "data.csv"


@pytest.mark.parametrize("option", ["group", "time", "id"])
def test_the_target_has_no_other_part(option: str, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=f"{option}: 'price' is the target"):
        check(workspace(tmp_path, f"---\n{option}: price\ntarget: price\n---\n{PRICE}"))


def test_an_encoding_that_is_not_known_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="encoding 'utf8x': is not known"):
        check(workspace(tmp_path, f"---\nencoding: utf8x\n---\n{PRICE}"))


def test_a_task_written_on_windows_keeps_its_front_matter(tmp_path: Path) -> None:
    workspace(tmp_path, "")
    text = f"---\ntarget: rooms\nmetric: MAE\n---\n# Häuser\n\n{PRICE}".replace("\n", "\r\n")
    (tmp_path / "task.md").write_bytes(text.encode("cp1252"))
    assert check(tmp_path).targets == ("rooms",)


def test_lines_that_end_with_a_separator_do_not_shift_the_columns(tmp_path: Path) -> None:
    workspace(tmp_path, PRICE)
    head, *rows = (tmp_path / "data.csv").read_text().splitlines()
    (tmp_path / "data.csv").write_text("\n".join([head, *(f"{row}," for row in rows)]) + "\n")
    column = next(c for c in check(tmp_path).tables[0].columns if c.name == "price")
    assert column.low == houses()["price"].min() and column.missing == 0


def test_json_with_a_mark_or_a_blank_line_before_it(tmp_path: Path) -> None:
    for start in ("\ufeff", "\n", "\ufeff \n"):
        text = start + houses().to_json(orient="records")
        (tmp_path / "data.json").write_text(text, encoding="utf-8")
        (tmp_path / "task.md").write_text(five("One real number: price.", files="data.json"))
        assert check(tmp_path).rows == 40


def test_parquet_with_a_named_or_repeated_index_and_lists(tmp_path: Path) -> None:
    frame = (
        houses().assign(tags=[np.array(["a", str(i)]) for i in range(40)]).set_axis([*range(20), *range(20)], axis=0)
    )
    (tmp_path / "task.md").write_text(five("One real number: price.", files="data.parquet"))
    frame.rename_axis("age").to_parquet(tmp_path / "data.parquet")
    kinds = {c.name: c.kind for c in check(tmp_path).tables[0].columns}
    assert kinds["tags"] == "nested" and "age" in kinds


def test_a_stated_order_of_classes_is_kept(tmp_path: Path) -> None:
    frame = houses().assign(risk=["low", "medium", "high", "low"] * 10)
    text = five("risk: low < medium < high", metric="quadratic weighted kappa")
    assert check(workspace(tmp_path, text, data=frame)).classes == ("low", "medium", "high")
    task = check(workspace(tmp_path, text.replace("low < medium < high", "the risk"), data=frame))
    assert task.classes == ("high", "low", "medium")


def test_check_says_which_class_is_the_positive_one(tmp_path: Path) -> None:
    task = check(workspace(tmp_path, five("sold", metric="F1")))
    assert task.category is Category.BINARY
    assert any(line.startswith("positive   yes") for line in explain(task))


def test_dates_of_a_split_may_have_the_day_first_and_time_zones() -> None:
    days = pd.date_range("2022-01-06", periods=400, freq="D")
    for form in ("%d.%m.%Y", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d 10:00:00+02:00"):
        assert moments(pd.Series(days.strftime(form))).is_monotonic_increasing, form


def test_documents_in_several_encodings_are_refused_but_ascii_ones_fit_all(tmp_path: Path) -> None:
    for label, encoding in (("good", "utf-8"), ("bad", "cp1252")):
        (tmp_path / label).mkdir()
        for i in range(12):
            (tmp_path / label / f"{i}.txt").write_text(f"schön {label} {i}" if i else "plain", encoding=encoding)
    (tmp_path / "task.md").write_text("# Reviews\n\n## Input data\nReviews.\n\n## Output data\ngood or bad\n")
    with pytest.raises(DataError, match="several encodings"):
        check(tmp_path)
    for path in (tmp_path / "good").iterdir():
        path.write_text("plain")
    assert check(tmp_path).tables[0].reader.options["encoding"] == "cp1252"


def test_none_among_words_is_a_class_and_among_numbers_a_missing_value(tmp_path: Path) -> None:
    frame = houses().assign(disorder=["None", "None", "Apnea", "Insomnia"] * 10)
    text = five("disorder: None, Apnea or Insomnia")
    assert check(workspace(tmp_path, text, data=frame)).classes == ("Apnea", "Insomnia", "None")
    frame["rooms"] = frame["rooms"].astype(object).where(frame.index % 7 != 0, "None")
    columns = {
        c.name: c for c in check(workspace(tmp_path, PRICE, data=frame[["rooms", "town", "price"]])).tables[0].columns
    }
    assert columns["rooms"].kind in ("number", "integer") and columns["rooms"].missing == 6


def test_a_year_that_counts_up_is_a_feature(tmp_path: Path) -> None:
    frame = houses().assign(year=range(1980, 2020), plot=range(40))
    task = check(workspace(tmp_path, PRICE, data=frame))
    assert "year" in {c.name for c in task.features} and task.ids == ("plot",)
