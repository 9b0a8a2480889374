"""What a run with networks needs beside its search space: the packages, pretrained weights, and room for them in the sandbox.

Covers: what is left out of a space and why, in one line each; fetching weights on the host; what the warm process holds.
"""

from __future__ import annotations

from importlib.util import find_spec

from text_to_ml import pretrained
from text_to_ml.domains.shared.miniature import weights_kind
from text_to_ml.program import SearchSpace, Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.store import RunFolder
from text_to_ml.values import Domain, Task
from text_to_ml.writers.catalogue import CatalogueWriter

INSTALL = "pip install 'text-to-ml[deep]'"
DEEP = ("torch", "lightning", "transformers")
SHORTEST = 120.0
"""Seconds of the shortest run in which networks are tried: below that they take more from the search than they give."""
FETCHING = 300.0
"""Seconds of the shortest run that fetches weights."""
DOMAINS = (Domain.VISION, Domain.TEXT)


def fetch_weights(task: Task, seconds: float | None, store: RunFolder) -> None:
    """Where a deep-learning task has no pretrained model at hand: fetch the usual ones, or say once why not."""
    if task.domain not in DOMAINS or any(find_spec(p) is None for p in DEEP):
        return
    kind = weights_kind(task)
    if pretrained.at_hand(kind) or (seconds is not None and seconds < SHORTEST):
        return
    if seconds is not None and seconds < FETCHING:
        reason = f"none is on this machine, and a run of less than {FETCHING:g} s does not fetch any"
    else:
        failed = pretrained.fetch_usual(kind)
        if not failed or pretrained.at_hand(kind):
            return
        reason = failed[0][1]
    cure = f"put models into a folder and name it in {pretrained.FOLDER}; `text-to-ml doctor` shows what is at hand"
    store.append("left_out", {"names": ["pretrained models"], "reason": f"{reason}; {cure}"})


def without_networks(
    task: Task, space: SearchSpace, builtin: CatalogueWriter, seconds: float | None, store: RunFolder
) -> SearchSpace:
    """The space less the networks of the built-in writer that this machine or this run's time cannot carry; said once."""
    left = [name for name, packages in builtin.left_out(task).items() if set(packages) & set(DEEP)]
    if left:
        store.append("left_out", {"names": left, "reason": f"networks need PyTorch: {INSTALL}"})
    if seconds is None or seconds >= SHORTEST:
        return space
    deep = [c for c in space.stage(Stage.MODELING) if c.writer == builtin.name and set(c.packages) & {"torch"}]
    if deep:
        reason = f"networks take longer than this run has; give --time {SHORTEST:g}s or more"
        store.append("left_out", {"names": [c.name for c in deep], "reason": reason})
    return space.without({(c.stage, c.name) for c in deep})


def expect(space: SearchSpace, box: Sandbox) -> None:
    """Have the sandbox hold what the networks of a space import, and show it their weights."""
    deep = [c for c in space.candidates if c.network or c.pretrained]
    if not deep:
        return
    names = list(dict.fromkeys(name for c in deep for name in c.pretrained))
    imports = (
        ["text_to_ml.runtime.network", "text_to_ml.search.proxies.job"] if any(c.network for c in deep) else ["torch"]
    )
    libraries = pretrained.by_library(names)
    if libraries["timm"]:
        imports.append("timm")
    if libraries["transformers"]:
        parts = ("Model", "ModelForSeq2SeqLM", "Tokenizer", "ImageProcessor")
        types = {m.type.replace("-", "_") for m in pretrained.found() if m.name in libraries["transformers"]}
        imports += [f"transformers:Auto{part}" for part in parts]
        imports += [f"transformers.models.{t}.modeling_{t}" for t in sorted(types)]
    box.expect(imports, pretrained.folders(names))
