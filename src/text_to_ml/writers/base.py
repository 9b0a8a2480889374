"""Writer: whoever writes the search space and the modules.

Members: `CatalogueWriter` (built in, no network) and `LanguageModelWriter` (prompts). The generation loop (Algorithm 1)
is the same for both: `write` is called again with the report of the last attempt until the module is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from text_to_ml.program import Candidate, Module, SearchSpace
from text_to_ml.values import Task


@dataclass(frozen=True)
class Attempt:
    """One code-producing call: what was written and what the unit tests said (feedback is "" when it passed)."""

    source: str
    feedback: str
    reflection: str = ""


class Writer(Protocol):
    """Writes for one task at a time; safe to call from several threads."""

    name: str

    def space(self, task: Task) -> SearchSpace:
        """Suggest the candidates of all stages and the configurations to try first (paper, Appendix C.2)."""
        ...

    def write(self, task: Task, candidate: Candidate, attempts: Sequence[Attempt]) -> Module | None:
        """Write the module of a candidate, given the failed attempts so far; None: the writer gives up on it."""
        ...
