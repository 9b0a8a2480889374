"""Keys, and values of cells, in whole runs: neither reaches a prompt, generated code or the run folder."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.language_model.brain import FEW, IRIS, KEY, Brain, fenced, go, text_of
from text_to_ml.llm.scripted import ScriptedServer
from text_to_ml.program import Stage


def test_keys_stay_out_of_the_run_folder_and_of_generated_code(tmp_path: Path) -> None:
    peek = "import os\n\n\nSEEN = 'KEY=' + str(os.environ.get('TEXT_TO_ML_API_KEY')) + str(os.environ.get('OPENAI_API_KEY'))\n"
    shout = "    raise ValueError(SEEN)\n"

    def spoil(title: str, number: int, reply: str) -> str | None:
        if "modeling linear" in title and number == 0:
            return fenced(
                peek
                + "\n\ndef build_model(n_features, n_outputs, *, seed, threads, strength=1.0):\n    strength\n"
                + shout
            )
        return None

    with ScriptedServer(Brain(IRIS, spoil, FEW)) as server:
        run = go(server, tmp_path / "run", record=tmp_path / "record.jsonl")
        assert any(KEY in str(r.headers) for r in server.requests)
    attempt = next(e.payload for e in run.events("attempt") if e.payload["place"] == "modeling/linear")
    assert "KEY=NoneNone" in attempt["feedback"]
    assert KEY not in text_of(tmp_path / "run") and KEY not in (tmp_path / "record.jsonl").read_text()
    assert KEY not in text_of(tmp_path / "cache")


def planted_workspace(folder: Path) -> Path:
    """A table whose values are easy to find in a prompt."""
    rows = 60
    frame = pd.DataFrame(
        {
            "person_id": [f"Idid-{90210 + i}" for i in range(rows)],
            "kind": ["Qqcategory", "Xxcategory", "Vvcategory"] * (rows // 3),
            "note": [f"Wwtext of patient {i} who said much more than fits in here" for i in range(rows)],
            "amount": [31415.9265 + i for i in range(rows)],
            "label": ["Zzlabel", "Yylabel"] * (rows // 2),
        }
    )
    frame.to_csv(folder / "data.csv", index=False)
    (folder / "task.md").write_text(
        "---\ntarget: label\n---\n## Input data\nTabular.\n## Output data\nThe label.\n## Metric\nAccuracy\n## Files\ndata.csv\n"
    )
    return folder


HIDDEN = {
    "names": ("Idid-9", "Qqcategory", "Wwtext", "31415.9", "31416.9", "Zzlabel", "Yylabel"),
    "summary": ("Idid-9", "Wwtext of patient", "Qqcategory,Wwtext"),
}


@pytest.mark.parametrize("share", HIDDEN)
def test_no_prompt_holds_what_may_not_be_shared(share: str, tmp_path: Path) -> None:
    """Modules that put values into their errors do not get them into a prompt."""
    (tmp_path / "task").mkdir()
    folder = planted_workspace(tmp_path / "task")
    shout = (
        "import pandas as pd\n\n\ndef load(files):\n    table = pd.read_csv(files['data.csv'])\n    targets = table[['label']] if 'label' in table "
        "else None\n    return table.drop(columns=['label'], errors='ignore'), targets\n\n\nclass DataPreparation:\n    def fit(self, samples, targets):\n"
        "        raise ValueError(samples.to_csv() + repr(samples.iloc[0].to_dict()) + str(samples['kind'].unique()))\n\n"
        "    def transform(self, samples):\n        return samples\n"
    )

    def spoil(title: str, number: int, reply: str) -> str | None:
        if "data preparation plain" in title and number == 0:
            return fenced(shout)
        if "post-processing" in title and number == 0:
            return fenced(
                "class PostProcessing:\n    def __init__(self, classes):\n        self.classes = classes\n\n"
                "    def transform(self, outputs):\n        raise KeyError(self.classes)\n"
            )
        return None

    names = {**FEW, Stage.POST_PROCESSING: ("argmax",)}
    with ScriptedServer(Brain(folder, spoil, names)) as server:
        run = go(server, tmp_path / "run", task=folder, share=share)
        prompts = "\n".join(json.dumps(r.body, ensure_ascii=False) for r in server.requests)
    for value in HIDDEN[share]:
        assert value not in prompts, prompts[max(0, prompts.index(value) - 300) : prompts.index(value) + 100]
    assert "<value>" in prompts and "amount" in prompts
    assert run.finished
