"""The jobs of the sandbox: load, fit and predict, post-process. Runs inside; the host reads the files they leave.

Payloads and results are JSON; frames go through Arrow (feather) files, arrays through npy files. A program is executed
from its text under the file name "<program>".
"""

from __future__ import annotations

import linecache
import marshal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

ENTITY = "__entity__"


def execute(source: str, name: str = "program", code: CodeType | None = None) -> ModuleType:
    """Run a source text as a module; tracebacks show its lines under the file name "<name>". ``code``: compiled already."""
    filename = f"<{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(name.replace(" ", "_").replace(":", ""))
    module.__file__ = filename
    sys.modules[module.__name__] = module
    exec(code or compile_source(source, name), module.__dict__)
    return module


def compile_source(source: str, name: str = "program") -> CodeType:
    """The code of a source text under the file name "<name>"."""
    return compile(source, f"<{name}>", "exec", dont_inherit=True)


def open_workflow(payload: dict[str, Any]) -> Any:
    """The workflow of the program at payload["program"], with the payload's values, seed and threads."""
    path = Path(payload["program"])
    compiled = path.with_suffix(".marshal")
    code = marshal.loads(compiled.read_bytes()) if compiled.exists() else None
    module = execute(path.read_text(encoding="utf-8"), code=code)
    changes = {key: payload[key] for key in ("values", "seed", "threads") if key in payload}
    return replace(module.WORKFLOW, **changes), module


def save_frame(frame: pd.DataFrame, path: str) -> None:
    """Write a frame with its index as an Arrow file; lists and objects that Arrow has no type for as texts."""
    whole = frame.rename_axis(ENTITY).reset_index(allow_duplicates=True)
    try:
        whole.to_feather(path)
    except (TypeError, ValueError):  # Arrow's own errors are both
        texts = {c: whole[c].map(str, na_action="ignore") for c in whole.columns if whole[c].dtype == object}
        whole.assign(**texts).to_feather(path)


def read_frame(path: str | Path) -> pd.DataFrame:
    """Inverse of `save_frame`."""
    frame = pd.read_feather(path)
    return frame.set_index(ENTITY)


def load_samples(payload: dict[str, Any]) -> dict[str, Any]:
    """Run `load` of a program on one set of files; leaves samples.feather and targets.feather."""
    workflow, module = open_workflow(payload)
    started = time.perf_counter()
    samples, targets = module.loaded(workflow, {name: Path(path) for name, path in payload["files"].items()})
    index_name = samples.index.name
    save_frame(samples, "samples.feather")
    if targets is not None:
        save_frame(module.normalise(targets), "targets.feather")
    return {
        "rows": len(samples),
        "entities": int(samples.index.nunique()),
        "index_name": None if index_name is None else str(index_name),
        "has_targets": targets is not None,
        "seconds": time.perf_counter() - started,
    }


def fit_predict(payload: dict[str, Any]) -> dict[str, Any]:
    """Fit on one training part; leaves outputs.npy of the positions in payload["held_out"], and where payload["post"] is true,
    for post-processing that fits nothing, predictions.npy in the form that the metric takes."""
    started = time.perf_counter()
    workflow, module = open_workflow(payload)
    samples = pd.read_pickle(payload["samples"])  # written by the host
    train = np.load(payload["train"], allow_pickle=False)
    codes = np.load(payload["targets"], allow_pickle=False)
    held_out = np.load(payload["held_out"], allow_pickle=False)
    ready = time.perf_counter()
    outputs = module.plain_array(workflow.fit_predict(workflow, samples, train, codes, [held_out])[0])
    np.save("outputs.npy", outputs, allow_pickle=False)
    seconds = time.perf_counter() - ready
    if payload["post"]:
        predictions = module.new_post_processing(workflow).transform(outputs)
        np.save("predictions.npy", module.scorable(workflow, predictions), allow_pickle=False)
    return {"seconds": seconds, "overhead": ready - started, "training": list(getattr(module, "TRAINED", []))}


def post_process(payload: dict[str, Any]) -> dict[str, Any]:
    """Fit post-processing where it wants that, apply it; leaves predictions.npy in the form that the metric takes."""
    workflow, module = open_workflow(payload)
    post = module.new_post_processing(workflow)
    if hasattr(post, "fit") and payload.get("fit_outputs"):
        fit_outputs = np.load(payload["fit_outputs"], allow_pickle=False)
        post.fit(fit_outputs, np.load(payload["fit_targets"], allow_pickle=False))
    predictions = post.transform(np.load(payload["outputs"], allow_pickle=False))
    np.save("predictions.npy", module.scorable(workflow, predictions), allow_pickle=False)
    return {}


def score(payload: dict[str, Any]) -> dict[str, Any]:
    """Run a metric that a language model wrote on two arrays; {"score": a float}."""
    module = execute(payload["source"], "metric")
    targets, predictions = (np.load(payload[key], allow_pickle=False) for key in ("targets", "predictions"))
    return {"score": float(module.score(targets, predictions))}


def run_program(payload: dict[str, Any]) -> dict[str, Any]:
    """Run a whole program as `python program.py …` does; the last line that it prints is JSON."""
    import contextlib
    import io
    import json
    import runpy

    printed = io.StringIO()
    sys.argv = [payload["program"], *payload["arguments"]]
    code: Any = 0
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(payload["program"], run_name="__main__")
        except SystemExit as stop:
            code = stop.code or 0
    if code:
        raise RuntimeError(f"the program ended with exit code {code}: {printed.getvalue()[-2000:]}")
    value: dict[str, Any] = json.loads(printed.getvalue().strip().splitlines()[-1])
    return value
