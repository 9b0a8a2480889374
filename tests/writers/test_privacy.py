"""What a language model may see: the task as the prompts show it, and feedback without the users' values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from text_to_ml.task import check
from text_to_ml.writers.privacy import Redactor, error_without_values
from text_to_ml.writers.view import task_view

PLANTED = {
    "label": "Zzlabel",
    "category": "Qqcategory",
    "text": "Wwtext of a patient who said much more than fits",
    "id": "Idid-90210",
    "number": "31415.9265",
    "integer": "271828",
}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    rows = 40
    frame = pd.DataFrame(
        {
            "person_id": [f"Idid-{90210 + i}" for i in range(rows)],
            "kind": ["Qqcategory", "other"] * 20,
            "note": [f"Wwtext of a patient who said much more than fits {i}" for i in range(rows)],
            "amount": [31415.9265] + [float(i) + 0.5 for i in range(rows - 1)],
            "count": [271828, *range(rows - 1)],
            "target": ["Zzlabel", "Yylabel"] * 20,
        }
    )
    frame.to_csv(tmp_path / "data.csv", index=False)
    text = "---\ntarget: target\n---\n## Input data\nTabular.\n## Output data\nThe target.\n## Metric\nAccuracy\n## Files\ndata.csv\n"
    (tmp_path / "task.md").write_text(text)
    return tmp_path


SEEN = {
    "names": (),
    "summary": ("label", "category", "number", "integer"),
    "rows": ("label", "category", "text", "id", "number", "integer"),
}


@pytest.mark.parametrize("share", SEEN)
def test_the_view_shows_no_more_than_it_may(share: str, planted: Path) -> None:
    view = str(task_view(check(planted), share))
    shown = {name for name, value in PLANTED.items() if value[:7] in view}
    assert shown == set(SEEN[share])
    assert "amount" in view and "person_id" in view


MESSAGE = (
    "could not convert string to float: 'Qqcategory'; got ['Zzlabel', 'Yylabel'], 31415.9265 and 271828.0 at Idid-90210, "
    "'Wwtext of a patient who said much more than fits 0'; expected 40 rows of 5 columns, line 12: x = samples['amount']"
)
LEFT = {"names": set(), "summary": {"label", "category", "number", "integer"}, "rows": set(PLANTED)}


@pytest.mark.parametrize("share", LEFT)
def test_feedback_loses_the_values_and_keeps_the_rest(share: str, planted: Path) -> None:
    task = check(planted)
    text = Redactor(task, share, {"data.csv": planted / "data.csv"})(MESSAGE)
    assert {name for name, value in PLANTED.items() if value[:7] in text} == LEFT[share]
    assert "expected 40 rows of 5 columns, line 12: x = samples['amount']" in text


def test_errors_on_the_whole_data_quote_nothing() -> None:
    error = "fold 0: failed. ValueError: could not convert string to float: 'secret'\nline 7 of program, in fit: x = float(v)"
    assert error_without_values(error, "rows") == error
    for share in ("names", "summary"):
        text = error_without_values(error, share)
        assert "secret" not in text and "ValueError" in text and "line 7 of program" in text
