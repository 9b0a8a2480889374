"""The prompts as a language model reads them: snapshots of the rendered text, strict names, replacement.

After a change that is meant: UPDATE_SNAPSHOTS=1 pytest tests/writers/test_prompts.py, and read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from text_to_ml.board import Board, Row, Standing
from text_to_ml.domains.base import get_domain
from text_to_ml.errors import OptionError
from text_to_ml.llm.base import Message
from text_to_ml.llm.scripted import ScriptedLLM
from text_to_ml.program import Stage
from text_to_ml.prompts import Prompts, prompt_names
from text_to_ml.runtime.metric_rules import RULES
from text_to_ml.task import check
from text_to_ml.verify import rule_sentences
from text_to_ml.writers.base import Attempt
from text_to_ml.writers.catalogue import CatalogueWriter
from text_to_ml.writers.language_model import LanguageModelWriter

IRIS = Path(__file__).parents[2] / "examples/iris"
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
MACHINE = {
    "python": "3.11.7",
    "packages": ["numpy 2.4", "pandas 3.1"],
    "threads": 1,
    "cores": 2,
    "memory_gb": 8,
    "device": "no GPU",
}
FAILED = (
    Attempt(1, "", "The reply held no code.", "A block was missing."),
    Attempt(2, "def build_model():\n    pass\n", "Rule model_fits_and_predicts: …\nFailed:\n  TypeError: no"),
)


def writer(prompts: Prompts | None = None) -> LanguageModelWriter:
    domain = get_domain("tabular")

    def rules(stage: str) -> Sequence[tuple[str, str]]:
        return rule_sentences(domain, stage)

    made = LanguageModelWriter(
        ScriptedLLM(["a reflection", "a reply", "a reply"]),
        prompts or Prompts(),
        domain,
        rules,
        share="summary",
        most=5,
        threads=1,
    )
    made.machine = MACHINE
    return made


def board() -> Board:
    """What a search of the example might have found."""
    space = CatalogueWriter().space(check(IRIS))
    rows = tuple(Row(p, 0.96 - 0.01 * i, 0.0123, 1.5) for i, p in enumerate(space.portfolio[2:5]))
    standings = (
        Standing(Stage.PREPARATION, "scaled", 8, 0.96, 0.25),
        Standing(Stage.MODELING, "linear", 5, 0.96, 0.1),
        Standing(Stage.MODELING, "svm", 4, None, 0.9, {"ValueError": 2, "timed out": 1}),
    )
    influence = {Stage.PREPARATION: 0.05, Stage.MODELING: 0.71, Stage.POST_PROCESSING: 0.0}
    dropped = ((Stage.MODELING, "mlp"),)
    return Board("accuracy", "maximize", rows, standings, influence, dropped, frozenset(str(i) for i in range(12)))


def asked(kind: str) -> Sequence[Message]:
    """The messages of one kind of request."""
    task, one, builtin = check(IRIS), writer(), CatalogueWriter()
    plan = builtin.plan(task)
    if kind in ("system", "space"):
        return one.space_messages(task)
    if kind == "round":
        return one.round_messages(task, builtin.space(task), board())
    if kind == "plan":
        return one.plan_messages(task)
    if kind == "synthetic":
        one.synthetic(task, plan, 2, (), 1)
    elif kind == "metric":
        one.metric(
            task, "The blunder index.", ["labels", "probabilities"], [(r.name, r.sentence) for r in RULES], (), 1
        )
    elif kind in ("module", "data_preparation"):
        stage, name = (Stage.PREPARATION, "scaled") if kind == "data_preparation" else (Stage.MODELING, "linear")
        one.write(task, plan, builtin.space(task).find(stage, name), (), 1)
    else:
        one.write(task, plan, builtin.space(task).find(Stage.MODELING, "linear"), FAILED, 3)
    assert isinstance(one.llm, ScriptedLLM)
    return one.llm.requests[0 if kind == "reflect" else -1].messages


@pytest.mark.parametrize(
    "kind",
    [
        "system",
        "space",
        "plan",
        "synthetic",
        "module",
        "data_preparation",
        "module_again",
        "reflect",
        "metric",
        "round",
    ],
)
def test_a_prompt_reads_as_its_snapshot(kind: str) -> None:
    text = asked(kind)[0 if kind == "system" else 1].content
    path = SNAPSHOTS / f"{kind}.md"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert "\n\n\n\n" not in text and "{{" not in text and "{%" not in text


def test_the_system_message_is_the_same_for_every_request() -> None:
    assert len({asked(kind)[0].content for kind in ("space", "plan", "synthetic", "module", "reflect")}) == 1


def test_every_prompt_file_is_under_test() -> None:
    tops = {name.removesuffix(".md") for name in prompt_names() if "/" not in name}
    assert tops == {"system", "space", "plan", "synthetic", "module", "reflect", "metric", "round"}


def test_a_replaced_prompt_that_names_what_is_not_given_says_so(tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_text("{{ nonsense }}")
    with pytest.raises(OptionError, match=r"plan\.md in .*'nonsense' is undefined. It may use: plan_contract"):
        writer(Prompts(tmp_path)).plan_messages(check(IRIS))


def test_a_file_that_is_no_prompt_is_refused(tmp_path: Path) -> None:
    (tmp_path / "modul.md").write_text("x")
    with pytest.raises(OptionError, match=r"modul\.md is not a prompt. Did you mean 'module\.md'"):
        Prompts(tmp_path)
