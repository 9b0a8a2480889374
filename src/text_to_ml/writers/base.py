"""Writer: whoever writes the search space, the plan, the synthetic data programs and the modules.

Members: `CatalogueWriter` (built in, no network) and `LanguageModelWriter` (prompts). The generation loop (Algorithm 1)
is the same for both: `write` is called again with the reports of the attempts so far until the text is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from text_to_ml.board import Board
from text_to_ml.plan import Plan
from text_to_ml.program import Candidate, SearchSpace
from text_to_ml.values import Task


@dataclass(frozen=True)
class Attempt:
    """One code-producing call: what was written, what the unit tests said, and the writer's reflection on what they said
    (made when the next attempt begins)."""

    number: int
    source: str
    feedback: str
    reflection: str = ""


@dataclass(frozen=True)
class Written:
    """What a writer gives back for one attempt.

    source      the text of the module, "" where the reply holds none
    fault       why there is no text; it is the feedback of this attempt
    reflection  on the attempt before (paper, section C.4); "" at the first
    """

    source: str
    fault: str = ""
    reflection: str = ""


class Writer(Protocol):
    """Writes for one task at a time; safe to call from several threads. Raises `LLMError` where it cannot go on."""

    name: str

    def space(self, task: Task) -> SearchSpace:
        """Suggest the candidates of all stages and the configurations to try first (paper, Appendix C.2)."""
        ...

    def more(self, task: Task, space: SearchSpace, board: Board, number: int) -> SearchSpace:
        """For round ``number`` of a search: new candidates, whose names ``space`` does not hold, and configurations to try first."""
        ...

    def plan(self, task: Task) -> Plan:
        """The plan P (paper, Algorithm 3, line 4), allowed by the domain's protocol."""
        ...

    def synthetic(
        self, task: Task, plan: Plan, version: int, attempts: Sequence[Attempt], number: int
    ) -> Written | None:
        """Attempt ``number`` at the ``version``-th program for synthetic data (paper, Algorithm 3, line 10); None: no more."""
        ...

    def write(
        self, task: Task, plan: Plan, candidate: Candidate, attempts: Sequence[Attempt], number: int
    ) -> Written | None:
        """Attempt ``number`` at a candidate's module, given the remembered attempts; None: the writer gives up on it."""
        ...
