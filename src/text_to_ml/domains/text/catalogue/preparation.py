"""Data preparation candidates of texts: how each cleans texts, what it counts beside them, and the tasks that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from text_to_ml.domains.shared.catalogue.loading import date_options, literal, loading
from text_to_ml.domains.text.columns import kinds_of, long_texts
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.task.choices import options_of
from text_to_ml.values import Category, Task


@dataclass(frozen=True)
class Recipe:
    """One candidate: the template's flags, and what the task must have for it to be worth trying."""

    summary: str
    flags: frozenset[str]
    hyperparameters: tuple[Hyperparameter, ...] = ()
    needs: str = ""


def recipe(summary: str, flags: str, *hyperparameters: Hyperparameter, needs: str = "") -> Recipe:
    """A recipe; ``flags`` apart by blanks."""
    return Recipe(summary, frozenset(flags.split()), hyperparameters, needs)


RECIPES: dict[str, Recipe] = {
    "raw": recipe("Texts as they are; their lengths beside them.", "lengths"),
    "plain": recipe(
        "HTML is taken out, blanks are joined, letters become small; lengths beside the texts.", "html lower lengths"
    ),
    "tidy": recipe("HTML is taken out and blanks are joined; capitals stay.", "html lengths", needs="sequence"),
    "bare": recipe(
        "Small letters without accents and marks; numbers become one sign.",
        "html lower accents marks lengths",
        Hyperparameter("keep_numbers", "categorical", False, choices=(False, True)),
    ),
    "stemmed": recipe(
        "Words are cut to their stems by a few English endings.",
        "html lower marks stem lengths",
        Hyperparameter("shortest", "int", 4, 3, 6),
    ),
    "negated": recipe(
        "Words that follow a negation are marked, up to the next mark.",
        "html lower negate lengths",
        Hyperparameter("reach", "int", 4, 1, 10),
        needs="numbers",
    ),
    "style": recipe(
        "Texts without HTML, and counts of how they are written: lengths, marks, capitals, variety.",
        "html lower lengths style",
        needs="numbers",
    ),
    "written": recipe(
        "Texts as they are, and counts of how they are written: lengths, marks, capitals, variety.",
        "lengths style",
        needs="numbers",
    ),
    "joined": recipe(
        "All texts of a row in one, beside them their lengths.", "html lower join lengths", needs="several"
    ),
    "pairs": recipe(
        "How much each two texts of a row share, beside the texts.", "html lower lengths pairs", needs="several"
    ),
    "ends": recipe(
        "The beginning and the end of long texts.",
        "html lower ends lengths",
        Hyperparameter("beginning", "int", 150, 30, 400, log=True),
        Hyperparameter("ending", "int", 100, 20, 400, log=True),
        needs="long",
    ),
}


def candidates(task: Task) -> list[Candidate]:
    """The candidates that this task's columns call for."""
    texts = [n for n, kind in kinds_of(task).items() if kind == "text"]
    options = options_of(task)
    sequence = task.category is Category.SEQUENCE
    has = {
        "": True,
        "several": len(texts) > 1 and not options,
        "long": long_texts(task) and not options,
        "sequence": sequence,
        "numbers": not sequence,
    }
    return [
        Candidate(Stage.PREPARATION, name, found.summary, found.hyperparameters)
        for name, found in RECIPES.items()
        if has[found.needs]
    ]


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    found = RECIPES[candidate.name]
    kinds = kinds_of(task)
    profiles = {c.name: c for c in task.samples_table.columns}

    def names(kind: str) -> str:
        chosen = [n for n, k in kinds.items() if k == kind]
        return literal(chosen) if chosen else ""

    return {
        "flags": found.flags,
        "cleans": bool(found.flags & {"html", "lower", "accents", "marks", "stem", "negate", "ends"}),
        "patterns": bool(found.flags & {"html", "marks", "stem", "negate", "style", "pairs"}),
        "summary": found.summary,
        "texts": names("text"),
        "numbers": names("number"),
        "categories": names("category"),
        "dates": names("date"),
        "date_options": date_options([profiles[n] for n, k in kinds.items() if k == "date"]),
        **loading(task),
        "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.hyperparameters),
        "names": [h.name for h in candidate.hyperparameters],
    }
