"""What a whole program does on a task's full data, as numbers: run by the sandbox as a script, prints one line of JSON.

    observe.py CONFIG.json

Loads, cross-validates, trains and predicts new files as the program's own command line does. Knows nothing of unit tests; what
the numbers mean is for `oracle.py` to say.
"""

from __future__ import annotations

import json
import random
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SPLIT = {"folds": 3}


def open_program(path: str, name: str) -> types.ModuleType:
    """The program's text as a module of its own."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(Path(path).read_text(encoding="utf-8"), "<program>", "exec"), module.__dict__)
    return module


class Observer:
    """Runs one program through everything that a user or the search does with it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.errors: dict[str, str] = {}
        self.seen: dict[str, Any] = {"errors": self.errors, "changed": [], "forms": {}}
        self.m = open_program(config["program"], "program_under_test")
        w = self.m.WORKFLOW
        self.w = replace(w, split=replace(w.split, **SPLIT))

    def step(self, name: str, run: Callable[[], Any]) -> Any:
        """Run a step; an error is a record."""
        try:
            return run()
        except BaseException as error:
            self.errors[name] = f"{type(error).__name__}: {error}"[:300]
            return None

    def observe(self) -> dict[str, Any]:
        """All steps."""
        np.random.seed(0)
        random.seed(0)
        data = self.step("load", lambda: self.m.load_labelled(self.w, Path(self.config["workspace"])))
        if data is None:
            return self.seen
        self.seen["entities"] = [str(e) for e in pd.unique(data.samples.index)]
        self.seen["codes"] = np.round(data.codes, 9).tolist()
        self.seen["carriers"] = self.carriers(data)
        own, _ = self.m.searchable(self.w, data)
        folds = self.m.validation_folds(self.w, data, own)
        crossed = self.step("cross-validation", lambda: self.crossed(data, folds, "validation"))
        fitted = self.step("training", lambda: self.train(data, own))
        post = self.step("post-processing", lambda: self.post(crossed)) if crossed else None
        if fitted is not None and post is not None:
            for name in self.config["new"]:
                self.step(f"predict {name}", lambda name=name: self.predict(fitted, post, name))  # type: ignore[misc]
            self.step("fresh process", lambda: self.again(data, own, post))
            self.step("few rows", lambda: self.few(data, own))
            self.step("a single column", lambda: self.narrow(data, own))
            self.step("in sample", lambda: self.in_sample(fitted, data, own))
            if self.config["other"]:
                self.step("another model", lambda: self.other(data, own))
        self.step("targets at random", lambda: self.leak(data, own))
        self.step("other settings", lambda: self.settings(data, own))
        permuted = self.step("load permuted", lambda: self.m.load_labelled(self.w, Path(self.config["permuted"])))
        if permuted is not None:
            self.step("cross-validation permuted", lambda: self.crossed(permuted, folds, "permuted"))
        return self.seen

    def carriers(self, data: Any) -> list[str]:
        """Columns of the samples that hold the targets."""
        first = data.samples[~data.samples.index.duplicated()]
        codes = data.codes.reshape(len(data.codes), -1)
        found = []
        for name in first.columns:
            values = pd.factorize(first[name])[0]
            for truth in codes.T:
                same = pd.factorize(truth)[0]
                if len(np.unique(same)) > 1 and np.array_equal(values, same):
                    found.append(str(name))
        return sorted(set(found))

    def in_sample(self, fitted: Any, data: Any, own: np.ndarray) -> None:
        """Outputs for the very rows that were trained on."""
        outputs = self.m.predict(self.w, fitted, self.m.take(data.samples, own))
        self.seen["in sample"] = {"outputs": [np.round(outputs, 7).tolist()], "codes": [data.codes[own].tolist()]}

    def other(self, data: Any, own: np.ndarray) -> None:
        """The same data preparation with a model of another kind."""
        m = open_program(self.config["other"], "program_with_another_model")
        fitted = m.fit(m.WORKFLOW, m.take(data.samples, own), data.codes[own])
        samples = m.read_new(
            m.WORKFLOW,
            Path(self.config["new"]["plain"]["path"]),
            self.config["columns"],
            Path(self.config["workspace"]),
        )
        self.form(
            "predictions of another model", m.predict(m.WORKFLOW, fitted, samples), len(self.seen["raw"]["plain"])
        )

    def few(self, data: Any, own: np.ndarray) -> None:
        """Train on a part of the rows, as a search on a smaller budget does: after all other trainings, and in a module that
        was never trained before."""
        part = np.sort(np.random.default_rng(4).permutation(own)[: max(24, len(own) // 5)])
        self.seen["few"] = []
        for m in (self.m, open_program(self.config["program"], "program_for_few")):
            w = replace(m.WORKFLOW, split=replace(m.WORKFLOW.split, **SPLIT))
            fitted = m.fit(w, m.take(data.samples, part), data.codes[part])
            for name in ("plain", "gaps"):
                samples = m.read_new(
                    w, Path(self.config["new"][name]["path"]), self.config["columns"], Path(self.config["workspace"])
                )
                outputs = m.predict(w, fitted, samples)
                self.form(f"trained on few rows, {name}", outputs, len(self.seen["raw"][name]))
                self.seen["few"].append(np.round(np.asarray(outputs, dtype=float), 9).tolist())

    def narrow(self, data: Any, own: np.ndarray) -> None:
        """The model on a single column, as selection may leave it."""
        samples = self.m.take(data.samples, own)
        preparation = self.w.data_preparation(**self.w.values["data_preparation"])
        codes = data.codes[own].astype(int) if self.w.kind == "classification" else data.codes[own]
        preparation.fit(samples, codes)
        X = self.m.features_of(preparation, samples).iloc[:, :1]
        model, _ = self.m.fit_column(self.w, X, codes.reshape(len(codes), -1)[:, 0])
        outputs = model.predict(X) if self.w.kind == "regression" else model.predict_proba(X)
        self.form("outputs on a single column", np.asarray(outputs), len(X))

    def crossed(self, data: Any, folds: Any, name: str) -> tuple[list[Any], list[Any]]:
        """Scores and predictions of cross-validation, with those of a constant and of the truth beside them."""
        outputs = [self.m.fit_predict(self.w, data.samples, a, data.codes[a], [b])[0] for a, b in folds]
        codes = [data.codes[b] for _, b in folds]
        predictions = [self.m.scorable(self.w, p) for p in self.m.cross_fit(self.w, outputs, codes)]
        scores = [float(self.m.score(c, p)) for c, p in zip(codes, predictions, strict=True)]
        constant = [self.constant(data.codes[a], len(b)) for a, b in folds]
        self.seen[name] = {
            "score": float(np.mean(scores)),
            "chance": float(np.mean([self.m.score(c, p) for c, p in zip(codes, constant, strict=True)])),
            "best": float(np.mean([self.m.score(c, self.perfect(c)) for c in codes])),
            "folds": [np.round(np.asarray(p, dtype=float), 9).tolist() for p in predictions],
            "codes": [c.tolist() for c in codes],
            "outputs": [np.round(np.asarray(o, dtype=float), 9).tolist() for o in outputs],
        }
        for prediction, code in zip(predictions, codes, strict=True):
            self.form(f"{name} predictions", prediction, len(code))
        return outputs, codes

    def constant(self, codes: np.ndarray, rows: int) -> np.ndarray:
        """What a program that knows only the training targets' distribution predicts."""
        if self.w.kind == "classification":
            shares = np.bincount(codes.astype(int), minlength=len(self.w.classes)) / len(codes)
            if self.w.form == "probabilities":
                return np.tile(np.clip(shares, 1e-3, None) / np.clip(shares, 1e-3, None).sum(), (rows, 1))
            ranked = np.argsort(-shares, kind="stable")
            return np.full(rows, ranked[0]) if self.w.form == "labels" else np.tile(ranked, (rows, 1))
        mean = codes.mean(axis=0)
        if self.w.form == "labels":
            mean = np.round(mean)
        return np.full(rows, mean) if codes.ndim == 1 else np.tile(mean, (rows, 1))

    def perfect(self, codes: np.ndarray) -> np.ndarray:
        """The truth in the form of predictions."""
        if self.w.kind != "classification":
            return codes
        y = codes.astype(int)
        sure = np.eye(len(self.w.classes))[y]
        if self.w.form == "labels":
            return y
        return sure if self.w.form == "probabilities" else np.argsort(-sure, axis=1, kind="stable")

    def form(self, name: str, predictions: Any, rows: int) -> None:
        """Note predictions that no metric and no user could take."""
        values = np.asarray(predictions, dtype=float)
        wrong = ""
        if len(values) != rows:
            wrong = f"{len(values)} predictions for {rows} rows"
        elif not np.isfinite(values).all():
            wrong = "not finite"
        elif self.w.form == "probabilities":
            if values.min() < -1e-6 or values.max() > 1 + 1e-6:
                wrong = "probabilities outside [0, 1]"
            elif self.w.kind == "classification" and not np.allclose(values.sum(axis=1), 1, atol=1e-3):
                wrong = "probabilities do not sum to 1"
        elif self.w.form == "labels" and self.w.kind == "multilabel" and not np.isin(values, (0, 1)).all():
            wrong = "labels other than 0 and 1"
        if wrong:
            self.seen["forms"][name] = wrong

    def train(self, data: Any, own: np.ndarray) -> dict[str, Any]:
        """Train step by step, and see whether what was handed over came back as it was."""
        m, w = self.m, self.w
        samples = m.take(data.samples, own).copy(deep=True)
        codes = data.codes[own].astype(int) if w.kind == "classification" else data.codes[own].copy()
        before, codes_before = samples.copy(deep=True), codes.copy()
        preparation = w.data_preparation(**w.values["data_preparation"])
        preparation.fit(samples, codes)
        features = m.features_of(preparation, samples)
        self.unchanged("samples", samples, before)
        self.unchanged("targets", codes, codes_before)
        columns = codes[:, None] if codes.ndim == 1 else codes
        models = []
        for i in range(columns.shape[1]):
            column = columns[:, i].copy()
            X, y = features.copy(deep=True), column.astype(float) if w.kind == "regression" else column
            X_before, y_before = X.copy(deep=True), y.copy()
            model = self.fit_column(X, y)
            self.unchanged("X", X, X_before)
            if w.kind == "regression":
                self.unchanged("y", y, y_before)
            models.append(model)
            if model[0] is not None:
                call = model[0].predict if w.kind == "regression" else model[0].predict_proba
                call(X)
                self.unchanged("X at prediction", X, X_before)
        return {"preparation": preparation, "models": models}

    def fit_column(self, X: pd.DataFrame, y: np.ndarray) -> tuple[Any, Any]:
        """As the program's own `fit_column`, with an eye on the targets of models."""
        w = self.w
        if w.kind == "regression":
            return self.m.fit_column(w, X, y)  # type: ignore[no-any-return]
        present, local = np.unique(y.astype(int), return_inverse=True)
        if len(present) == 1:
            return None, present
        before = local.copy()
        model = w.build_model(X.shape[1], len(present), seed=w.seed, threads=w.threads, **w.values["modeling"])
        model.fit(X, local)
        self.unchanged("y", local, before)
        return model, present

    def unchanged(self, what: str, now: Any, before: Any) -> None:
        """Note what was changed in place."""
        same = now.equals(before) if isinstance(now, pd.DataFrame) else np.array_equal(now, before, equal_nan=True)
        if not same and what not in self.seen["changed"]:
            self.seen["changed"].append(what)

    def post(self, crossed: tuple[list[Any], list[Any]]) -> Any:
        """Post-processing fitted on the out-of-fold outputs."""
        outputs, codes = np.concatenate(crossed[0]), np.concatenate(crossed[1])
        before, codes_before = outputs.copy(), codes.copy()
        post = self.m.new_post_processing(self.w)
        if hasattr(post, "fit"):
            post.fit(outputs, codes)
        post.transform(outputs)
        self.unchanged("outputs", outputs, before)
        self.unchanged("targets of outputs", codes, codes_before)
        return post

    def predict(self, fitted: Any, post: Any, name: str) -> None:
        """Predict a file of new rows as the command line does."""
        new = self.config["new"][name]
        samples = self.m.read_new(self.w, Path(new["path"]), self.config["columns"], Path(self.config["workspace"]))
        outputs = self.m.predict(self.w, fitted, samples)
        features = self.m.features_of(fitted["preparation"], samples).to_numpy()
        self.seen.setdefault("features", {})[name] = np.round(features, 7).tolist()
        if not np.isfinite(features).all():
            self.seen["forms"][f"features of {name}"] = "not finite"
        if self.w.kind == "classification":
            wrong = (
                outputs.min() < -1e-6 or outputs.max() > 1 + 1e-6 or not np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
            )
            if wrong:
                self.seen["forms"][f"outputs of {name}"] = "not probabilities"
        predictions = post.transform(outputs)
        self.m.predictions_frame(self.w, samples, predictions)
        values = np.asarray(self.m.scorable(self.w, predictions), dtype=float)
        self.form(f"predict {name}", values, new["entities"])
        self.seen.setdefault("new", {})[name] = np.round(values, 9).tolist()
        self.seen.setdefault("raw", {})[name] = np.round(np.asarray(outputs, dtype=float), 9).tolist()

    def again(self, data: Any, own: np.ndarray, post: Any) -> None:
        """Train anew in a module of its own under other global seeds."""
        np.random.seed(7)
        random.seed(7)
        m = open_program(self.config["program"], "program_again")
        w = replace(m.WORKFLOW, split=replace(m.WORKFLOW.split, **SPLIT))
        fitted = m.fit(w, m.take(data.samples, own), data.codes[own])
        self.seen["again"] = {}
        for name in ("plain", "gaps"):
            samples = m.read_new(
                w, Path(self.config["new"][name]["path"]), self.config["columns"], Path(self.config["workspace"])
            )
            self.seen["again"][name] = np.round(np.asarray(m.predict(w, fitted, samples), dtype=float), 9).tolist()
        outputs = np.concatenate([np.asarray(o, dtype=float) for o in self.seen["validation"]["outputs"]])
        fresh = m.new_post_processing(w)
        if hasattr(fresh, "fit"):
            fresh.fit(outputs.copy(), np.concatenate([np.asarray(c) for c in self.seen["validation"]["codes"]]))
        for seed, fitted_post in ((11, post), (12, fresh)):
            np.random.seed(seed)
            values = np.asarray(self.m.scorable(self.w, fitted_post.transform(outputs.copy())), dtype=float)
            self.seen.setdefault("post twice", []).append(np.round(values, 9).tolist())

    def leak(self, data: Any, own: np.ndarray) -> None:
        """Fitted on random targets: how closely any feature of a training row follows that row's random target."""
        codes = data.codes[own][np.random.default_rng(3).permutation(len(own))]
        samples = self.m.take(data.samples, own)
        preparation = self.w.data_preparation(**self.w.values["data_preparation"])
        preparation.fit(samples, codes.astype(int) if self.w.kind == "classification" else codes)
        features = np.asarray(preparation.transform(samples), dtype=float)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            columns = codes.reshape(len(codes), -1)
            found = [abs(np.corrcoef(f, c)[0, 1]) for f in features.T for c in columns.T if np.ptp(f) > 0]
        self.seen["leak"] = float(np.nanmax(found)) if found else 0.0

    def settings(self, data: Any, own: np.ndarray) -> None:
        """Other values of the hyperparameters: they must work, and each must be able to change something."""
        for entry in self.config["settings"]:
            w = replace(self.w, values=entry["values"])
            fitted = self.m.fit(w, self.m.take(data.samples, own), data.codes[own])
            samples = self.m.read_new(
                w, Path(self.config["new"]["plain"]["path"]), self.config["columns"], Path(self.config["workspace"])
            )
            rest = self.m.take(data.samples, np.setdiff1d(np.arange(len(data.codes)), own))
            outputs = np.concatenate([self.m.predict(w, fitted, rows) for rows in (samples, rest) if len(rows)])
            post = self.m.new_post_processing(w)
            if hasattr(post, "fit"):
                kept = self.seen["validation"]
                post.fit(np.concatenate(kept["outputs"]), np.concatenate(kept["codes"]))
            values = np.asarray(self.m.scorable(w, post.transform(outputs)), dtype=float)
            self.form(f"with {entry['label']}", values, len(outputs))
            self.form(f"outputs with {entry['label']}", outputs, len(outputs)) if w.form == "probabilities" else None
            features = np.asarray(fitted["preparation"].transform(samples), dtype=float)
            result = [np.round(a, 7).tolist() for a in (features, outputs, values)]
            self.seen.setdefault("settings", {})[entry["label"]] = result


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(Observer(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).observe()))
