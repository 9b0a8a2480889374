"""Doctor: what this machine can do, tried for real where that is cheap."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterator

from text_to_ml.machine import memory_gb

PACKAGES = (
    ("numpy", "tables"),
    ("pandas", "tables"),
    ("scikit-learn", "tables"),
    ("lightgbm", "tables"),
    ("xgboost-cpu|xgboost", "tables"),
    ("catboost", "tables"),
    ("pyarrow", "Parquet files"),
    ("openpyxl", "Excel files"),
    ("ruff", "formatting of programs"),
    ("torch", "deep learning"),
    ("lightning", "training of networks"),
    ("transformers", "pretrained models"),
)


def examine(
    model: str | None = None, base_url: str | None = None, price: tuple[float, float] | None = None
) -> Iterator[str]:
    """Plain lines of at most 78 characters; with ``model``, what a language model answers to three tiny requests."""
    if model is None or model == "builtin":
        yield from machine()
        return
    from text_to_ml.llm import LLMOptions
    from text_to_ml.llm.examine import examine_llm

    yield from examine_llm(LLMOptions(model, base_url=base_url, price=price, cache=False))


def machine() -> list[str]:
    """What this machine can do."""
    from text_to_ml.sandbox import describe

    lines = [f"python     {platform.python_version()} ({sys.executable})"[:78]]
    lines.append(
        f"machine    {os.cpu_count()} cores, {memory_gb():.0f} GB memory, {platform.system()} {platform.machine()}"
    )
    lines.append(f"disk       {shutil.disk_usage('.').free / 2**30:.0f} GB free here")
    for names, use in PACKAGES:
        found = ""
        for name in names.split("|"):
            try:
                found = f"{name} {importlib.metadata.version(name)}"
                break
            except importlib.metadata.PackageNotFoundError:
                continue
        first = names.split("|")[0]
        lines.append(f"package    {found}" if found else f"package    {first} is not installed ({use})")
    for line in describe():
        lines += textwrap.wrap(line, 78, initial_indent="sandbox    ", subsequent_indent=" " * 13)
    lines.append(f"device     {device()}")
    lines += weights()
    lines.append("model      builtin: works without a network or a key")
    return lines


def weights() -> list[str]:
    """Pretrained models on this machine, and why one cannot be used."""
    from text_to_ml import pretrained

    models = pretrained.found()
    if not models:
        said = f"none on this machine: name a folder of models in {pretrained.FOLDER}, or fill the cache {pretrained.cache()}"
        return textwrap.wrap(said, 78, initial_indent="weights    ", subsequent_indent=" " * 13)
    lines = []
    for m in models:
        kinds = m.kind if not m.writes or m.kind == "sequence" else f"{m.kind} and sequence"
        said = f"{m.name}: cannot be used, {m.fault}" if m.fault else f"{m.name} ({kinds}, {m.type})"
        lines += textwrap.wrap(said, 78, initial_indent="weights    ", subsequent_indent=" " * 13)
    return lines


def device() -> str:
    """What deep learning would run on."""
    try:
        import torch
    except ImportError:
        return "cpu (torch is not installed)"
    except Exception as error:
        return f"cpu (torch is installed but does not import: {error})"[:60]
    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name(0)}"
    return "mps" if torch.backends.mps.is_available() else "cpu"
