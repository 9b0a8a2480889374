"""The writer that asks a language model: search space, plan, synthetic data programs, modules (paper: Appendix C.1, C.2, C.4).

Covers: which prompt is asked with what, and what becomes of the reply. Does not cover: the loop that verifies and asks
again (`generate`), retries and spending (`llm`), the words of the prompts (`prompts/*.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from text_to_ml.board import Board
from text_to_ml.domains.base import NETWORK, DomainFamily
from text_to_ml.errors import LLMReplyError
from text_to_ml.llm.base import LLM, Message, Reply, Request
from text_to_ml.llm.replies import code_of
from text_to_ml.llm.structured import ask_json
from text_to_ml.plan import Plan, plan_from_json
from text_to_ml.program import FINE_TUNING, Candidate, SearchSpace, Stage
from text_to_ml.prompts import Prompts
from text_to_ml.values import Task
from text_to_ml.writers import round_reply, space_reply
from text_to_ml.writers.base import Attempt, Written
from text_to_ml.writers.view import machine_view, task_view

VERSIONS = 3
"""N, the number of synthetic data programs (paper, Algorithm 3)."""
REFLECTION_TOKENS = 1024
SYNTHETIC = "synthetic_data"
Rules = Callable[[str], Sequence[tuple[str, str]]]


class LanguageModelWriter:
    """Writes by asking ``llm``.

    rules   stage ("data_preparation", "modeling", "post_processing", "synthetic_data") → (name, sentence) of each unit test
    most    candidates asked for per stage
    share   what of the task may be shown: names, summary or rows
    weights names of pretrained models that are at hand
    """

    def __init__(
        self,
        llm: LLM,
        prompts: Prompts,
        domain: DomainFamily,
        rules: Rules,
        *,
        share: str,
        most: int,
        threads: int,
        weights: Sequence[str] = (),
    ) -> None:
        self.name = llm.name
        self.llm = llm
        self.prompts = prompts
        self.domain = domain
        self.rules = rules
        self.share = share
        self.most = most
        self.weights = tuple(weights)
        self.machine = machine_view(threads, domain.networks)

    def messages(self, task: Task, prompt: str, **context: Any) -> tuple[Message, ...]:
        """The system message, which is the same for every request of a run, and one prompt."""
        system = self.prompts.render(
            "system", task=task_view(task, self.share), machine=self.machine, contract=self.domain.contract().strip()
        )
        return Message("system", system), Message("user", self.prompts.render(prompt, **context))

    def space(self, task: Task) -> SearchSpace:
        """Ask for the classification of the task and its candidates, until the reply has no faults."""
        data, _ = ask_json(
            self.llm,
            self.space_messages(task),
            purpose="space",
            schema=space_reply.schema(self.domain.networks),
            check=lambda reply: space_reply.faults(reply, task, self.most, self.weights),
        )
        return space_reply.space_of(data, self.most, self.name)

    def space_messages(self, task: Task) -> tuple[Message, ...]:
        """What is asked for the search space."""
        return self.messages(
            task,
            "space",
            categories=space_reply.category_names(),
            most=self.most,
            most_post=min(self.most, space_reply.MOST_POST),
            most_hyperparameters=space_reply.MOST_HYPERPARAMETERS,
            taken=space_reply.TAKEN,
            prepared=self.domain.prepared,
            rows=task.rows,
            networks=self.domain.networks,
            fine_tuning=FINE_TUNING,
            weights=self.weights,
        )

    def more(self, task: Task, space: SearchSpace, board: Board, number: int) -> SearchSpace:
        """Ask for new candidates, given what was found so far, until the reply has no faults."""
        most = max(2, self.most // 2)
        data, _ = ask_json(
            self.llm,
            self.round_messages(task, space, board),
            purpose=f"round/{number}",
            schema=round_reply.schema(self.domain.networks),
            check=lambda reply: round_reply.faults(reply, space, most, self.weights),
        )
        return round_reply.space_of(data, space, board, most, self.name, number)

    def round_messages(self, task: Task, space: SearchSpace, board: Board) -> tuple[Message, ...]:
        """What is asked for another round."""
        return self.messages(
            task,
            "round",
            most=max(2, self.most // 2),
            most_hyperparameters=space_reply.MOST_HYPERPARAMETERS,
            taken=space_reply.TAKEN,
            task_rows=task.rows,
            networks=self.domain.networks,
            fine_tuning=FINE_TUNING,
            weights=self.weights,
            **round_reply.view(board, space),
        )

    def plan(self, task: Task) -> Plan:
        """Ask for the plan until the protocol allows it (paper, Algorithm 3, lines 3 to 6)."""
        data, _ = ask_json(
            self.llm,
            self.plan_messages(task),
            purpose="plan",
            schema=PLAN_SCHEMA,
            check=lambda reply: self._plan_faults(task, reply),
        )
        return plan_from_json(data)

    def plan_messages(self, task: Task) -> tuple[Message, ...]:
        """What is asked for the plan."""
        return self.messages(task, "plan", plan_contract=self.domain.describe_plan(task))

    def _plan_faults(self, task: Task, data: Mapping[str, Any]) -> list[str]:
        try:
            plan = plan_from_json(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return [f"the plan has not the form of the contract ({type(error).__name__}: {error})."]
        return list(self.domain.plan_faults(task, plan))

    def synthetic(
        self, task: Task, plan: Plan, version: int, attempts: Sequence[Attempt], number: int
    ) -> Written | None:
        """Ask for D_n."""
        if version > VERSIONS:
            return None
        context = {
            "version": version,
            "versions": VERSIONS,
            "classes": bool(task.classes),
            "synthetic_contract": self.domain.synthetic_contract(),
            "rules": self.rules(SYNTHETIC),
        }
        return self._attempt(task, plan, "synthetic", f"{SYNTHETIC}/{version}", context, attempts, number)

    def write(
        self, task: Task, plan: Plan, candidate: Candidate, attempts: Sequence[Attempt], number: int
    ) -> Written | None:
        """Ask for the module of a candidate."""
        required = self.domain.required[candidate.stage]
        context = {
            "stage": str(candidate.stage).replace("_", " "),
            "rules": self.rules(NETWORK if candidate.network else candidate.stage),
            "real_files": candidate.stage is Stage.PREPARATION,
            "candidate": candidate,
            "callable": required[-1],
            "required": [f"`{name}`" for name in required],
        }
        purpose = f"{candidate.stage}/{candidate.name}"
        return self._attempt(task, plan, "module", purpose, context, attempts, number)

    def metric(
        self,
        task: Task,
        text: str,
        forms: Sequence[str],
        rules: Sequence[tuple[str, str]],
        attempts: Sequence[Attempt],
        number: int,
    ) -> Written:
        """Ask for a metric that the task names and that is not known; ``text``: what the task says of it."""
        context = {"metric_text": text, "forms": list(forms), "rules": rules}
        return self._attempt(task, None, "metric", "metric", context, attempts, number)

    def _attempt(
        self,
        task: Task,
        plan: Plan | None,
        prompt: str,
        purpose: str,
        context: Mapping[str, Any],
        attempts: Sequence[Attempt],
        number: int,
    ) -> Written:
        """Reflect on the last attempt where there is one, then ask for the text (Φ; paper, section C.4)."""
        reflection = self._reflect(task, purpose, attempts[-1], number) if attempts else ""
        shown = {} if plan is None else {"plan": plan.text()}
        messages = self.messages(task, prompt, attempts=list(attempts), reflection=reflection, **shown, **context)
        reply = self.llm.complete(Request(messages, f"write/{purpose}/{number}"))
        return written(reply, reflection)

    def _reflect(self, task: Task, purpose: str, attempt: Attempt, number: int) -> str:
        what = purpose.replace("_", " ").replace("/", ": ")
        messages = self.messages(task, "reflect", what=what, attempt=attempt)
        reply = self.llm.complete(Request(messages, f"reflect/{purpose}/{number}", None, REFLECTION_TOKENS))
        return " ".join(reply.text.split())[:3000]


def written(reply: Reply, reflection: str = "") -> Written:
    """The code of a reply, or the fault for which there is none."""
    if reply.finish == "length":
        return Written(
            "", "The reply was cut at its token limit before the code ended. Write a shorter module.", reflection
        )
    try:
        return Written(code_of(reply.text), "", reflection)
    except LLMReplyError as error:
        return Written("", str(error), reflection)


DIMENSION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["meaning", "size", "low", "high"],
    "properties": {
        "meaning": {"type": "string"},
        "size": {"type": ["integer", "null"]},
        "low": {"type": ["integer", "null"]},
        "high": {"type": ["integer", "null"]},
    },
}
PLAN_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["tensors", "isomorphic", "columns"],
    "properties": {
        "tensors": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "dtype", "dimensions"],
                "properties": {
                    "name": {"type": "string"},
                    "dtype": {"type": "string"},
                    "dimensions": {"type": "array", "items": DIMENSION},
                },
            },
        },
        "isomorphic": {"type": "array", "items": {"type": "string"}},
        "columns": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
