"""What tests of networks share: tiny models on disk, by name; nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny models in the format of the hub."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tests.deep.models import write_model

    folder = tmp_path_factory.mktemp("tiny")
    for name in ("bert", "distilbert", "t5", "bart", "vit", "resnet"):
        write_model(folder / name, name)
    return folder


@pytest.fixture(scope="session")
def of_timm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny models in timm's own format, and one in the format of the hub."""
    from text_to_ml.pretrained import without_timm

    if without_timm():
        pytest.skip(without_timm())
    from tests.deep.models import write_model, write_timm

    folder = tmp_path_factory.mktemp("timm")
    for name in ("resnet", "vit"):
        write_timm(folder / "timm" / name, name)
    write_model(folder / "resnet", "resnet")
    return folder
