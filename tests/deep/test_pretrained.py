"""Pretrained weights: what is at hand, why something is not, and that nothing of it is written or fetched unasked."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from text_to_ml import pretrained
from text_to_ml.deep import fetch_weights, without_networks
from text_to_ml.doctor import weights
from text_to_ml.program import SearchSpace
from text_to_ml.store import RunFolder
from text_to_ml.task.describe import describe
from text_to_ml.task.understand import understand
from text_to_ml.writers import catalogue
from text_to_ml.writers.catalogue import CatalogueWriter


def model(
    folder: Path, kind: str = "bert", *, files: tuple[str, ...] = ("model.safetensors", "tokenizer.json")
) -> Path:
    """A folder that looks like a model."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
    for name in files:
        (folder / name).write_bytes(b"")
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither a folder of models nor anything in the cache."""
    monkeypatch.delenv("TEXT_TO_ML_MODELS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_a_folder_of_models_and_their_faults(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = empty / "models"
    model(top / "small")
    model(top / "group" / "vit", "vit", files=("model.safetensors",))
    model(top / "bare", files=("tokenizer.json",))
    model(top / "mute", files=("model.safetensors",))
    model(top / "odd", "wav2vec2")
    (model(top / "torn") / "config.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(top))
    found = {m.name: m for m in pretrained.found()}
    assert (found["small"].kind, found["small"].fault) == ("text", "")
    assert (found["group/vit"].kind, found["group/vit"].fault) == ("vision", "")
    assert "holds no weights" in found["bare"].fault
    assert "no tokenizer" in found["mute"].fault
    assert "wav2vec2" in found["odd"].fault
    assert "cannot be read" in found["torn"].fault
    assert pretrained.folders(["small", "nowhere"]) == [(top / "small").resolve()]
    lines = "\n".join(weights())
    assert "small (text, bert)" in lines
    assert "bare: cannot be used" in lines


def test_image_models_of_timm_need_timm(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model(empty / "models" / "timm" / "resnet18.a1_in1k", files=("model.safetensors",))
    (folder / "config.json").write_text(json.dumps({"architecture": "resnet18", "num_classes": 1000}), encoding="utf-8")
    model(empty / "models" / "vit", "vit", files=("model.safetensors",))
    monkeypatch.setenv("TEXT_TO_ML_MODELS", str(empty / "models"))
    monkeypatch.setattr(pretrained, "without_timm", lambda: "timm is not installed: pip install timm")
    assert "timm/resnet18.a1_in1k: cannot be used, timm is not installed" in "\n".join(weights())
    monkeypatch.setattr(pretrained, "without_timm", lambda: "")
    assert "timm/resnet18.a1_in1k (vision, timm)" in "\n".join(weights())
    names = [m.name for m in pretrained.found()]
    assert pretrained.by_library(names) == {"timm": ["timm/resnet18.a1_in1k"], "transformers": ["vit"]}


def test_timm_that_cannot_be_imported_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "timm.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    pretrained.without_timm.cache_clear()
    try:
        assert "RuntimeError: operator torchvision::nms does not exist" in pretrained.without_timm()
    finally:
        pretrained.without_timm.cache_clear()


def test_the_cache_of_the_hub(empty: Path) -> None:
    folder = empty / "hub" / "models--owner--name"
    model(folder / "snapshots" / "abc")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc", encoding="utf-8")
    (empty / "hub" / "models--half--done").mkdir()
    assert [(m.name, m.kind, m.folder) for m in pretrained.found()] == [("owner/name", "text", folder)]
    assert pretrained.environment() == {"HF_HUB_CACHE": str(empty / "hub")}


def test_nothing_at_hand_is_said(empty: Path) -> None:
    assert pretrained.found() == []
    assert "TEXT_TO_ML_MODELS" in " ".join(weights())


def test_why_nothing_can_be_fetched(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    assert "HF_HUB_OFFLINE" in pretrained.reachable()
    monkeypatch.delenv("HF_HUB_OFFLINE")

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert pretrained.fetch("owner/name") == "huggingface.co cannot be reached (no route)"
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example:8080")
    assert "mirror.example" in pretrained.reachable()


@pytest.fixture
def texts(tmp_path: Path) -> Any:
    """A small task of texts."""
    from tests.deep.models import write_texts

    description, place = describe(write_texts(tmp_path / "task"), None)
    return understand(description, place)


def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without PyTorch."""
    monkeypatch.setattr(
        catalogue, "lacking", lambda c: [p for p in c.packages if p in ("torch", "lightning", "transformers")]
    )


def left_out(store: RunFolder) -> list[tuple[list[str], str]]:
    return [(e.payload["names"], e.payload["reason"]) for e in store.events("left_out")]


def test_without_torch_networks_are_left_out_once_and_the_cure_is_said(
    texts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(monkeypatch)
    builtin, store = CatalogueWriter(), RunFolder.create(tmp_path / "run")
    space = builtin.space(texts)
    assert not any(c.network for c in space.candidates)
    assert without_networks(texts, space, builtin, None, store) == space
    [(names, reason)] = left_out(store)
    assert "text_cnn" in names
    assert "pip install 'text-to-ml[deep]'" in reason


def test_a_short_run_tries_no_networks(texts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "lacking", lambda c: [])
    builtin, store = CatalogueWriter(), RunFolder.create(tmp_path / "run")
    space = builtin.space(texts)
    assert any(c.network for c in space.candidates)
    kept = without_networks(texts, space, builtin, 60.0, store)
    assert not any(c.network for c in kept.candidates)
    assert any("--time 120s" in reason for _, reason in left_out(store))
    assert any(c.network for c in without_networks(texts, space, builtin, 600.0, store).candidates)


def test_tables_have_no_networks(tmp_path: Path) -> None:
    from tests.conftest import ROOT

    description, place = describe(ROOT / "examples/iris", None)
    store = RunFolder.create(tmp_path / "run")
    task = understand(description, place)
    fetch_weights(task, None, store)
    without_networks(task, SearchSpace(()), CatalogueWriter(), None, store)
    assert left_out(store) == []


def test_weights_that_cannot_be_had_are_one_line(texts: Any, tmp_path: Path, empty: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    store = RunFolder.create(tmp_path / "run")
    fetch_weights(texts, None, store)
    [(names, reason)] = left_out(store)
    assert names == ["pretrained models"]
    assert "HF_HUB_OFFLINE" in reason
    assert "TEXT_TO_ML_MODELS" in reason
