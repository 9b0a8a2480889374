"""A scripted language model that knows the task: it answers our prompts with the built-in writer's texts, or spoils them on demand.

Serves whole runs over a real local HTTP server without a network. What it is asked it finds in the prompt's first line.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import KIND, ROOT
from text_to_ml import Run, synthesize
from text_to_ml.domains.base import get_domain
from text_to_ml.llm.scripted import Fault, ScriptedServer
from text_to_ml.program import Candidate, Stage, to_json
from text_to_ml.task import check
from text_to_ml.writers.catalogue import CatalogueWriter

NAMES = {
    Stage.PREPARATION: ("plain", "scaled"),
    Stage.MODELING: ("linear", "extra_trees", "constant"),
    Stage.POST_PROCESSING: (),
}
SYNTHETIC = {
    "classification": """
import numpy as np
import pandas as pd

CLASSES = {k}


def make_features(rows, seed):
    random = np.random.default_rng(seed)
    y = (np.arange(rows) + {version}) % CLASSES
    X = pd.DataFrame({{f"x{{i}}": (y == i % CLASSES) + 0.3 * random.normal(size=rows) for i in range({version} + 2)}})
    return X.assign(cat__a=random.integers(0, 3, rows).astype("float64")), y


def make_outputs(rows, seed):
    random = np.random.default_rng(seed)
    y = np.arange(rows) % CLASSES
    said = np.where(random.random(rows) < 0.2, random.integers(0, CLASSES, rows), y)
    return 0.6 * np.eye(CLASSES)[said] + 0.4 * random.dirichlet(np.ones(CLASSES), rows), y
""",
    "regression": """
import numpy as np
import pandas as pd


def make_features(rows, seed):
    random = np.random.default_rng(seed)
    X = pd.DataFrame({{f"x{{i}}": random.normal(size=rows) for i in range({version} + 2)}})
    return X, np.exp(0.5 * X["x0"].to_numpy() + 0.1 * random.normal(size=rows))


def make_outputs(rows, seed):
    random = np.random.default_rng(seed)
    values = np.exp(random.normal(size=rows))
    return np.abs(values + 0.1 * random.normal(size=rows))[:, None], values
""",
}
Answer = str | Fault
Spoil = Callable[[str, int, str], Answer | None]


class Brain:
    """Answers one task's prompts. ``spoil(title, n, reply)`` may replace the n-th (0, 1, …) reply to prompts of a title, which is
    the first line of the prompt, for modules followed by the candidate's name. ``asked`` holds the titles in order."""

    def __init__(
        self, folder: Path, spoil: Spoil | None = None, names: dict[Stage, Sequence[str]] | None = None
    ) -> None:
        self.task = check(folder)
        self.writer = CatalogueWriter()
        self.spoil = spoil
        self.names = names or NAMES
        self.more: dict[Stage, Sequence[str]] = {}
        """What a second round suggests."""
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, request: dict[str, Any]) -> Answer:
        """The answer to one chat request."""
        prompt = str(request["messages"][1]["content"])
        title = prompt.splitlines()[0].lstrip("# ")
        found = re.search(r"^Write this module: \*\*(\w+)\*\*", prompt, re.M)
        if found:
            title = f"{title} {found[1]}"
        with self._lock:
            number = self.asked.count(title)
            self.asked.append(title)
        reply = self.answer(title, prompt)
        spoilt = self.spoil(title, number, reply) if self.spoil is not None else None
        return reply if spoilt is None else spoilt

    def answer(self, title: str, prompt: str) -> str:
        """The right answer."""
        if title.startswith("Suggest what to try next"):
            known = self.writer.space(self.task)
            more = {str(s): [entry(c) for c in known.stage(s) if c.name in self.more.get(s, ())] for s in Stage}
            return json.dumps(more)
        if title.startswith("Suggest"):
            return json.dumps(self.space())
        if title.startswith("Make the plan"):
            return (
                "Here is the plan.\n```json\n"
                + json.dumps(to_json(get_domain("tabular").default_plan(self.task)))
                + "\n```"
            )
        if title.startswith("Write a program for synthetic"):
            version = int(re.findall(r"Write version (\d)", prompt)[0])
            kind = "regression" if self.task.category.is_regression else "classification"
            return fenced(SYNTHETIC[kind].format(k=len(self.task.classes), version=version))
        if title.startswith("Reflect"):
            return "The rule failed because of the line that was changed. I take it back."
        if title.startswith("Write one module"):
            stage, name = re.findall(r"Write one module: ([\w -]+) (\w+)$", title)[0]
            stage = Stage(stage.replace("-", "_").replace(" ", "_"))
            space = self.writer.space(self.task)
            written = self.writer.write(self.task, self.writer.plan(self.task), space.find(stage, name), (), 1)
            assert written is not None
            return f"Here is the module.\n\n{fenced(written.source)}\nIt keeps the rules."
        raise AssertionError(f"the brain knows no prompt {title!r}")

    def space(self) -> dict[str, Any]:
        """A few candidates of the catalogue, as a reply."""
        space = self.writer.space(self.task)
        reply: dict[str, Any] = {
            "domain": str(self.task.domain),
            "category": str(self.task.category),
            "output_form": str(self.task.form),
        }
        for stage in Stage:
            wanted = self.names[stage]
            chosen = [c for c in space.stage(stage) if c.name in wanted] if wanted else list(space.stage(stage))[:2]
            reply[str(stage)] = [entry(c) for c in chosen]
        return reply


def entry(candidate: Candidate) -> dict[str, Any]:
    """A candidate as a reply says it."""
    return {
        "name": candidate.name,
        "summary": candidate.summary or candidate.name,
        "packages": list(candidate.packages),
        "hyperparameters": [
            {"name": h.name, "kind": h.kind, "low": h.low, "high": h.high, "log": h.log,
             "choices": list(h.choices) or None, "default": h.default}
            for h in candidate.hyperparameters
        ],
    }  # fmt: skip


def fenced(source: str) -> str:
    """A source in a fenced block."""
    return f"```python\n{source.strip()}\n```"


IRIS = ROOT / "examples/iris"
FEW = {Stage.PREPARATION: ("plain",), Stage.MODELING: ("linear",), Stage.POST_PROCESSING: ("argmax",)}
KEY = "sk-a-key-that-must-stay-secret"


def go(server: ScriptedServer, out: Path, **options: Any) -> Run:
    """One small run against a server."""
    given = {"evaluations": 3, "sandbox": KIND, "workers": 2, "candidates": 3, **options}
    task = given.pop("task", IRIS)
    return synthesize(task, model="openai:brain", base_url=server.base_url, out=out, **given)


def text_of(folder: Path) -> str:
    """Everything that a run folder holds, as text."""
    return "\n".join(p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*") if p.is_file())


def spoil_first(**answers: Any) -> Spoil:
    """The first reply to each title that holds a key is replaced."""

    def spoil(title: str, number: int, reply: str) -> Any:
        for key, answer in answers.items():
            if key.replace("_", " ") in title.replace("_", " ") and number == 0:
                return answer(reply) if callable(answer) else answer
        return None

    return spoil
