"""What a run with a language model will cost, before anything is sent: calls, tokens and dollars.

Input is counted on the real prompts of the task, rendered for the built-in writer's candidates; output by what modules usually take.
"""

from __future__ import annotations

from pathlib import Path

from text_to_ml.domains.base import get_domain
from text_to_ml.llm.options import REPLAY, split_model
from text_to_ml.llm.prices import Prices
from text_to_ml.llm.scripted import ScriptedLLM
from text_to_ml.llm.tokens import count_tokens
from text_to_ml.program import Stage
from text_to_ml.prompts import Prompts
from text_to_ml.start import BUILTIN, Options
from text_to_ml.values import Task
from text_to_ml.verify import rule_sentences
from text_to_ml.writers.catalogue import CatalogueWriter
from text_to_ml.writers.language_model import SYNTHETIC, VERSIONS, LanguageModelWriter
from text_to_ml.writers.space_reply import MOST_POST

OUTPUT = {
    "space": 2500,
    "plan": 600,
    SYNTHETIC: 750,
    Stage.PREPARATION: 950,
    Stage.MODELING: 650,
    Stage.POST_PROCESSING: 350,
}
"""Tokens of a usual reply."""


def estimate(task: Task, options: Options) -> tuple[int, int, int, float | None]:
    """(calls, input tokens, output tokens, dollars) if every text passes its unit tests at the first attempt; dollars None where
    the price is not known."""
    calls, tokens = 0, 0
    written = 0
    for what, count in counts(options).items():
        calls += count
        tokens += count * prompt_tokens(task, options, what)
        written += count * OUTPUT[what]
    prices = None if split_model(options.model)[0] == REPLAY else Prices.of(options.llm())
    return calls, tokens, written, 0.0 if prices is None else prices.cost(tokens, written)


def counts(options: Options) -> dict[str, int]:
    """Calls of each kind."""
    most = options.candidates
    return {
        "space": 1,
        "plan": 1,
        SYNTHETIC: VERSIONS,
        Stage.PREPARATION: most,
        Stage.MODELING: most,
        Stage.POST_PROCESSING: min(most, MOST_POST),
    }


def prompt_tokens(task: Task, options: Options, what: str) -> int:
    """Input tokens of one call of a kind."""
    domain, builtin = get_domain(task.domain), CatalogueWriter()
    asked = ScriptedLLM(["{}"])
    folder = None if options.prompts is None else Path(options.prompts)
    writer = LanguageModelWriter(
        asked,
        Prompts(folder),
        domain,
        lambda stage: rule_sentences(domain, stage),
        share=options.share,
        most=options.candidates,
        threads=1,
    )
    plan = builtin.plan(task)
    if what in ("space", "plan"):
        messages = writer.space_messages(task) if what == "space" else writer.plan_messages(task)
        return sum(count_tokens(m.content) for m in messages)
    if what == SYNTHETIC:
        writer.synthetic(task, plan, 1, (), 1)
    else:
        writer.write(task, plan, builtin.space(task).stage(Stage(what))[0], (), 1)
    return sum(count_tokens(m.content) for m in asked.requests[0].messages)


def explain_cost(task: Task, options: Options) -> list[str]:
    """What `text-to-ml check --model` adds, in lines of at most 78 characters."""
    if options.model == BUILTIN:
        return []
    calls, read, written, cost = estimate(task, options)
    price = "cost unknown (say --price IN OUT)" if cost is None else f"about ${cost:.2f}"
    return [
        f"model      {options.model}"[:78],
        f"cost       {calls} calls, {read:,} + {written:,} tokens, {price},",
        "           if every text passes at once; each further attempt adds two calls",
        f"shared     {SHARED[options.share]}",
    ]


SHARED = {
    "names": "names and kinds of columns; no value of any cell",
    "summary": "names, ranges, labels and common categories; no row",
    "rows": "names, ranges, categories and the first rows of each table",
}
