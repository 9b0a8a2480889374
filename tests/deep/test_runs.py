"""Programs with networks: they train, evaluate and predict by themselves; the sandbox trains them; whole runs hand them over."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tests.conftest import KIND, command, sandbox_flag
from tests.deep.models import write_choices, write_images, write_pairs, write_texts
from text_to_ml import pretrained
from text_to_ml.assemble import assemble, header, runtime_sources
from text_to_ml.domains.base import get_domain
from text_to_ml.formatting import formatted
from text_to_ml.names import top_level_names
from text_to_ml.program import Choice, Configuration, Module, SearchSpace, Stage
from text_to_ml.run import Run
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Limits, Sandbox
from text_to_ml.search.data import DataStore
from text_to_ml.search.evaluation import Evaluator
from text_to_ml.search.fidelity import Part
from text_to_ml.start import setting_of
from text_to_ml.task.describe import describe
from text_to_ml.task.understand import understand
from text_to_ml.verify import Verifier
from text_to_ml.writers.catalogue import CatalogueWriter

WRITERS = {"text": write_texts, "vision": write_images, "pairs": write_pairs, "choices": write_choices}
SMALL = {
    "small_cnn": {"width": 8, "stages": 2},
    "text_cnn": {"width": 16, "filters": 16, "max_length": 32},
    "finetuned_encoder": {"max_length": 32},
    "finetuned_backbone": {"side": 64},
    "encoder_embeddings": {"max_length": 32},
    "backbone_features": {"side": 64},
    "finetuned_options": {"max_length": 32},
    "finetuned_encoder_decoder": {"max_length": 16, "max_target_length": 16},
}


class Made:
    """A task, its setting, and modules and configuration of one model of the catalogue."""

    def __init__(self, folder: Path, data: str, model: str, **values: Any) -> None:
        self.folder = WRITERS[data](folder)
        description, place = describe(self.folder, None)
        self.task = understand(description, place)
        domain = str(self.task.domain)
        self.setting = setting_of(self.task)
        writer = CatalogueWriter()
        self.space: SearchSpace = writer.space(self.task)
        names = {Stage.PREPARATION: "plain" if domain == "text" else "augmented", Stage.MODELING: model}
        names[Stage.POST_PROCESSING] = self.space.stage(Stage.POST_PROCESSING)[0].name
        self.candidates = {s: self.space.find(s, n) for s, n in names.items()}
        self.modules: dict[Stage, Module] = {s: writer.module(self.task, c) for s, c in self.candidates.items()}
        chosen = {s: dict(c.defaults()) for s, c in self.candidates.items()}
        chosen[Stage.MODELING] |= {"epochs": 6.0} if self.candidates[Stage.MODELING].network else {}
        chosen[Stage.MODELING] |= {**SMALL.get(model, {}), **values}
        if domain == "vision":
            chosen[Stage.PREPARATION]["size"] = 16
        self.configuration = Configuration({s: Choice(names[s], v) for s, v in chosen.items()})

    def program(self) -> Path:
        """The exported program."""
        program = assemble(self.modules, self.configuration, self.setting)
        path = self.folder / "program.py"
        path.write_text(header(program.source) + formatted(program.source), encoding="utf-8")
        return path


def run(path: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, path, *arguments], capture_output=True, text=True, check=False, cwd=path.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("domain", "model"), [("text", "text_cnn"), ("vision", "small_cnn")])
def test_a_program_with_a_network_trains_evaluates_and_predicts(domain: str, model: str, tmp_path: Path) -> None:
    made = Made(tmp_path / domain, domain, model, epochs=15.0, learning_rate=0.01)
    path = made.program()
    source = path.read_text(encoding="utf-8")
    assert '"torch==' in source
    assert '"lightning==' in source
    assert "text_to_ml" not in source
    report, again = (json.loads(run(path, "evaluate", "--json")) for _ in range(2))
    assert report["validation"] == again["validation"]
    assert report["test"] == again["test"]
    assert report["validation"] > 0.8
    run(path, "train")
    given = "reviews.csv" if domain == "text" else "images/down"
    run(path, "predict", "--input", given, "--output", "out.csv")
    labels = pd.read_csv(made.folder / "out.csv").iloc[:, -1]
    wanted = pd.read_csv(made.folder / "reviews.csv")["mood"] if domain == "text" else pd.Series(["down"] * len(labels))
    assert (labels == wanted).mean() > 0.8


def test_a_program_that_chooses_between_options_learns_to_compare_them(tmp_path: Path) -> None:
    made = Made(tmp_path, "choices", "option_matching", epochs=30.0, learning_rate=0.01)
    path = made.program()
    report = json.loads(run(path, "evaluate", "--json"))
    assert report["validation"] > 0.9 and report["test"] > 0.9  # a program that guesses has 0.46
    run(path, "train")
    run(path, "predict", "--input", "questions.csv", "--output", "out.csv")
    first = pd.read_csv(made.folder / "out.csv").iloc[:, -1].str.split().str[0]
    assert (first == pd.read_csv(made.folder / "questions.csv")["answer"]).mean() > 0.8


def test_a_program_that_writes_texts_trains_evaluates_and_predicts(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(tiny))
    made = Made(tmp_path, "pairs", "finetuned_encoder_decoder", weights="t5", epochs=2.0, learning_rate=0.01)
    path = made.program()
    report, again = (json.loads(run(path, "evaluate", "--json")) for _ in range(2))
    assert report["validation"] == again["validation"] and report["test"] == again["test"]
    run(path, "train")
    run(path, "predict", "--input", "pairs.csv", "--output", "out.csv")
    said = pd.read_csv(made.folder / "out.csv", keep_default_na=False).iloc[:, -1]
    assert len(said) == len(pd.read_csv(made.folder / "pairs.csv"))
    assert not said.astype(str).str.contains("<").any()


@pytest.mark.parametrize("model", ["finetuned_backbone", "backbone_features"])
def test_a_program_with_weights_of_timm_trains_evaluates_and_predicts(
    model: str, tmp_path: Path, of_timm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(of_timm))
    values = {"epochs": 4.0, "learning_rate": 0.01} if model == "finetuned_backbone" else {}
    path = Made(tmp_path, "vision", model, weights="timm/resnet", side=64, **values).program()
    report, again = (json.loads(run(path, "evaluate", "--json")) for _ in range(2))
    assert report["validation"] == again["validation"] and report["test"] == again["test"]
    run(path, "train")
    run(path, "predict", "--input", "images/down", "--output", "out.csv")
    assert len(pd.read_csv(tmp_path / "out.csv")) == 60
    assert '"timm==' in path.read_text(encoding="utf-8")


def test_classical_programs_need_no_torch(tmp_path: Path) -> None:
    made = Made(tmp_path, "text", "nb_svm")
    source = made.program().read_text(encoding="utf-8")
    assert "torch" not in source
    assert "lightning" not in source


@pytest.mark.parametrize("domain", ["text", "vision"])
def test_pre_written_code_has_no_name_twice(domain: str) -> None:
    from text_to_ml import runtime

    folder = Path(runtime.__path__[0])
    names = [folder / n for n in ("split.py", "workflow.py", "training.py", "network.py", "command_line.py")]
    files = [*names, *get_domain(domain).runtime_files()]
    found = [n for path in files for n in top_level_names(path.read_text(encoding="utf-8"))]
    assert len(found) == len(set(found))
    assert "trained" in top_level_names(runtime_sources(get_domain(domain), network=True)[1])


# in the sandbox


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Sandbox]:
    """A sandbox that holds torch and sees the tiny models."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TEXT_TO_ML_MODELS", str(tiny))
    scratch = tmp_path_factory.mktemp("deep")
    found = open_sandbox(
        KIND, preload=[*get_domain("text").preload(), "text_to_ml.runtime.network"], writable=[scratch]
    )
    found.expect((), pretrained.folders(["bert", "distilbert", "t5", "bart", "vit", "resnet"]))
    found.scratch = scratch  # type: ignore[attr-defined]
    yield found
    found.close()
    patch.undo()


def evaluator(made: Made, box: Any, name: str, seconds: float | None = None) -> Evaluator:
    work = box.scratch / name
    work.mkdir()
    data = DataStore(made.setting, box, work / "data", Limits(wall_seconds=300.0))
    return Evaluator(made.setting, box, data, work, Limits(wall_seconds=300.0, memory_mb=8192), seconds)


def test_budgets_are_epochs_and_a_promoted_trial_goes_on(box: Any, tmp_path: Path) -> None:
    made = Made(tmp_path, "vision", "small_cnn")
    judge = evaluator(made, box, "budgets")
    small = judge.evaluate(made.modules, made.configuration, name="small", part=Part(1, 0.5))
    assert small.training["epochs"] == [3], small.error
    whole = judge.evaluate(made.modules, made.configuration, name="whole", part=Part(1, 1.0))
    assert whole.training["epochs"] == [6]
    fresh = evaluator(made, box, "fresh").evaluate(made.modules, made.configuration, name="fresh", part=Part(1, 1.0))
    assert np.array_equal(whole.outputs[0], fresh.outputs[0])
    assert not np.array_equal(small.outputs[0], whole.outputs[0])


def test_the_time_of_a_run_bounds_the_training(box: Any, tmp_path: Path) -> None:
    made = Made(tmp_path, "vision", "small_cnn", width=48, stages=3)
    values = {k: v for k, v in made.configuration.choices[Stage.MODELING].values.items() if k != "epochs"}
    bare = Configuration({**made.configuration.choices, Stage.MODELING: Choice("small_cnn", values)})
    result = evaluator(made, box, "bounded", seconds=8.0).evaluate(made.modules, bare, name="bounded")
    assert result.score is not None, result.error
    assert 0 < result.learnt["epochs"] < 30
    assert len(result.folds) == 5
    assert max(result.training["epochs"]) <= max(1, result.learnt["epochs"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "model", "weights"),
    [
        ("text", "finetuned_encoder", "t5"),
        ("text", "encoder_embeddings", "bert"),
        ("vision", "finetuned_backbone", "vit"),
        ("vision", "backbone_features", "resnet"),
        ("choices", "finetuned_options", "bert"),
        ("pairs", "finetuned_encoder_decoder", "t5"),
        ("pairs", "finetuned_encoder_decoder", "bart"),
    ],
)
def test_pretrained_candidates_are_verified_and_run_in_the_sandbox(
    data: str, model: str, weights: str, box: Any, tmp_path: Path
) -> None:
    made = Made(tmp_path / "task", data, model, weights=weights)
    candidate = made.candidates[Stage.MODELING]
    facts = made.setting.domain.facts(made.task, tmp_path / "miniature")
    verifier = Verifier(made.setting.domain, facts, box, box.scratch / f"verify-{model}-{weights}")
    report = verifier.verify(made.modules[Stage.MODELING], candidate)
    assert report.passed, report.feedback()
    result = evaluator(made, box, f"run-{model}-{weights}").try_once(made.modules, made.configuration, name="once")
    assert result.score is not None, result.error


@pytest.mark.slow
def test_a_whole_run_screens_networks_and_hands_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(pretrained.FOLDER, raising=False)  # set by the fixture `box` for the tests before
    task = write_images(tmp_path / "task", rows=80)
    folder = tmp_path / "run"
    done = command("run", task, "--evaluations", "9", "--out", folder, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    found = Run(folder)
    verdict = found.last("proxies")
    assert set(verdict["kept"]) | set(verdict["dropped"]) == {"small_cnn", "small_resnet", "small_vit"}
    assert len(verdict["dropped"]) == 1
    trials = [t for t in found.records if t.training]
    assert trials
    assert all(t.configuration.choices[Stage.MODELING].candidate in verdict["kept"] for t in trials)
    assert any(t.state == "finished" for t in trials)
    shown = command("show", folder).stdout
    assert "zero-cost proxies" in shown
    assert "(dropped)" in shown
    name = trials[0].configuration.choices[Stage.MODELING].candidate
    again = command("resume", folder, "--lock", f"modeling/{name}", "--evaluations", "11", *sandbox_flag())
    assert again.returncode == 0, again.stderr
    assert Run(folder).program is not None
