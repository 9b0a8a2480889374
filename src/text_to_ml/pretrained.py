"""Pretrained weights that are at hand: in a folder of the user's, or in the cache of the hub. Reads configurations only.

`TEXT_TO_ML_MODELS` names a folder that holds models in the format of transformers, or image models in that of timm, each in a
folder of its own (or is such a folder itself). Fetching from the hub is asked for by the run, once, on the host: generated code has no network.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = "TEXT_TO_ML_MODELS"
TEXT_TYPES = frozenset(
    [
        "albert",
        "bart",
        "bert",
        "camembert",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "longformer",
        "mbart",
        "mobilebert",
        "modernbert",
        "mpnet",
        "nomic_bert",
        "pegasus",
        "rembert",
        "roberta",
        "t5",
        "xlm-roberta",
        "xlnet",
    ]
)
WRITING_TYPES = frozenset(["bart", "longt5", "marian", "mt5", "pegasus", "t5", "umt5"])
"""Encoder-decoders that write texts without being told a language first; those of `TEXT_TYPES` serve as encoders too."""
VISION_TYPES = frozenset(
    [
        "beit",
        "convnext",
        "convnextv2",
        "cvt",
        "deit",
        "dinov2",
        "dinov3_vit",
        "efficientnet",
        "levit",
        "mobilenet_v1",
        "mobilenet_v2",
        "mobilevit",
        "mobilevitv2",
        "poolformer",
        "pvt",
        "pvt_v2",
        "regnet",
        "resnet",
        "segformer",
        "swiftformer",
        "swin",
        "swinv2",
        "vit",
    ]
)
TIMM = "timm"
"""The type of an image model in timm's own format, whose configuration names an architecture instead of a model_type."""
KINDS = {"text": TEXT_TYPES, "sequence": WRITING_TYPES, "vision": VISION_TYPES | {TIMM}}
"""Types by kind, the first that has a type counts."""
USUAL = {
    "text": ("sentence-transformers/all-MiniLM-L6-v2", "distilbert/distilbert-base-uncased"),
    "sequence": ("google-t5/t5-small", "facebook/bart-base"),
    "vision": ("facebook/dinov2-small", "microsoft/resnet-18"),
}
"""What is fetched from the hub where nothing is at hand: small models with free licences."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json")
MOST = 4


@dataclass(frozen=True)
class Weights:
    """A pretrained model on this machine: the name by which it is loaded, its kind ("text", "vision"; "sequence" for those that only
    write texts), type, folder, why it cannot be used ("" where it can), and whether it can write texts."""

    name: str
    kind: str
    type: str
    folder: Path
    fault: str = ""
    writes: bool = False


def found() -> list[Weights]:
    """All pretrained models on this machine, the user's folder first; those that cannot be used carry the reason."""
    models = [*_of_folder(), *_of_cache()]
    return list({m.name: m for m in reversed(models)}.values())[::-1]


def at_hand(kind: str) -> list[str]:
    """Names of the models that can be used as one kind ("text", "sequence", "vision"), at most `MOST`; none without torch and
    transformers."""
    if any(importlib.util.find_spec(package) is None for package in ("torch", "transformers")):
        return []
    return [m.name for m in found() if (m.writes if kind == "sequence" else m.kind == kind) and not m.fault][:MOST]


def by_library(names: Sequence[str]) -> dict[str, list[str]]:
    """Which of these models timm loads, and which transformers."""
    types = {m.name: m.type for m in found()}
    timm = [name for name in names if types.get(name) == TIMM]
    return {TIMM: timm, "transformers": [name for name in names if name not in timm]}


@lru_cache
def without_timm() -> str:
    """ "" where timm can be imported, else why not. Asked of a process of its own: timm imports torchvision, which fails where its
    build is not that of torch."""
    if importlib.util.find_spec(TIMM) is None:
        return "timm is not installed: pip install timm"
    done = subprocess.run([sys.executable, "-c", "import timm"], capture_output=True, text=True, check=False)
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return f"timm cannot be imported ({said[-1] if said else done.returncode})" if done.returncode else ""


def folders(names: Sequence[str]) -> list[Path]:
    """The folders that must be readable for these models to be loaded: each one's own, and nothing beside it."""
    known = {m.name: m.folder for m in found()}
    return [known[name] for name in names if name in known]


def environment() -> dict[str, str]:
    """Variables by which generated code finds what is at hand."""
    variables = {"HF_HUB_CACHE": str(cache())}
    if os.environ.get(FOLDER):
        variables[FOLDER] = str(Path(os.environ[FOLDER]).resolve())
    return variables


def cache() -> Path:
    """Where the hub's cache lies."""
    home = Path(
        os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def reachable(seconds: float = 2.0) -> str:
    """ "" where the hub answers, else why nothing can be fetched."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return "huggingface_hub is not installed"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return "HF_HUB_OFFLINE is set"
    place = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    host, port = place.hostname or "huggingface.co", place.port or (443 if place.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as error:
        return f"{host} cannot be reached ({error})"
    return ""


def fetch(name: str) -> str:
    """Fetch a model into the hub's cache; "" where it is there now, else why not."""
    reason = reachable()
    if reason:
        return reason
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(
            name, ignore_patterns=["*.h5", "*.msgpack", "*.onnx", "onnx/*", "openvino/*", "*.ot", "*.tflite"]
        )
    except Exception as error:  # what the client raises is not all documented: network, disk, refused names
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
    return ""


def fetch_usual(kind: str) -> list[tuple[str, str]]:
    """Where no model of a kind is at hand: fetch the usual ones; (name, why not) of those that could not be had."""
    if at_hand(kind):
        return []
    failed = []
    for name in USUAL[kind]:
        reason = fetch(name)
        if reason:
            failed.append((name, reason))
    return failed


def _of_folder() -> list[Weights]:
    """Models in the user's folder, at most two levels down."""
    base = os.environ.get(FOLDER)
    if not base:
        return []
    top = Path(base).expanduser().resolve()
    if (top / "config.json").is_file():
        return [_read(str(top), top)]
    inner = sorted(p.parent for depth in ("*", "*/*") for p in top.glob(f"{depth}/config.json"))
    own = [p for p in inner if not any(q != p and p.is_relative_to(q) for q in inner)]
    return [_read(p.relative_to(top).as_posix(), p) for p in own]


def _of_cache() -> list[Weights]:
    """Models in the hub's cache, by the revision that "main" stands for."""
    models = []
    for folder in sorted(cache().glob("models--*")):
        main = folder / "refs" / "main"
        snapshot = folder / "snapshots" / (main.read_text(encoding="utf-8").strip() if main.is_file() else "")
        if main.is_file() and (snapshot / "config.json").is_file():
            name = folder.name.removeprefix("models--").replace("--", "/")
            read = _read(name, snapshot)
            models.append(replace(read, folder=folder))
    return models


def _read(name: str, folder: Path) -> Weights:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config if isinstance(config, dict) else {}
    except (OSError, ValueError) as error:
        return Weights(name, "", "", folder, f"config.json cannot be read ({error})")
    kind_of = str(config.get("model_type") or (TIMM if config.get("architecture") else ""))
    whole = not any("Encoder" in str(made) for made in config.get("architectures") or ())
    writes = kind_of in WRITING_TYPES and whole
    kind = next((k for k, types in KINDS.items() if kind_of in types), "")
    fault = "" if kind else f"model_type {kind_of!r} is neither a text nor an image model that is known"
    if kind_of == TIMM:
        fault = without_timm()
    if not any((folder / file).is_file() for file in WEIGHTS):
        fault = f"it holds no weights ({WEIGHTS[0]} or {WEIGHTS[1]})"
    tokenizers = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "spiece.model", "vocab.json")
    if kind in ("text", "sequence") and not fault and not any((folder / file).is_file() for file in tokenizers):
        fault = "it holds no tokenizer"
    if kind == "sequence" and not fault and not writes:
        fault = "it is an encoder alone, and is used to write texts only"
    return Weights(name, kind, kind_of, folder, fault, writes)
