"""Networks that write texts: their rules, each broken by one that is wrong in one way; and that a pretrained one learns, without a hub."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tests.deep.models import reversed_words, write_choices, write_model, write_pairs
from tests.deep.test_network_rules import broken, catalogue
from text_to_ml import deep, pretrained
from text_to_ml.doctor import weights
from text_to_ml.metrics.texts import chrf
from text_to_ml.program import Stage
from text_to_ml.runtime.job import execute
from text_to_ml.runtime.network import TRAINED, trained
from text_to_ml.search.proxies.scores import evaluate
from text_to_ml.store import RunFolder
from text_to_ml.task import check
from text_to_ml.verify import settings_of, static_failures
from text_to_ml.writers.catalogue import CatalogueWriter

NETWORK = '''
import numpy as np
import torch
from torch import nn

END = 1


class Net(nn.Module):
    """Characters; a GRU reads, another writes."""

    max_length = 60
    max_target_length = 40

    def __init__(self):
        super().__init__()
        self.letters = []
        self.embed = nn.Embedding(80, 24, padding_idx=0)
        self.reader = nn.GRU(24, 32, batch_first=True)
        self.writer = nn.GRU(24, 32, batch_first=True)
        self.head = nn.Linear(32, 80)

    def fit_targets(self, texts):
        self.letters = sorted({c for text in texts for c in str(text)})[:70]

    def get_extra_state(self):
        return self.letters

    def set_extra_state(self, state):
        self.letters = state

    def ids(self, text, limit):
        return [self.letters.index(c) + 3 if c in self.letters else 2 for c in text][: limit - 1] + [END]

    def packed(self, texts, limit, fill):
        rows = [self.ids(str(text), limit) for text in texts]
        found = torch.full((len(rows), max(map(len, rows))), fill)
        for i, row in enumerate(rows):
            found[i, : len(row)] = torch.tensor(row)
        return found

    def encode(self, X):
        names = [n for n in X.columns if n.startswith("text__")]
        ids = self.packed([" ".join(map(str, row)) for row in X[names].itertuples(index=False)], self.max_length, 0)
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}

    def encode_targets(self, texts):
        return self.packed(texts, self.max_target_length, -100)

    def state(self, input_ids, attention_mask):
        states = self.reader(self.embed(input_ids))[0]
        last = attention_mask.sum(dim=1) - 1
        return states[torch.arange(len(states)), last][None].contiguous()

    def forward(self, input_ids, attention_mask, labels):
        before = torch.cat([torch.full_like(labels[:, :1], END), labels[:, :-1].clamp(min=0)], dim=1)
        return self.head(self.writer(self.embed(before), self.state(input_ids, attention_mask))[0])

    def generate(self, input_ids, attention_mask):
        state = self.state(input_ids, attention_mask)
        token, said = torch.full_like(input_ids[:, :1], END), []
        for _ in range(self.max_target_length):
            states, state = self.writer(self.embed(token), state)
            token = self.head(states).argmax(dim=-1)
            said.append(token)
        rows = torch.cat(said, dim=1).tolist()
        return [self.text(row) for row in rows]

    def text(self, row):
        row = row[: row.index(END)] if END in row else row
        return "".join(self.letters[i - 3] for i in row if 3 <= i < len(self.letters) + 3)


def build_model(shape, n_outputs, *, seed, threads):
    return Net()
'''
WRONG = [
    ("encode_targets_gives_labels", "[: limit - 1] + [END]", " + [END]", "truncate"),
    ("encode_targets_gives_labels", "self.max_target_length, -100)", "self.max_target_length, -1)", "negative"),
    ("encode_targets_gives_labels", "    max_target_length = 40\n", "    max_target_length = True\n", "int attribute"),
    ("encode_targets_gives_labels", "return self.packed(texts,", "return self.packed(['a' for _ in texts],", "same tokens"),
    ("network_gives_scores_of_tokens", "return self.head(self.writer(", "return (self.writer(", "foretell|scores"),
    ("scores_do_not_see_ahead", "labels[:, :-1].clamp(min=0)], dim=1)", "labels[:, :-1].clamp(min=0)], dim=1).roll(-1, 1)", "shift"),
    ("scores_do_not_see_ahead", "labels[:, :-1].clamp(min=0)]", "0 * labels[:, :-1].clamp(min=0)]", "do not depend"),
    ("generate_gives_texts", "return [self.text(row) for row in rows]", "return [self.text(row) for row in rows][:1]", "one text for each row"),
    ("generate_gives_texts", "return [self.text(row) for row in rows]", "return rows", "list of str"),
    ("generate_gives_texts", ".argmax(dim=-1)", ".softmax(-1)[:, 0].multinomial(1)", "twice"),
    ("network_writes_what_it_learnt", "self.letters[i - 3]", "self.letters[i - 4]", "trained on one pair"),
    ("network_is_deterministic_when_it_predicts", "last = attention_mask.sum(dim=1) - 1", "last = -1", "padded"),
    ("state_dict_restores_the_network", "        return self.letters\n", "        return []\n", ""),
]  # fmt: skip


def test_a_right_network_keeps_all_rules() -> None:
    assert broken("text", NETWORK, "sequence") == {}


@pytest.mark.parametrize(("rule", "old", "new", "said"), WRONG)
def test_wrong_networks_break_the_rule(rule: str, old: str, new: str, said: str) -> None:
    assert old in NETWORK
    found = broken("text", NETWORK.replace(old, new, 1), "sequence")
    assert rule in found, found
    assert re.search(said, found[rule]), found[rule]


def test_a_network_of_ones_own_with_a_vocabulary_is_trained() -> None:
    sources, targets = reversed_words(300)
    X, y = pd.DataFrame({"text__word": sources}, dtype="str"), np.array(targets)
    module = execute(NETWORK, "network")
    model = trained(module.build_model, "sequence")(1, 1, epochs=30.0, learning_rate=0.01)
    assert chrf(y, model.fit(X, y).predict(X)) > 20 + constant(y)


# pretrained


def constant(targets: np.ndarray) -> float:
    """The score of the best of thirty texts, always the same for all rows."""
    return max(chrf(targets, np.full(len(targets), text)) for text in targets[:30])


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one T5 and one BART, large enough to learn something, and no cache. The BART was made to write long summaries."""
    for name in ("t5", "bart"):
        write_model(tmp_path / "models" / name, name, width=64)
    place = tmp_path / "models" / "bart" / "generation_config.json"
    habits = {"num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 1, "min_length": 56, "max_length": 142}
    tokens = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "decoder_start_token_id": 3}
    place.write_text(json.dumps({**habits, **tokens, "length_penalty": 2.0, "forced_eos_token_id": 3}))
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "models"


def test_the_pretrained_candidate_keeps_all_rules(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(tiny))
    [(candidate, source)] = catalogue(tmp_path, "pairs")
    assert (candidate.name, candidate.pretrained) == ("finetuned_encoder_decoder", ("bart", "t5"))
    assert not static_failures(source, ("build_model",), candidate)
    assert broken("text", source, "sequence", settings_of(candidate)) == {}
    other = [{"label": "t5", "values": {**settings_of(candidate)[0]["values"], "weights": "t5"}}]
    assert broken("text", source, "sequence", other) == {}


@pytest.mark.parametrize(("name", "copied", "beams"), [("t5", False, 1), ("bart", True, 3)])
def test_it_learns_to_turn_words_and_to_copy_them(
    name: str, copied: bool, beams: int, models: Path, tmp_path: Path
) -> None:
    [(_, source)] = catalogue(tmp_path, "pairs")
    words, turned = reversed_words(900)
    X, y = pd.DataFrame({"text__word": words}, dtype="str"), np.array(words if copied else turned)
    module = execute(source, "network")
    values = {"weights": name, "max_length": 16, "max_target_length": 16, "beams": beams, "trained_part": 1.0}

    def fitted(epochs: float) -> Any:
        build = trained(module.build_model, "sequence")
        return build(1, 1, learning_rate=3e-3, batch_size=16, epochs=epochs, **values).fit(X[:700], y[:700])

    fitted(1.0)
    first = TRAINED[-1]["loss"]
    said = fitted(10.0).predict(X[700:])
    assert TRAINED[-1]["loss"] < 0.6 * first
    assert said.dtype.kind == "U" and said.shape == (200,)
    assert chrf(y[700:], said) > 20 + constant(y[700:])


def test_zero_cost_proxies_take_it(models: Path, tmp_path: Path) -> None:
    from text_to_ml.domains.base import NETWORK as RULES
    from text_to_ml.domains.text.verification import cases_of

    [(candidate, source)] = catalogue(tmp_path, "pairs")
    facts = {"kind": "sequence", "classes": ["y"], "texts": ["a"]}
    case = cases_of(RULES, execute(source, "network"), source, settings_of(candidate)[:1], facts)[0]
    found = evaluate(case.network, case.inputs(case.X[:16]))
    assert found.params and found.flops and found.synflow is not None, found.reasons


def test_what_can_write_texts_is_told_from_encoders(models: Path) -> None:
    write_model(models / "bert", "bert")
    folder = write_model(models / "sentence-t5", "t5")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["T5EncoderModel"]}))
    assert pretrained.at_hand("sequence") == ["bart", "t5"]
    assert pretrained.at_hand("text") == ["bart", "bert", "sentence-t5", "t5"]
    lines = "\n".join(weights())
    assert "t5 (text and sequence, t5)" in lines and "sentence-t5 (text, t5)" in lines
    (folder / "config.json").write_text(json.dumps({"model_type": "mt5", "architectures": ["MT5EncoderModel"]}))
    assert "encoder alone" in "\n".join(weights())


def test_without_weights_one_line_says_so_and_the_candidate_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    write_model(tmp_path / "models" / "bert", "bert")
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(tmp_path / "models"))
    store, task = RunFolder.create(tmp_path / "run"), check(write_pairs(tmp_path / "task"))
    deep.fetch_weights(task, None, store)
    [event] = store.events("left_out")
    assert "HF_HUB_OFFLINE" in event.payload["reason"]
    space = CatalogueWriter().space(task)
    assert space.stage(Stage.MODELING) and not any(c.network for c in space.candidates)
    names = {c.name for c in CatalogueWriter().space(check(write_choices(tmp_path / "choices"))).stage(Stage.MODELING)}
    assert {"finetuned_options", "option_matching"} <= names


def test_they_come_early_in_the_portfolio(models: Path, tmp_path: Path) -> None:
    for write, name in ((write_pairs, "finetuned_encoder_decoder"), (write_choices, "option_matching")):
        portfolio = CatalogueWriter().space(check(write(tmp_path / name))).portfolio
        assert name in [p.choices[Stage.MODELING].candidate for p in portfolio[:7]]
