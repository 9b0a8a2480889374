"""Rules: modules that break or leak are rejected by the rule that says so; sound ones pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Candidate, Hyperparameter, Module, Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.verify import Verifier
from text_to_ml.writers.catalogue import CatalogueWriter


def verifier(sandbox: Sandbox, scratch: Path, folder: Path) -> Verifier:
    domain = get_domain("tabular")
    facts = domain.facts(check(folder), scratch / f"mini-{folder.name}")
    return Verifier(domain, facts, sandbox, scratch / "tests")


PREPARATION = """
import numpy as np
import pandas as pd


def load(files):
    table = pd.read_csv(files["data.csv"])
    samples = table.drop(columns=["bought"], errors="ignore")
    return samples, table[["bought"]] if "bought" in table.columns else None


class DataPreparation:
    KEPT = {}

    def __init__(self, *, scale=1.0):
        self.scale = scale

    def _numbers(self, samples):
        columns = {n: pd.to_numeric(samples[n], errors="coerce") if n in samples else np.nan for n in ('size "m"', "count")}
        return pd.DataFrame(columns, index=samples.index, dtype="float64")

    def fit(self, samples, targets):
        self.means = self._numbers(samples).mean().fillna(0.0)
        self.spread = self._numbers(samples).std().fillna(1.0)
        return self

    def transform(self, samples):
        numbers = self._numbers(samples).fillna(self.means)
        return (numbers - self.means) / self.spread * self.scale
"""

BROKEN_PREPARATION = {
    "statistics of the rows at hand": (
        "fillna(self.means)\n        return (numbers - self.means)",
        "fillna(self.means)\n        return (numbers - numbers.mean())",
        "transform_of_a_row_does_not_depend_on_its_neighbours",
    ),
    "target left in samples": (
        'table.drop(columns=["bought"], errors="ignore")',
        "table",
        "load_keeps_samples_and_targets_apart",
    ),
    "target under another name": (
        'errors="ignore")\n',
        'errors="ignore").assign(copy=table.get("bought"))\n',
        "load_keeps_samples_and_targets_apart",
    ),
    "rows dropped": (
        'pd.read_csv(files["data.csv"])',
        'pd.read_csv(files["data.csv"]).dropna()',
        "load_keeps_every_entity_in_order",
    ),
    "rows shuffled": (
        'table[["bought"]] if',
        'table[["bought"]].iloc[::-1].reset_index(drop=True) if',
        "load_keeps_every_entity_in_order",
    ),
    "missing values kept": (".fillna(self.means)", "", "transform_gives_finite_float_columns"),
    "wrong dtype": ("* self.scale", "* np.float32(self.scale)", None),
    "float32": (
        "return (numbers - self.means) / self.spread * self.scale",
        "return ((numbers - self.means) / self.spread * self.scale).astype('float32')",
        None,
    ),
    "texts": (
        "return (numbers - self.means) / self.spread * self.scale",
        "return ((numbers - self.means) / self.spread * self.scale).astype('str') + ' m'",
        "transform_gives_finite_float_columns",
    ),
    "rows of samples shuffled": (
        'errors="ignore")\n    return samples',
        'errors="ignore")\n    samples = samples.iloc[::-1].set_axis(samples.index, axis=0)\n    return samples',
        "load_keeps_every_entity_in_order",
    ),
    "rows with gaps dropped at prediction": (
        "    return samples, table",
        "    samples = samples if 'bought' in table.columns else samples.dropna()\n    return samples, table",
        "load_works_without_targets",
    ),
    "index lost": (
        "return (numbers - self.means) / self.spread * self.scale",
        "return ((numbers - self.means) / self.spread * self.scale).reset_index(drop=True)",
        None,
    ),
    "absent column": ("if n in samples else np.nan", "", "preparation_survives_what_new_data_brings"),
    "text numbers": (
        'pd.to_numeric(samples[n], errors="coerce")',
        "samples[n] * 1.0",
        "preparation_survives_what_new_data_brings",
    ),
    "training targets as a column": (
        "        return self\n\n    def transform(self, samples):\n        numbers = self._numbers(samples).fillna(self.means)\n"
        "        return (numbers - self.means) / self.spread * self.scale",
        "        self.known = dict(zip(samples['record_id'], np.asarray(targets, dtype=float)))\n        return self\n\n"
        "    def transform(self, samples):\n        numbers = self._numbers(samples).fillna(self.means)\n"
        "        table = (numbers - self.means) / self.spread * self.scale\n"
        "        ids = samples['record_id'] if 'record_id' in samples else pd.Series(np.nan, index=samples.index)\n"
        "        return table.assign(known=ids.map(self.known).fillna(0.5).astype('float64'))",
        "transform_does_not_know_training_rows_by_name",
    ),
    "nothing learnt": ("* self.scale", "* 0.0 * self.scale", "prepared_columns_carry_information"),
    "input changed": (
        "self.means = self",
        "samples['count'] = samples['count'] + 1\n        self.means = self",
        "preparation_leaves_its_input_alone",
    ),
    "returns nothing": ("        return self\n", "", None),
    "kept from another fit": (
        "        self.means = self._numbers(samples).mean().fillna(0.0)",
        "        self.means = self.KEPT.setdefault('means', self._numbers(samples).mean().fillna(0.0))",
        "fit_is_deterministic_and_needs_no_load_before_it",
    ),
    "no fit": ("def fit(", "def learn(", "transform_gives_finite_float_columns"),
    "keeps a lambda": (
        "self.means = self",
        "self.link = lambda v: v\n        self.means = self",
        "fitted_preparation_can_be_saved",
    ),
    "random": (
        "* self.scale",
        "* self.scale + np.random.default_rng().normal()",
        "fit_is_deterministic_and_needs_no_load_before_it",
    ),
}


def candidate(stage: Stage, *parameters: Hyperparameter) -> Candidate:
    return Candidate(stage, "hand_made", "", parameters)


SCALE = Hyperparameter("scale", "float", 1.0, 0.5, 2.0)


def test_sound_preparation_passes(sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    module = Module(Stage.PREPARATION, "hand_made", PREPARATION)
    report = verifier(sandbox, scratch, workspaces["binary"]).verify(module, candidate(Stage.PREPARATION, SCALE))
    assert report.passed, report.feedback()


@pytest.mark.parametrize("fault", [k for k, v in BROKEN_PREPARATION.items() if v[2]])
def test_broken_preparation_is_caught_by_its_rule(
    fault: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]
) -> None:
    old, new, rule = BROKEN_PREPARATION[fault]
    assert old in PREPARATION
    module = Module(Stage.PREPARATION, "hand_made", PREPARATION.replace(old, new))
    report = verifier(sandbox, scratch, workspaces["binary"]).verify(module, candidate(Stage.PREPARATION, SCALE))
    assert rule in [f.rule for f in report.failures], report.feedback()
    assert len(report.feedback().splitlines()) <= 40


@pytest.mark.parametrize("change", [k for k, v in BROKEN_PREPARATION.items() if not v[2]])
def test_harmless_change_is_not_rejected(
    change: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]
) -> None:
    old, new, _ = BROKEN_PREPARATION[change]
    module = Module(Stage.PREPARATION, "hand_made", PREPARATION.replace(old, new))
    report = verifier(sandbox, scratch, workspaces["binary"]).verify(module, candidate(Stage.PREPARATION, SCALE))
    assert report.passed, report.feedback()


MODEL = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class Model:
    def __init__(self, C):
        self.inner = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=500))

    def fit(self, X, y):
        self.inner.fit(X, y)
        return self

    def predict_proba(self, X):
        return self.inner.predict_proba(X)


def build_model(n_features, n_outputs, *, seed, threads, C=1.0):
    return Model(C)
"""
BROKEN_MODEL = {
    "wrong class order": ("return self.inner.predict_proba(X)", "return self.inner.predict_proba(X)[:, ::-1]", "model_is_not_worse_than_chance_on_an_easy_problem"),
    "labels for probabilities": ("return self.inner.predict_proba(X)", "return self.inner.predict(X)", "model_fits_and_predicts"),
    "rows do not sum to one": ("return self.inner.predict_proba(X)", "return self.inner.predict_proba(X) * 0.5", "model_fits_and_predicts"),
    "scaled by the rows at hand": ("return self.inner.predict_proba(X)", "return self.inner.predict_proba(X - X.mean())", "model_predicts_each_row_by_itself"),
    "random": ("self.inner.fit(X, y)", "self.inner.fit(X + np.random.default_rng().normal(size=X.shape), y)", "model_is_deterministic"),
    "input changed": ("self.inner.fit(X, y)", "X.iloc[:, 0] = 0.0\n        self.inner.fit(X, y)", "model_leaves_its_input_alone"),
    "two features needed": ("self.inner.fit(X, y)", "X.iloc[:, 1]\n        self.inner.fit(X, y)", "model_works_on_one_feature_and_few_rows"),
    "hyperparameter ignored": ("return Model(C)", "return Model(1.0)", "hyperparameters_are_arguments"),
    "high end fails": ("return Model(C)", "return Model(1 / (50.0 - C))", "model_fits_and_predicts"),
    "never ends": ("self.inner.fit(X, y)", "while True: pass", "tests_run_to_their_end"),
    "leaves the process": ("self.inner.fit(X, y)", "import sys; sys.exit(0)", "model_fits_and_predicts"),
    "kills the process": ("self.inner.fit(X, y)", "import os; os._exit(0)", "tests_run_to_their_end"),
    "keeps a lambda": ("self.inner.fit(X, y)", "self.inner.fit(X, y)\n        self.link = lambda p: p", "fitted_model_can_be_saved"),
}  # fmt: skip


@pytest.mark.parametrize("fault", ["", *BROKEN_MODEL])
def test_models(fault: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    from dataclasses import replace

    old, new, rule = BROKEN_MODEL.get(fault, ("", "", ""))
    assert old in MODEL
    tester = verifier(sandbox, scratch, workspaces["binary"])
    tester.limits = replace(tester.limits, wall_seconds=10.0)
    module = Module(Stage.MODELING, "hand_made", MODEL.replace(old, new) if old else MODEL)
    c = Hyperparameter("C", "float", 1.0, 0.01, 100.0, log=True)
    report = tester.verify(module, candidate(Stage.MODELING, c))
    assert [f.rule for f in report.failures][:1] == ([rule] if rule else []), report.feedback()


POST = """
import numpy as np


class PostProcessing:
    def __init__(self, classes):
        self.classes = np.array(classes, dtype=object)

    def transform(self, outputs):
        return self.classes[np.argmax(outputs, axis=1)]
"""
BROKEN_POST = {
    "codes for labels": ("self.classes[np.argmax(outputs, axis=1)]", "np.argmax(outputs, axis=1)", "predictions_have_the_form_of_the_task"),
    "wrong class order": ("self.classes[np", "self.classes[::-1][np", "confident_outputs_are_followed"),
    "rows shuffled": ("axis=1)]", "axis=1)][::-1]", "confident_outputs_are_followed"),
    "ranks of the rows at hand": ("np.argmax(outputs, axis=1)", "np.argmax(outputs - outputs.mean(axis=0), axis=1)", "prediction_of_a_row_does_not_depend_on_its_neighbours"),
    "outputs changed": ("return self", "outputs[:] = outputs * 0.5\n        return self", "post_processing_leaves_its_input_alone"),
    "keeps a lambda": ("dtype=object)", "dtype=object)\n        self.link = lambda p: p", "fitted_post_processing_can_be_saved"),
}  # fmt: skip


@pytest.mark.parametrize("fault", ["", *BROKEN_POST])
def test_post_processing(fault: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    old, new, rule = BROKEN_POST.get(fault, ("", "", ""))
    assert old in POST
    module = Module(Stage.POST_PROCESSING, "hand_made", POST.replace(old, new) if old else POST)
    report = verifier(sandbox, scratch, workspaces["multiclass"]).verify(module, candidate(Stage.POST_PROCESSING))
    found = [f.rule for f in report.failures]
    assert (rule in found) if rule else not found, report.feedback()


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("def build_model(:", "code_parses"),
        ("x = 1\n", "required_names"),
        ("import numpyy\ndef build_model(n_features, n_outputs, *, seed, threads): ...\n", "imports_are_installed"),
        ("import text_to_ml\ndef build_model(n_features, n_outputs, *, seed, threads): ...\n", "imports_are_installed"),
        ("print('hello')\ndef build_model(n_features, n_outputs, *, seed, threads): ...\n", "nothing_runs_at_import"),
    ],
)
def test_what_can_be_seen_without_running(
    source: str, rule: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]
) -> None:
    module = Module(Stage.MODELING, "hand_made", source)
    report = verifier(sandbox, scratch, workspaces["numbers"]).verify(module, candidate(Stage.MODELING))
    assert report.failures[0].rule == rule


CATALOGUE = [
    ("binary", Stage.PREPARATION),
    ("binary", Stage.MODELING),
    ("binary", Stage.POST_PROCESSING),
    ("balanced", Stage.MODELING),
    ("balanced", Stage.POST_PROCESSING),
    ("absolute", Stage.MODELING),
    ("multiclass", Stage.PREPARATION),
    ("multiclass", Stage.POST_PROCESSING),
    ("ordinal", Stage.POST_PROCESSING),
    ("multilabel", Stage.POST_PROCESSING),
    ("regression", Stage.MODELING),
    ("regression", Stage.POST_PROCESSING),
    ("multioutput", Stage.PREPARATION),
    ("multioutput", Stage.POST_PROCESSING),
    ("entity", Stage.PREPARATION),
    ("entity", Stage.POST_PROCESSING),
    ("numbers", Stage.PREPARATION),
]


@pytest.mark.parametrize(("kind", "stage"), CATALOGUE)
def test_every_candidate_of_the_catalogue_is_sound(
    kind: str, stage: Stage, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]
) -> None:
    task, writer = check(workspaces[kind]), CatalogueWriter()
    tester = verifier(sandbox, scratch, workspaces[kind])
    for entry in writer.space(task).stage(stage):
        report = tester.verify(writer.module(task, entry), entry)
        assert report.passed, f"{kind}, {entry.name}\n{report.feedback()}"


def test_the_catalogue_is_as_large_as_promised(workspaces: dict[str, Path]) -> None:
    for kind in ("binary", "regression", "entity"):
        space = CatalogueWriter().space(check(workspaces[kind]))
        assert len(space.stage(Stage.PREPARATION)) >= 8
        assert len(space.stage(Stage.MODELING)) >= 12
        assert [c.choices[Stage.MODELING].candidate for c in space.portfolio[:2]] == ["constant", "default_boosting"]
