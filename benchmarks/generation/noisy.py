"""A language model that is none: it knows the catalogue's modules, and errs in each token with probability epsilon.

    NoisyLLM(bench, epsilon=0.002, repair=0.5, seed=0)        # on the command line: --model noisy:0.002,0.5

Answers requests for a module or for a whole program with the right text, sent through the noisy channel. Where the prompt holds what
unit tests or a run said of its last text, it sets right some of what that points at (`channel.py`) and writes all of it anew.
"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass

from benchmarks.generation.bench import Bench
from benchmarks.generation.channel import Channel, Noisy
from benchmarks.generation.whole import Whole, whole

from text_to_ml.llm.base import Reply, Request
from text_to_ml.program import STAGES, Stage

FEEDBACK = re.compile(
    r"^## (?:Unit-test feedback|What happened when it was run)\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE
)
MAIN = 'sys.exit(main(WORKFLOW, fit, predict, __doc__ or ""))'
STARTED = (
    'sys.exit(main(WORKFLOW, fit, predict, __doc__ or "", ["predict", "--workspace", sys.argv[1], "--input", sys.argv[2], '
    '"--output", sys.argv[3], "--model", "model.joblib"]))'
)
REFLECTION = "The text differs from what was meant where the report points. That token is to be set right."


@dataclass
class Thread:
    """One text being written: the channel around it, what stands around it, and what was written last."""

    channel: Channel
    program: Whole | None = None
    last: Noisy | None = None


class NoisyLLM:
    """See the head of this file. Safe for several threads."""

    def __init__(self, bench: Bench, epsilon: float, repair: float = 0.0, seed: int = 0) -> None:
        self.name = f"noisy:{epsilon:g},{repair:g}"
        self.bench = bench
        self.epsilon = epsilon
        self.repair = repair
        self.random = random.Random(seed)
        self.threads: dict[str, Thread] = {}
        self._lock = threading.Lock()
        self._pieces = {stage: bench.pieces(stage) for stage in STAGES}

    def complete(self, request: Request) -> Reply:
        """The reply to one request of the benchmark."""
        kind, _, place = request.purpose.partition("/")
        if kind == "reflect":
            return Reply(REFLECTION, self.name)
        found = FEEDBACK.search(f"{request.messages[-1].content}\n## ")
        with self._lock:
            text = self.text(kind, place.rpartition("/")[0], found[1] if found else None)
        return Reply(f"```python\n{text.rstrip()}\n```", self.name)

    def text(self, kind: str, place: str, feedback: str | None) -> str:
        """A module or a program, noisy; with ``feedback`` the last one of this place, mended in parts."""
        if feedback is None or place not in self.threads:
            self.threads[place] = self.program() if kind == "program" else self.module(place)
        thread = self.threads[place]
        thread.last = thread.channel.write(thread.last, feedback or "")
        if thread.program is None:
            return thread.last.text
        return thread.program.source(thread.last.text).replace(MAIN, STARTED)

    def module(self, place: str) -> Thread:
        """The right text of a module: "stage/name"."""
        stage, _, name = place.partition("/")
        return Thread(self.channel(self.bench.piece(Stage(stage), name).module.source))

    def program(self) -> Thread:
        """The right text of a program of three modules, drawn by chance."""
        program = whole([self.random.choice(self._pieces[stage]) for stage in STAGES], self.bench.setting)
        return Thread(self.channel(program.written, program.head.count("\n")), program)

    def channel(self, text: str, above: int = 0) -> Channel:
        """A channel around a text, with chance of its own."""
        return Channel(text, self.epsilon, self.repair, random.Random(self.random.random()), above)

    def close(self) -> None:
        """Nothing to give back."""
