"""Programs for synthetic data: sound ones pass for every kind of task, broken ones are told what is wrong; modules are
valid when they pass with at least one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from text_to_ml.domains.base import SYNTHETIC, get_domain
from text_to_ml.program import Candidate, Module, Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.verify import Verifier, rule_sentences

from .test_protocol import MODEL, POST, verifier

CLASSES = """
import numpy as np
import pandas as pd

K = 3


def make_features(rows, seed):
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(rows) % K)
    X = pd.DataFrame({
        "size": y + 0.5 * random.normal(size=rows),
        "price": np.exp(random.normal(size=rows)),
        "member": (random.random(rows) < 0.3).astype(float),
        "cat__kind": random.integers(0, 4, rows).astype(float),
    })
    return X, y


def make_outputs(rows, seed):
    random = np.random.default_rng(seed)
    targets = random.permutation(np.arange(rows) % K)
    outputs = 0.4 * np.eye(K)[targets] + 0.6 * random.dirichlet(np.ones(K), rows)
    return outputs, targets
"""
NUMBERS = """
import numpy as np
import pandas as pd


def make_features(rows, seed):
    random = np.random.default_rng(seed)
    X = pd.DataFrame(random.normal(size=(rows, 5)), columns=list("abcde"))
    y = np.exp(X["a"].to_numpy() + 0.3 * X["b"].to_numpy() + 0.2 * random.normal(size=rows))
    return X, y


def make_outputs(rows, seed):
    random = np.random.default_rng(seed)
    targets = np.exp(random.normal(size=(rows, 2)))
    outputs = targets * np.exp(0.2 * random.normal(size=(rows, 2)))
    return outputs, targets
"""
LABELS = (
    CLASSES.replace("K = 3", "K = 2").split("def make_outputs")[0]
    + """
def make_outputs(rows, seed):
    random = np.random.default_rng(seed)
    targets = np.stack([random.permutation(np.arange(rows) % 2), random.permutation(np.arange(rows) % 2)], axis=1)
    return 0.5 * targets + 0.5 * random.random((rows, 2)), targets.astype(float)
"""
)
SOUND = {
    "multiclass": CLASSES,
    "binary": CLASSES.replace("K = 3", "K = 2"),
    "regression": NUMBERS.replace("(rows, 2)", "(rows, 1)").replace("return outputs, targets", "return outputs, targets[:, 0]"),
    "multioutput": NUMBERS,
    "multilabel": LABELS,
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUND)
def test_sound_programs_pass(kind: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    report = verifier(sandbox, scratch, workspaces[kind]).verify_synthetic(SOUND[kind])
    assert report.passed, report.feedback()
    assert report.seconds < 2


BROKEN = {
    "rows ignored": ("random.permutation(np.arange(rows) % K)\n    X", "random.permutation(np.arange(80) % K)\n    X", "synthetic_features_have_the_form_of_the_plan"),
    "array for frame": ("return X, y", "return X.to_numpy(), y", "synthetic_features_have_the_form_of_the_plan"),
    "integers": ('random.integers(0, 4, rows).astype(float)', "random.integers(0, 4, rows)", "synthetic_features_have_the_form_of_the_plan"),
    "missing values": ("return X, y", "return X.where(X > 0.1), y", "synthetic_features_have_the_form_of_the_plan"),
    "no codes": ('"cat__kind": random', '"cat__kind": 0.5 + random', "synthetic_features_have_the_form_of_the_plan"),
    "floats for classes": ("return X, y", "return X, y.astype(float)", "synthetic_features_have_the_form_of_the_plan"),
    "labels for codes": ("return X, y", "return X, y + 1", "synthetic_features_have_the_form_of_the_plan"),
    "a class is absent": ("% K)\n    X", "% (K - 1))\n    X", "synthetic_features_have_the_form_of_the_plan"),
    "swapped": ("return X, y", "return y, X", "synthetic_features_have_the_form_of_the_plan"),
    "one value": ("return X, y", "return X", "synthetic_features_have_the_form_of_the_plan"),
    "global randomness": ("random = np.random.default_rng(seed)\n    y", "random = np.random\n    random.integers = random.randint\n    y", "synthetic_data_depends_on_the_seed_alone"),
    "no seed": ("default_rng(seed)\n    y", "default_rng()\n    y", "synthetic_data_depends_on_the_seed_alone"),
    "seed ignored": ("default_rng(seed)\n    y", "default_rng(0)\n    y", "synthetic_data_depends_on_the_seed_alone"),
    "no signal": ('"size": y + 0.5 *', '"size": 0.5 *', "synthetic_targets_can_be_learnt"),
    "the target itself": ('"size": y + 0.5 *', '"copy": y + 0.0, "size": y + 0.5 *', "synthetic_targets_can_be_learnt"),
    "rows do not sum to one": ("return outputs, targets", "return 0.5 * outputs, targets", "synthetic_outputs_have_the_form_of_the_plan"),
    "labels for outputs": ("return outputs, targets", "return outputs.argmax(axis=1), targets", "synthetic_outputs_have_the_form_of_the_plan"),
    "two classes only": ("np.ones(K), rows)\n", "np.ones(K), rows)\n    outputs = outputs[:, :2]\n", "synthetic_outputs_have_the_form_of_the_plan"),
    "unrelated outputs": ("0.4 * np.eye(K)[targets] + 0.6 *", "1.0 *", "synthetic_outputs_agree_with_their_targets"),
    "slow": ("    return X, y", "    import time\n    time.sleep(1.5 if rows == 400 else 0)\n    return X, y", "synthetic_data_is_made_quickly"),
    "no make_outputs": ("def make_outputs", "def outputs", "required_names"),
    "typing error": ("return X, y", "return X, yy", "names_are_defined"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_programs_are_caught(fault: str, sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    old, new, rule = BROKEN[fault]
    assert old in CLASSES
    report = verifier(sandbox, scratch, workspaces["multiclass"]).verify_synthetic(CLASSES.replace(old, new))
    assert rule in [f.rule for f in report.failures], report.feedback()
    assert len(report.feedback().splitlines()) <= 40


def with_data(sandbox: Sandbox, scratch: Path, folder: Path, *programs: str) -> Verifier:
    bare = verifier(sandbox, scratch, folder)
    return Verifier(bare.domain, bare.facts, sandbox, bare.folder, synthetic=programs)


FRAIL = (
    MODEL.replace("self.inner.fit(X, y)", "assert X.shape[1] != 4, 'four columns'\n        self.inner.fit(X, y)")
    .replace("*, seed, threads, C=1.0", "*, seed, threads")
    .replace("Model(C)", "Model(1.0)")
)


def test_a_module_is_valid_when_it_passes_with_one_program(
    sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]
) -> None:
    folder, entry = workspaces["multiclass"], Candidate(Stage.MODELING, "frail", "")
    module = Module(Stage.MODELING, "frail", FRAIL)
    other = CLASSES.replace('"price":', '"more": random.normal(size=rows),\n        "price":')
    alone = with_data(sandbox, scratch, folder, CLASSES).verify(module, entry)
    assert not alone.passed and "four columns" in alone.feedback() and alone.synthetic == "D_1"
    both = with_data(sandbox, scratch, folder, CLASSES, other).verify(module, entry)
    assert both.passed and both.synthetic == "D_2", both.feedback()
    assert with_data(sandbox, scratch, folder).verify(module, entry).synthetic == ""


def test_edge_cases_are_checked_whatever_the_data(sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    tester = with_data(sandbox, scratch, workspaces["multiclass"], CLASSES)
    source = POST.replace("self.classes[np", "self.classes[::-1][np")
    report = tester.verify(
        Module(Stage.POST_PROCESSING, "reversed", source), Candidate(Stage.POST_PROCESSING, "reversed", "")
    )
    assert [f.rule for f in report.failures] == ["confident_outputs_are_followed"], report.feedback()
    sound = tester.verify(Module(Stage.POST_PROCESSING, "sound", POST), Candidate(Stage.POST_PROCESSING, "sound", ""))
    assert sound.passed and sound.synthetic == "D_1"


def test_every_rule_has_a_sentence_for_the_prompt() -> None:
    domain = get_domain("tabular")
    for stage in (*Stage, SYNTHETIC):
        sentences = rule_sentences(domain, str(stage))
        names = [name for name, _ in sentences]
        assert len(names) == len(set(names)) >= 11
        assert all(len(text) > 20 and text.endswith(".") for _, text in sentences), sentences
    assert "`make_features`" in dict(rule_sentences(domain, SYNTHETIC))["required_names"]
    assert "make_outputs" in domain.synthetic_contract()
