"""Data preparation candidates of tables: what each does, its hyperparameters, and the columns of this task that it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from text_to_ml.domains.shared.catalogue.loading import date_options, literal, loading
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.values import Category, Task


@dataclass(frozen=True)
class Recipe:
    """One candidate: the template's flags, and what the task must have for it to be worth trying."""

    summary: str
    encoding: str = "one_hot"
    scaling: str = "standard"
    extra: str = ""
    hyperparameters: tuple[Hyperparameter, ...] = ()
    needs: str = ""


RARE = Hyperparameter("min_share", "float", 0.01, 0.001, 0.1, log=True)
RECIPES: dict[str, Recipe] = {
    "plain": Recipe("Missing numbers become the median, categories become codes.", "codes", ""),
    "scaled": Recipe(
        "Missing numbers become the median, categories one column per level; all columns scaled.",
        hyperparameters=(Hyperparameter("scaling", "categorical", "standard", choices=("standard", "robust")), RARE),
    ),
    "rank_gauss": Recipe(
        "Columns follow a normal distribution by their ranks.",
        scaling="rank",
        hyperparameters=(Hyperparameter("quantiles", "int", 200, 20, 1000, log=True),),
    ),
    "power": Recipe("Skewed columns are made symmetric (Yeo-Johnson).", scaling="power", hyperparameters=(RARE,)),
    "target_encoded": Recipe(
        "Categories become the smoothed mean of the target, learnt in fit.",
        "target",
        "",
        hyperparameters=(Hyperparameter("smoothing", "float", 10.0, 1.0, 100.0, log=True),),
        needs="categories",
    ),
    "frequency_encoded": Recipe(
        "Categories become their share of the training rows.",
        "frequency",
        "",
        hyperparameters=(Hyperparameter("logarithm", "categorical", True, choices=(True, False)),),
        needs="categories",
    ),
    "splines": Recipe(
        "Numeric columns are joined by smooth curves of themselves.",
        extra="splines",
        hyperparameters=(Hyperparameter("knots", "int", 4, 3, 8),),
        needs="numbers",
    ),
    "selected": Recipe(
        "Only the columns that tell most about the target.",
        extra="selected",
        hyperparameters=(
            Hyperparameter("share", "float", 0.5, 0.1, 0.95),
            Hyperparameter("criterion", "categorical", "f", choices=("f", "mutual")),
        ),
    ),
    "interactions": Recipe(
        "Products of the columns that follow the target most closely are added.",
        extra="interactions",
        hyperparameters=(Hyperparameter("top", "int", 5, 2, 10),),
    ),
    "pca": Recipe(
        "Principal components, alone or beside the columns.",
        extra="pca",
        hyperparameters=(
            Hyperparameter("variance", "float", 0.95, 0.6, 0.99),
            Hyperparameter("keep", "categorical", True, choices=(True, False)),
        ),
    ),
    "clusters": Recipe(
        "Distances to the centres of clusters are added.",
        extra="clusters",
        hyperparameters=(Hyperparameter("clusters_wanted", "int", 8, 2, 30, log=True),),
    ),
    "knn_imputed": Recipe(
        "Missing numbers are filled from similar rows.",
        extra="knn",
        hyperparameters=(Hyperparameter("neighbours", "int", 5, 2, 20),),
        needs="missing",
    ),
}
MANY_COLUMNS = 300


def candidates(task: Task) -> list[Candidate]:
    """The candidates that this task's columns call for."""
    columns = task.features
    has = {
        "categories": any(c.kind in ("category", "boolean") for c in columns),
        "numbers": any(c.kind in ("number", "integer") for c in columns),
        "missing": any(c.missing and c.kind in ("number", "integer") for c in columns),
        "": True,
    }
    wide = {"splines", "knn_imputed"} if len(columns) > MANY_COLUMNS else set()
    if len(columns) > 40:
        wide |= {"power"}  # a search for each column: too slow for what it brings
    if task.rows > 20_000:
        wide |= {"knn_imputed"}
    return [
        Candidate(Stage.PREPARATION, name, recipe.summary, fitting(recipe, has["categories"]))
        for name, recipe in RECIPES.items()
        if has[recipe.needs] and name not in wide
    ]


def fitting(recipe: Recipe, categories: bool) -> tuple[Hyperparameter, ...]:
    """The hyperparameters that mean something for this task."""
    return tuple(h for h in recipe.hyperparameters if categories or h.name != "min_share")


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    recipe = RECIPES[candidate.name]
    columns = task.features
    kinds = {
        "numbers": [c.name for c in columns if c.kind in ("number", "integer")],
        "categories": [c.name for c in columns if c.kind in ("category", "boolean")],
        "dates": [c.name for c in columns if c.kind == "date"],
        "texts": [c.name for c in columns if c.kind == "text"],
    }
    missing = any(c.missing and c.kind in ("number", "integer") for c in columns)
    classification = task.category.is_classification
    dates = kinds["dates"]
    return {
        **{k: (literal(v) if v else "") for k, v in kinds.items()},
        "summary": recipe.summary,
        "encoding": recipe.encoding,
        "scaling": recipe.scaling,
        "extra": recipe.extra,
        "indicators": missing and recipe.extra != "knn",
        "number_texts": any(c.kind == "number" and c.low is None for c in columns),
        **loading(task),
        "time": literal(dates[0]) if task.entity is not None and dates else "",
        "date_options": date_options([c for c in columns if c.kind == "date"]),
        "clock": any(re.search(r"\d:\d\d", e) and "00:00:00" not in e for c in columns if c.kind == "date" for e in c.examples),
        "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.hyperparameters),
        "names": [h.name for h in candidate.hyperparameters],
        "multiclass": task.category is Category.MULTICLASS,
        "n_classes": len(task.classes),
        "mutual": "mutual_info_classif" if not task.category.is_regression else "mutual_info_regression",
        "ftest": "f_classif" if not task.category.is_regression else "f_regression",
        "selectors": "f_regression, mutual_info_regression" if not classification and task.category.is_regression
        else "f_classif, mutual_info_classif",
    }  # fmt: skip
