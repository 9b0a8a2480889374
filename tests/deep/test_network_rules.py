"""Rules of networks: each is broken by a network that is wrong in one way, and kept by all networks of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tests.deep.models import write_choices, write_images, write_pairs, write_texts
from text_to_ml.domains import text, vision
from text_to_ml.domains.base import NETWORK
from text_to_ml.program import Candidate, Stage
from text_to_ml.runtime.job import execute
from text_to_ml.runtime.rules import run_rules
from text_to_ml.task.describe import describe
from text_to_ml.task.understand import understand
from text_to_ml.verify import settings_of, static_failures

FACTS: dict[str, Any] = {
    "kind": "classification", "classes": ["a", "b", "c"], "texts": ["title", "body"], "non_negative": False, "channels": 3,
}  # fmt: skip
KINDS = ("classification", "multilabel", "regression")


def broken(domain: str, source: str, kind: str = "classification", settings: Any = None, **more: Any) -> dict[str, str]:
    """The rules that a text breaks, with what was said. ``more``: further facts of the task."""
    from importlib import import_module

    cases_of = import_module(f"text_to_ml.domains.{domain}.verification").cases_of
    module = execute(source, "network")
    facts = {**FACTS, "kind": kind, "classes": FACTS["classes"] if kind == "classification" else ["y"], **more}
    named = settings or [{"label": "", "values": {}}]
    cases = cases_of(NETWORK, module, source, named, facts)
    rules = [r for r in {"text": text, "vision": vision}[domain].DOMAIN.rules(NETWORK) if r.applies(kind)]
    return {o.rule: o.message for o in run_rules(rules, cases, most_failures=99) if o.message}


IMAGES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, shape, n_outputs):
        super().__init__()
        self.cut = nn.Conv2d(shape[0], 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(4, n_outputs)
        self.more = nn.Linear(4, 4)

    def forward(self, images):
        found = torch.relu(self.norm(self.cut(images))).mean(dim=(2, 3))
        return self.head(self.drop(self.more(found)))

def build_model(shape, n_outputs, *, seed, threads):
    return Net(shape, n_outputs)
"""
WRONG_IMAGES = {
    "build_model_gives_a_network": [
        ("    return Net(shape, n_outputs)", "    return [Net(shape, n_outputs)]", "must return a torch.nn.Module"),
        (
            "    return Net(shape, n_outputs)",
            "    return Net(shape, n_outputs).requires_grad_(False)",
            "nothing to train",
        ),
        (
            "        self.more =",
            "        self.head.weight.data += torch.rand(1, generator=torch.Generator().manual_seed(id(self) % 10**6))\n        self.more =",
            "",
        ),
    ],
    "network_gives_raw_outputs": [
        ("return self.head(", "return self.more(", "must give shape"),
        ("self.more(found)", "self.more(found.squeeze())", "must give shape .* for 1 rows"),
        (
            "return self.head(self.drop(self.more(found)))",
            "return self.head(found).argmax(dim=1, keepdim=True).expand(-1, 3)",
            "floats",
        ),
    ],
    "network_leaves_its_input_alone": [("found = ", "images.mul_(0.5)\n        found = ", "in place")],
    "network_is_deterministic_when_it_predicts": [
        ("self.drop(", "nn.functional.dropout(", "twice"),
        ("found = ", "images = images - images.mean(dim=0)\n        found = ", "must not depend"),
    ],
    "gradient_reaches_every_parameter": [
        ("self.drop(self.more(found))", "self.drop(found)", r"more\.bias"),
        ("self.more(found)", "self.more(found.detach())", r"cut\.weight"),
    ],
    "state_dict_restores_the_network": [
        (
            "        self.more =",
            "        factor = float(torch.rand(1)) + 0.5\n        self.head.register_forward_hook(lambda m, i, o: o * factor)\n"
            "        self.more =",
            "what it learnt",
        ),
    ],
    "training_lowers_the_loss": [("return self.head(", "return torch.zeros(1) * self.head(", "zero everywhere")],
    "network_takes_images_of_any_size": [
        ("found = ", "assert images.shape[2] < 30, 'too large'\n        found = ", "too large")
    ],
    "module_keeps_nothing_between_networks": [
        ("class Net", "SEEN = []\n\nclass Net", ""),
    ],
}


def test_a_right_network_of_images_keeps_all_rules() -> None:
    for kind in KINDS:
        assert broken("vision", IMAGES, kind) == {}


@pytest.mark.parametrize(
    ("rule", "old", "new", "said"),
    [
        (rule, *change)
        for rule, changes in WRONG_IMAGES.items()
        for change in changes
        if rule != "module_keeps_nothing_between_networks"
    ],
)
def test_wrong_networks_of_images_break_the_rule(rule: str, old: str, new: str, said: str) -> None:
    assert old in IMAGES
    found = broken("vision", IMAGES.replace(old, new, 1))
    assert rule in found
    import re

    assert re.search(said, found[rule]), found[rule]


def test_a_global_that_grows_is_seen() -> None:
    source = IMAGES.replace("class Net", "SEEN = []\n\nclass Net").replace(
        "found = ", "SEEN.append(1)\n        found = "
    )
    assert "module_keeps_nothing_between_networks" in broken("vision", source)


TEXTS = """
import torch
from torch import nn

class Net(nn.Module):
    max_length = 24

    def __init__(self, n_outputs):
        super().__init__()
        self.known = []
        self.embed = nn.Embedding(300, 12, padding_idx=0)
        self.head = nn.Linear(12, n_outputs)

    def fit_vocabulary(self, X):
        words = {w for row in self.rows(X) for w in row}
        self.known = sorted(words)[:290]

    def get_extra_state(self):
        return self.known

    def set_extra_state(self, state):
        self.known = state

    def rows(self, X):
        names = [n for n in X.columns if n.startswith("text__")]
        return [" ".join(row).lower().split() for row in X[names].astype(str).itertuples(index=False)]

    def encode(self, X):
        numbers = {w: i + 2 for i, w in enumerate(self.known)}
        rows = [[numbers.get(w, 1) for w in row][: self.max_length] or [1] for row in self.rows(X)]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}

    def forward(self, input_ids, attention_mask):
        mask = attention_mask.unsqueeze(-1).float()
        return self.head((self.embed(input_ids) * mask).sum(dim=1) / mask.sum(dim=1))

def build_model(shape, n_outputs, *, seed, threads):
    return Net(n_outputs)
"""
WRONG_TEXTS = [
    ("encode_gives_ids_and_mask", "[: self.max_length] or", " or", "truncate"),
    ("encode_gives_ids_and_mask", " or [1] for row", " for row", "no token"),
    ("encode_gives_ids_and_mask", "    max_length = 24\n", "    max_length = True\n", "int attribute"),
    ("encode_gives_ids_and_mask", '"attention_mask"', '"mask"', "attention_mask is missing|attention_mask.*missing"),
    ("encode_gives_ids_and_mask", "dtype=torch.int64", "dtype=torch.int32", "int64"),
    ("encode_gives_ids_and_mask", "(ids > 0).long()", "(ids > 0).flip(1).long()", "behind them|padding"),
    ("encode_knows_words", "numbers.get(w, 1)", "1", "same ids"),
    ("encode_knows_words", "numbers.get(w, 1)", "numbers[w]", "KeyError"),
    ("state_dict_restores_the_network", "        return self.known\n", "        return []\n", "vocabulary"),
    (
        "network_is_deterministic_when_it_predicts",
        " * mask).sum(dim=1) / mask.sum(dim=1)",
        " + 1).mean(dim=1)",
        "padded",
    ),
]


def test_a_right_network_of_texts_keeps_all_rules() -> None:
    for kind in KINDS:
        assert broken("text", TEXTS, kind) == {}


@pytest.mark.parametrize(("rule", "old", "new", "said"), WRONG_TEXTS)
def test_wrong_networks_of_texts_break_the_rule(rule: str, old: str, new: str, said: str) -> None:
    import re

    assert old in TEXTS
    found = broken("text", TEXTS.replace(old, new, 1))
    assert rule in found, found
    assert re.search(said, found[rule]), found[rule]


WRITERS = {"text": write_texts, "vision": write_images, "pairs": write_pairs, "choices": write_choices}


def catalogue(tmp: Path, data: str) -> list[tuple[Candidate, str]]:
    """The networks that the built-in writer offers for a small task, and their texts."""
    from importlib import import_module

    domain = "vision" if data == "vision" else "text"
    description, place = describe(WRITERS[data](tmp / data), None)
    task = understand(description, place)
    made = import_module(f"text_to_ml.domains.{domain}.catalogue")
    return [(c, made.write(task, c)) for c in made.space(task).stage(Stage.MODELING) if c.network]


@pytest.mark.parametrize("domain", ["text", "vision"])
def test_networks_of_the_catalogue_keep_all_rules(domain: str, tmp_path: Path) -> None:
    found = catalogue(tmp_path, domain)
    assert {c.name for c, _ in found} >= (
        {"embedding_bag", "text_cnn", "text_gru", "text_lstm"}
        if domain == "text"
        else {"small_cnn", "small_resnet", "small_vit"}
    )
    for candidate, source in found:
        assert not static_failures(source, ("build_model",), candidate), candidate.name
        for kind in KINDS:
            assert broken(domain, source, kind, settings_of(candidate)) == {}, candidate.name


@pytest.mark.parametrize("domain", ["text", "vision"])
def test_pretrained_networks_keep_all_rules(
    domain: str, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(tiny))
    found = {c.name: (c, source) for c, source in catalogue(tmp_path, domain)}
    candidate, source = found["finetuned_encoder" if domain == "text" else "finetuned_backbone"]
    assert set(candidate.pretrained) == (
        {"bert", "distilbert", "t5", "bart"} if domain == "text" else {"vit", "resnet"}
    )
    settings = settings_of(candidate)
    assert {s["values"]["weights"] for s in settings} == set(candidate.pretrained)
    for kind in KINDS:
        assert broken(domain, source, kind, settings) == {}


@pytest.mark.parametrize("others", [False, True])
def test_networks_of_timm_keep_all_rules(
    others: bool, tmp_path: Path, of_timm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(of_timm if others else of_timm / "timm"))
    candidate, source = {c.name: (c, source) for c, source in catalogue(tmp_path, "vision")}["finetuned_backbone"]
    wanted = {"timm/resnet", "timm/vit", "resnet"} if others else {"resnet", "vit"}
    assert set(candidate.pretrained) == wanted
    assert ("transformers" in source) == ("transformers" in candidate.packages) == others
    for kind in KINDS:
        assert broken("vision", source, kind, settings_of(candidate)) == {}


CHOICE = {"classes": ["A", "B", "C"], "texts": ["asked", "A", "B", "C"], "options": ["A", "B", "C"]}


def test_networks_for_multiple_choice_keep_all_rules(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(tiny))
    found = catalogue(tmp_path, "choices")
    assert {c.name for c, _ in found} == {"option_matching", "finetuned_options"}
    for candidate, source in found:
        assert not static_failures(source, ("build_model",), candidate), candidate.name
        assert broken("text", source, settings=settings_of(candidate), **CHOICE) == {}, candidate.name


def test_networks_of_texts_may_be_used_for_multiple_choice_if_they_read_the_options() -> None:
    assert broken("text", TEXTS, **CHOICE) == {}
    blind = TEXTS.replace('n.startswith("text__")', 'n in ("text__asked", "text__A")')
    assert "class 1" in broken("text", blind, **CHOICE)["every_option_is_read"]


def test_three_dimensions_are_for_multiple_choice_only() -> None:
    """One that reads every column by itself."""
    source = TEXTS.replace(
        'return {"input_ids": ids, "attention_mask": (ids > 0).long()}',
        'return {"input_ids": ids[:, None], "attention_mask": (ids > 0).long()[:, None]}',
    ).replace(
        "mask = attention_mask.unsqueeze(-1).float()",
        "input_ids, attention_mask = input_ids[:, 0], attention_mask[:, 0]\n        mask = attention_mask.unsqueeze(-1).float()",
    )
    assert broken("text", source, **CHOICE) == {}
    assert "must both be" in broken("text", source)["encode_gives_ids_and_mask"]
