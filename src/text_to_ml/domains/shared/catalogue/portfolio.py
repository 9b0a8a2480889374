"""Parts of portfolios: from entries to the configurations to try first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from text_to_ml.program import Choice, Configuration, SearchSpace, Stage, Value

Entry = tuple[str, str, dict[str, Value]]
"""Preparation, model, and values of the model that are not its defaults."""


def configurations(space: SearchSpace, entries: Iterable[tuple[Entry, str]]) -> tuple[Configuration, ...]:
    """The configurations of these entries, each with its post-processing, whose candidates the space holds; none twice."""
    found: list[Configuration] = []
    for (preparation, model, values), post in entries:
        configuration = configure(space, preparation, model, values, post)
        if configuration is not None and configuration not in found:
            found.append(configuration)
    return tuple(found)


def woven(classical: Sequence[Entry], networks: Sequence[Entry], first: int = 3) -> list[Entry]:
    """Entries of networks among those of classical models: the first after ``first`` of these, then every second one."""
    mixed, waiting = list(classical[:first]), list(classical[first:])
    for entry in networks:
        mixed += [entry, *waiting[:1]]
        waiting = waiting[1:]
    return [*mixed, *waiting]


def usual_post(names: list[str]) -> str:
    """The post-processing that most entries take."""
    for name in ("ordinal", "prior_corrected", "clipped", "as_they_are"):
        if name in names:
            return name
    return names[0]


def configure(
    space: SearchSpace, preparation: str, model: str, values: dict[str, Value], post: str
) -> Configuration | None:
    """A configuration at its defaults but for ``values``; None where the space lacks a candidate."""
    try:
        chosen = {
            Stage.PREPARATION: space.find(Stage.PREPARATION, preparation),
            Stage.MODELING: space.find(Stage.MODELING, model),
            Stage.POST_PROCESSING: space.find(Stage.POST_PROCESSING, post),
        }
    except KeyError:
        return None
    choices = {stage: Choice(c.name, c.defaults()) for stage, c in chosen.items()}
    known = {h.name for h in chosen[Stage.MODELING].hyperparameters}
    changed = {**choices[Stage.MODELING].values, **{k: v for k, v in values.items() if k in known}}
    choices[Stage.MODELING] = Choice(model, changed)
    return Configuration(choices)
