"""Rules of texts: modules that break or leak are rejected by the rule that says so; sound ones pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Candidate, Hyperparameter, Module, Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.verify import TestReport, Verifier

PREPARATION = """
import numpy as np
import pandas as pd


def load(files):
    table = pd.read_csv(files["train.csv"])
    samples = table.drop(columns=["section"], errors="ignore")
    return samples, table[["section"]] if "section" in table.columns else None


class DataPreparation:
    def __init__(self, *, scale=1.0):
        self.scale = scale

    def fit(self, samples, targets):
        self.columns = list(samples.columns)
        price = pd.to_numeric(samples["price"], errors="coerce")
        self.mean = price.mean()
        return self

    def transform(self, samples):
        samples = samples.reindex(columns=self.columns)
        texts = {f"text__{n}": samples[n].map(str, na_action="ignore").astype("str").fillna("") for n in ("title", "body")}
        price = pd.to_numeric(samples["price"], errors="coerce").astype("float64").fillna(self.mean) * self.scale
        return pd.DataFrame(texts, index=samples.index).assign(price=price)
"""
BROKEN_PREPARATION = {
    "missing texts kept": ('.astype("str").fillna("")', "", "transform_gives_texts_and_finite_numbers"),
    "missing numbers kept": (".fillna(self.mean)", "", "transform_gives_texts_and_finite_numbers"),
    "no text column": ('f"text__{n}"', 'f"words_{n}"', "transform_gives_texts_and_finite_numbers"),
    "texts emptied": (".map(str, na_action", '.where(False, "").map(str, na_action', "transform_keeps_the_texts"),
    "statistics of the rows at hand": (
        "fillna(self.mean) * self.scale",
        "fillna(self.mean) * self.scale - price_mean(samples)",
        "transform_of_a_row_does_not_depend_on_its_neighbours",
    ),
    "texts sorted": (
        "return pd.DataFrame(texts, index=samples.index)",
        'texts["text__body"] = pd.Series(sorted(texts["text__body"]), index=samples.index)\n'
        "        return pd.DataFrame(texts, index=samples.index)",
        "transform_of_a_row_does_not_depend_on_its_neighbours",
    ),
    "training targets in a text": (
        "        return self\n\n    def transform(self, samples):\n",
        "        self.known = {t: f'is{k}' for t, k in zip(samples['body'].astype('str'), targets)}\n        return self\n\n"
        "    def transform(self, samples):\n"
        "        extra = samples['body'].astype('str').map(lambda t: self.known.get(t, '')) if 'body' in samples else ''\n"
        "        samples = samples.assign(title=extra)\n",
        "nothing_gives_the_training_targets_away",
    ),
    "fails on empty texts": (
        'astype("str").fillna("")',
        'astype("str").fillna("none").map(lambda t: t.split()[0] + t)',
        "preparation_survives_what_new_texts_bring",
    ),
    "fails on absent columns": (
        "samples = samples.reindex(columns=self.columns)",
        "samples = samples[self.columns]",
        "preparation_survives_what_new_texts_bring",
    ),
    "identifier used": (
        'samples["price"], errors="coerce").astype("float64")',
        'samples["doc_id"], errors="coerce").astype("float64")',
        "transform_does_not_know_training_rows_by_name",
    ),
    "random": (
        "* self.scale",
        "* self.scale + np.random.default_rng().normal()",
        "fit_is_deterministic_and_needs_no_load_before_it",
    ),
    "target left in samples": (
        'table.drop(columns=["section"], errors="ignore")',
        "table",
        "load_keeps_samples_and_targets_apart",
    ),
    "rows dropped": (
        'pd.read_csv(files["train.csv"])',
        'pd.read_csv(files["train.csv"]).dropna()',
        "load_keeps_every_entity_in_order",
    ),
}
HELPER = "\n\ndef price_mean(samples):\n    return pd.to_numeric(samples['price'], errors='coerce').mean()\n"

MODEL = """
import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


class Model:
    def __init__(self, C):
        self.inner = LogisticRegression(C=C, max_iter=300)

    def _joined(self, X):
        return X[[n for n in X.columns if n.startswith("text__")]].agg(" ".join, axis=1)

    def fit(self, X, y):
        texts = self._joined(X)
        self.words = TfidfVectorizer().fit([*texts, "no words"])
        self.inner.fit(self.words.transform(texts), y)
        return self

    def predict_proba(self, X):
        return self.inner.predict_proba(self.words.transform(self._joined(X)))


def build_model(n_features, n_outputs, *, seed, threads, C=5.0):
    return Model(C)
"""
BROKEN_MODEL = {
    "fixed columns": (
        'X[[n for n in X.columns if n.startswith("text__")]]',
        'X[["text__title", "text__body"]]',
        "model_works_on_one_text_and_few_rows",
    ),
    "no words left": ('[*texts, "no words"]', "texts", "model_works_on_one_text_and_few_rows"),
    "wrong class order": (
        "predict_proba(self.words.transform(self._joined(X)))",
        "predict_proba(self.words.transform(self._joined(X)))[:, ::-1]",
        "model_is_not_worse_than_chance_on_an_easy_problem",
    ),
    "words of the rows at hand": (
        "return self.inner.predict_proba(self.words.transform(self._joined(X)))",
        "weights = self.words.transform(self._joined(X))\n        return self.inner.predict_proba(weights - weights.mean(axis=0).A1 if hasattr(weights, 'A1') else np.asarray(weights.todense()) - np.asarray(weights.mean(axis=0)))",
        "model_predicts_each_row_by_itself",
    ),
    "labels": ("return self.inner.predict_proba(", "return self.inner.predict(", "model_fits_and_predicts"),
    "fails on words never seen": (
        "return self.inner.predict_proba(",
        "if any(not set(t.lower().split()) & set(self.words.vocabulary_) for t in self._joined(X)):\n            raise KeyError('unknown words')\n        return self.inner.predict_proba(",
        "model_takes_texts_never_seen",
    ),
    "input changed": (
        "        texts = self._joined(X)\n        self.words",
        "        X['text__title'] = ''\n        texts = self._joined(X)\n        self.words",
        "model_leaves_its_input_alone",
    ),
}
SCALE = Hyperparameter("scale", "float", 1.0, 0.5, 2.0)
STRENGTH = Hyperparameter("C", "float", 5.0, 0.5, 50.0)


@pytest.fixture(scope="module")
def verifier(texts: dict[str, Path], box: tuple[Sandbox, Path]) -> Verifier:
    sandbox, scratch = box
    domain = get_domain("text")
    return Verifier(domain, domain.facts(check(texts["several"]), scratch / "mini-rules"), sandbox, scratch / "rules")


def verified(verifier: Verifier, stage: Stage, source: str, parameter: Hyperparameter) -> TestReport:
    return verifier.verify(Module(stage, "hand_made", source), Candidate(stage, "hand_made", "", (parameter,)))


def test_sound_modules_pass(verifier: Verifier) -> None:
    for stage, source, parameter in ((Stage.PREPARATION, PREPARATION, SCALE), (Stage.MODELING, MODEL, STRENGTH)):
        report = verified(verifier, stage, source, parameter)
        assert report.passed, report.feedback()


@pytest.mark.parametrize("fault", list(BROKEN_PREPARATION))
def test_broken_preparation_is_caught_by_its_rule(fault: str, verifier: Verifier) -> None:
    old, new, rule = BROKEN_PREPARATION[fault]
    assert old in PREPARATION
    source = PREPARATION.replace(old, new) + (HELPER if "price_mean" in new else "")
    report = verified(verifier, Stage.PREPARATION, source, SCALE)
    assert rule in [f.rule for f in report.failures], report.feedback()


@pytest.mark.parametrize("fault", list(BROKEN_MODEL))
def test_broken_model_is_caught_by_its_rule(fault: str, verifier: Verifier) -> None:
    old, new, rule = BROKEN_MODEL[fault]
    assert old in MODEL
    report = verified(verifier, Stage.MODELING, MODEL.replace(old, new), STRENGTH)
    assert rule in [f.rule for f in report.failures], report.feedback()


def test_feedback_quotes_no_text(verifier: Verifier, texts: dict[str, Path]) -> None:
    source = PREPARATION.replace(
        'astype("str").fillna("")', 'astype("str").fillna("").map(lambda t: t + str(np.random.default_rng().random()))'
    )
    report = verified(verifier, Stage.PREPARATION, source, SCALE)
    body = (texts["several"] / "train.csv").read_text(encoding="utf-8").splitlines()[3]
    words = [w for w in body.split(",")[2].split() if len(w) > 4]
    assert not report.passed
    assert not any(w in report.feedback() for w in words), report.feedback()


SYNTHETIC = """
import numpy as np
import pandas as pd

WORDS = np.array([f"word{chr(97 + i)}{chr(97 + j)}" for i in range(8) for j in range(8)])


def make_features(rows, seed):
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    texts = [" ".join([*random.choice(WORDS, 10), *(["mark" + "abc"[k]] * 2)]) for k in y]
    return pd.DataFrame({"text__body": texts, "price": random.normal(size=rows)}), y


def make_outputs(rows, seed):
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    return 0.5 * np.eye(3)[y] + 0.5 * random.dirichlet(np.ones(3), rows), y
"""


def test_programs_for_synthetic_texts(verifier: Verifier) -> None:
    report = verifier.verify_synthetic(SYNTHETIC)
    assert report.passed, report.feedback()
    for old, new, rule in (
        ('"text__body"', '"body"', "synthetic_texts_have_the_form_of_the_plan"),
        ('*(["mark" + "abc"[k]] * 2)', '"mark"', "synthetic_texts_can_be_learnt"),
        (
            "random = np.random.default_rng(seed)\n    y = np.arange(rows) % 3\n    texts",
            "random = np.random.default_rng()\n    y = np.arange(rows) % 3\n    texts",
            "synthetic_texts_depend_on_the_seed_alone",
        ),
    ):
        assert old in SYNTHETIC
        report = verifier.verify_synthetic(SYNTHETIC.replace(old, new))
        assert rule in [f.rule for f in report.failures], report.feedback()
    verifier.synthetic = (SYNTHETIC,)
    try:
        report = verified(verifier, Stage.MODELING, MODEL, STRENGTH)
    finally:
        verifier.synthetic = ()
    assert report.passed and report.synthetic == "D_1", report.feedback()
