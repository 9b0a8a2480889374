"""Pre-written training: what it learns, when it stops, how it goes on, and what it does when memory is lacking."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import joblib  # noqa: E402
from torch import nn  # noqa: E402

from text_to_ml.program import FINE_TUNING, LARGEST_BUDGET, fine_tuning  # noqa: E402
from text_to_ml.runtime import network, training  # noqa: E402
from text_to_ml.runtime.network import TRAINED, trained  # noqa: E402
from text_to_ml.runtime.training import Batches, Training, held_out  # noqa: E402


class Net(nn.Module):  # type: ignore[misc,unused-ignore]
    """Convolution, batch normalisation, dropout: all that may differ between two trainings."""

    def __init__(self, channels: int, n_outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(6, n_outputs))

    def forward(self, images: Any) -> Any:
        return self.head(self.body(images).mean(dim=(2, 3)))


def build_model(shape: Any, n_outputs: int, *, seed: int, threads: int) -> nn.Module:
    return Net(shape[0], n_outputs)


RANDOM = np.random.default_rng(0)
X = RANDOM.random((120, 3, 6, 6), dtype=np.float32)
X[:, 0] += RANDOM.random((120, 1, 1)).astype(np.float32)
SIGNAL = X[:, 0].mean(axis=(1, 2))
CODES = np.digitize(SIGNAL, np.quantile(SIGNAL, [1 / 3, 2 / 3]))


def fitted(
    kind: str = "classification", y: Any = CODES, n_outputs: int = 3, build: Any = build_model, **values: Any
) -> Any:
    values = {"batch_size": 16, "learning_rate": 0.02, **values}
    return trained(build, kind)(X.shape[1:], n_outputs, seed=0, threads=1, **values).fit(X, y)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("scheduler", ["cosine", "plateau"])
def test_classes_are_learnt(optimizer: str, scheduler: str) -> None:
    model = fitted(optimizer=optimizer, scheduler=scheduler, learning_rate=0.1 if optimizer == "SGD" else 0.02)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (120, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == CODES).mean() > 0.6


def test_labels_are_learnt_each_by_itself() -> None:
    y = np.column_stack([np.median(SIGNAL) < SIGNAL, np.zeros(120)]).astype(float)
    probabilities = fitted("multilabel", y, 2).predict_proba(X)
    assert ((probabilities[:, 0] > 0.5) == y[:, 0]).mean() > 0.75
    assert probabilities[:, 1].max() < 0.5


def test_values_come_back_on_their_own_scale() -> None:
    y = np.column_stack([1000 + 500 * SIGNAL, -SIGNAL])
    found = fitted("regression", y, 2).predict(X)
    assert found.shape == (120, 2)
    for column in range(2):
        assert np.mean((found[:, column] - y[:, column]) ** 2) < 0.5 * y[:, column].var()
    single = fitted("regression", y[:, 0], 1).predict(X)
    assert single.shape == (120, 1)


def test_the_same_seed_gives_the_same_network_and_another_does_not() -> None:
    first, again = (fitted(epochs=2).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, again)
    build = trained(build_model, "classification")
    other = build(X.shape[1:], 3, seed=1, threads=1, epochs=2).fit(X, CODES).predict_proba(X)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("scheduler", ["cosine", "plateau"])
def test_three_epochs_and_three_more_equal_six(tmp_path: Any, scheduler: str) -> None:
    kept = str(tmp_path / "half.ckpt")
    values = {"epochs": 6, "scheduler": scheduler}
    whole = fitted(**values)
    half = fitted(**values, share=0.5, keep=kept)
    assert TRAINED[-1]["trained"] == 3
    rest = fitted(**values, resume=kept)
    assert TRAINED[-1]["trained"] == 6
    assert np.array_equal(whole.predict_proba(X), rest.predict_proba(X))
    assert not np.array_equal(whole.predict_proba(X), half.predict_proba(X))


def test_training_that_ended_early_does_not_go_on(tmp_path: Any) -> None:
    kept = str(tmp_path / "end.ckpt")
    shuffled = np.random.default_rng(1).permutation(CODES)
    fitted(y=shuffled, learning_rate=0.05, keep=kept)
    first = TRAINED[-1]
    assert first["ended"] == "early stopping"
    assert first["trained"] < 30
    fitted(y=shuffled, learning_rate=0.05, resume=kept)
    assert (TRAINED[-1]["trained"], TRAINED[-1]["loss"]) == (first["trained"], first["loss"])
    again = str(tmp_path / "again.ckpt")
    fitted(y=shuffled, learning_rate=0.05, resume=kept, keep=again)
    fitted(y=shuffled, learning_rate=0.05, resume=again)
    assert (TRAINED[-1]["trained"], TRAINED[-1]["loss"]) == (first["trained"], first["loss"])


def test_the_best_weights_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    end = training.Watch.on_train_epoch_end

    def note(self: Any, trainer: Any, lesson: Any) -> None:
        losses.append(float(trainer.callback_metrics["val_loss"]))
        end(self, trainer, lesson)

    monkeypatch.setattr(training.Watch, "on_train_epoch_end", note)
    model = fitted(y=np.random.default_rng(1).permutation(CODES), learning_rate=0.05)
    best = int(np.argmin(losses))
    assert len(losses) - 1 - best == training.PATIENCE
    shorter = fitted(y=np.random.default_rng(1).permutation(CODES), learning_rate=0.05, stop_after=best + 1)
    assert np.array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_few_rows_and_a_last_batch_of_one_row() -> None:
    for rows in (2, 5, 12, 17):
        model = trained(build_model, "classification")((3, 6, 6), 3, batch_size=4, epochs=1)
        assert model.fit(X[:rows], CODES[:rows]).predict_proba(X[:rows]).shape == (rows, 3)
    sizes = [len(t) for _, t in Batches(torch.from_numpy(X), torch.zeros(120), np.arange(9), 4, seed=0)]
    assert sizes == [4, 5]


def test_rows_for_early_stopping_are_a_tenth_and_not_trained_on() -> None:
    train, check = held_out(200, 0)
    assert len(check) == 20
    assert not set(train) & set(check)
    assert len(held_out(10**6, 0)[1]) == training.MOST_HELD_OUT


def test_a_time_limit_lowers_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted(seconds=600.0, learning_rate=1e-4)
    assert TRAINED[-1]["epochs"] == 30
    fitted(seconds=0.002)  # less than a few steps of it take anywhere
    assert TRAINED[-1]["epochs"] < 1
    whole = math.ceil(108 / 16)
    assert len(Batches(torch.from_numpy(X), torch.zeros(120), np.arange(108), 16, seed=0, part=0.5)) == whole // 2


def test_training_stops_at_the_epoch_that_would_pass_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "affordable", lambda *_: 30.0)
    fitted(seconds=1e-6)
    assert (TRAINED[-1]["trained"], TRAINED[-1]["ended"]) == (1, "time limit")


def test_out_of_memory_halves_the_batch_and_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Hungry(Net):
        def forward(self, images: Any) -> Any:
            seen.append(len(images))
            if len(images) > 9:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")
            return super().forward(images)

    model = fitted(build=lambda shape, n, *, seed, threads: Hungry(shape[0], n), epochs=1, batch_size=32)
    assert (TRAINED[-1]["batch_size"], TRAINED[-1]["halved"]) == (4, 3)
    assert model.predict_proba(X).shape == (120, 3)
    assert seen[-1] <= 9


def test_other_errors_come_through() -> None:
    class Wrong(Net):
        def forward(self, images: Any) -> Any:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        fitted(build=lambda shape, n, *, seed, threads: Wrong(shape[0], n))
    with pytest.raises(TypeError, match=r"must return a torch\.nn\.Module, got int"):
        fitted(build=lambda shape, n, *, seed, threads: 3)


def test_a_loss_that_is_no_number_is_said() -> None:
    class Nan(Net):
        def forward(self, images: Any) -> Any:
            return super().forward(images) * float("nan")

    with pytest.raises(training.DivergedError, match="at learning_rate"):
        fitted(build=lambda shape, n, *, seed, threads: Nan(shape[0], n))


def test_a_fitted_network_is_saved_as_a_state_dict() -> None:
    model = fitted(epochs=2)
    expected = model.predict_proba(X)
    file = io.BytesIO()
    joblib.dump(model, file, compress=3)
    file.seek(0)
    loaded = joblib.load(file)
    assert loaded.network is None
    assert all(not isinstance(v, torch.Tensor) or v.device.type == "cpu" for v in loaded.weights.values())
    assert np.array_equal(loaded.predict_proba(X), expected)


def test_augmentation_is_for_training_only_and_drawn_anew_in_each_epoch() -> None:
    seen: list[float] = []

    def augment(images: Any, random: Any) -> Any:
        seen.append(float(random.random()))
        return images[:, :, :, ::-1]

    model = trained(build_model, "classification")((3, 6, 6), 3, epochs=2, batch_size=64)
    model.augment = augment
    model.fit(X, CODES)
    drawn = len(seen)
    assert drawn == len(set(seen)) == 4
    model.predict_proba(X)
    assert len(seen) == drawn


def test_process_wide_settings_are_put_back() -> None:
    import logging
    import warnings

    level, filters = logging.getLogger("lightning.pytorch").level, list(warnings.filters)
    fitted(epochs=1)
    assert logging.getLogger("lightning.pytorch").level == level
    assert list(warnings.filters) == filters


def test_names_of_table_5_are_those_of_training() -> None:
    assert set(FINE_TUNING) <= set(training.TRAINING_NAMES)
    assert {h.name for h in fine_tuning()} == set(FINE_TUNING)
    assert LARGEST_BUDGET == training.EPOCHS == Training().epochs
    assert network.TRAINED is TRAINED
