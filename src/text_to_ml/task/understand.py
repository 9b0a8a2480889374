"""Understand: from a description and a folder to a `Task` — files and their roles, targets, category, metric, split.

What is ambiguous is asked for in an error that names the candidates and the line to add to the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import DataError, TaskError, did_you_mean
from text_to_ml.metrics import check_fits, default_metric, find_metric, get_metric, load_metric
from text_to_ml.task.choices import option_columns
from text_to_ml.task.documents import document_folders
from text_to_ml.task.files import Found, find_files
from text_to_ml.task.image_frames import NAME, name_column
from text_to_ml.task.images import find_images, has_images
from text_to_ml.task.places import own_files
from text_to_ml.task.profile import are_numbers
from text_to_ml.task.reading import is_table
from text_to_ml.task.tags import with_tags
from text_to_ml.task.targets import find_targets
from text_to_ml.values import Category, Column, Description, Domain, Form, Table, Task

if TYPE_CHECKING:
    import pandas as pd

POSITIVE = ("1", "yes", "true", "positive", "y", "t", "malignant", "churn", "default", "fraud", "spam", "sick", "dead")
MAX_CLASSES = 1000
MAX_IDENTITIES = 5000
"""Classes of images: who is to be recognised may be one of many."""
MOST_NUMBERS = 20
"""So many different numbers, written as texts, may be classes."""


def understand(description: Description, workspace: Path) -> Task:
    """The task as it is understood; raises DataError, TaskError or AmbiguousTaskError with the cure."""
    domain = domain_of(description, workspace)
    if domain is Domain.VISION:
        found = find_images(description, workspace)
    else:
        found = with_tags(description, find_files(description, workspace, domain is Domain.TEXT))
    notes = list(found.notes)
    targets = find_targets(description, found)
    frame = found.labels if found.labels is not None else found.samples
    frame = frame.dropna(subset=list(targets), how="any") if set(targets) <= set(frame.columns) else frame
    if not len(frame):
        raise DataError(f"{found.tables[0].key}: every value of the target {', '.join(targets)} is missing.")
    category = category_of(description, frame[list(targets)])
    sequence = category is Category.SEQUENCE and "domain" not in description.options
    if sequence or (domain is Domain.TABULAR and holds_texts_alone(description, found, targets)):
        domain = Domain.TEXT
    classes = classes_of(description, category, frame[targets[0]]) if category.is_classification else ()
    most = MAX_CLASSES if found.pictures is None else MAX_IDENTITIES
    said = description.options.get("category")
    check_targets(category, frame[list(targets)], classes, found.tables[0].key, most, said)
    metric, options = metric_of(description, workspace, category)
    options = {**options, **numbers_of(description.options.get("metric_options"))}
    check_fits(get_metric(metric, **options) if not metric.endswith(".py") else load_metric(Path(metric)), category)
    entity = found.entity
    notes += unused_of(found, targets)
    rows = int(frame[entity].nunique()) if entity is not None else len(frame)
    if rows < 4:
        raise DataError(
            f"{found.tables[0].key}: only {rows} labelled rows; a model cannot be fitted and scored on fewer than 4."
        )
    ids = ids_of(description, found, targets)
    text = whole_text(description)
    group, time = column_option(description, "group", found), column_option(description, "time", found)
    check_roles(targets, group=[group], time=[time], id=ids)
    if classes:
        counts = frame[targets[0]].map(str).value_counts()
        rare = [str(c) for c in counts[counts < 2].index]
        if rare:
            notes.append(f"classes with a single row: {', '.join(rare[:8])}; they cannot be both learnt and scored.")
    options_there = option_columns((c for c in found.tables[0].columns if c.name not in targets), classes)
    if domain is Domain.TEXT and options_there:
        notes.append(f"multiple choice: {', '.join(options_there)} hold the texts of the classes.")
    if time is None and re.search(r"chronolog|in time order|future", text, re.I):
        dates = [c.name for c in found.tables[0].columns if c.kind == "date"]
        if len(dates) == 1:
            time = dates[0]
            notes.append(f"rows are split by time, in the order of {time}, as the text asks for the future.")
    group = group or found.group
    form = Form.VALUES if metric.endswith(".py") and category.is_regression else form_of(metric, options)
    return Task(
        description.name, description, workspace.resolve(), domain, category, found.tables, targets, classes, metric, form,
        options, entity, ids, group, time, rows, tuple(notes), found.pictures,
    )  # fmt: skip


def unused_of(found: Found, targets: Sequence[str]) -> list[str]:
    """A note on columns that stand beside targets in a table of their own."""
    if found.labels is None:
        return []
    beside = [str(c) for c in found.labels.columns if str(c) not in (*targets, str(found.entity))]
    key = next(t.key for t in found.tables if t.role == "labels")
    cure = f"Join them to {found.tables[0].key} to use them."
    return [f"{', '.join(beside[:6])} in {key}: not used; only targets are read there. {cure}"] if beside else []


def check_roles(targets: Sequence[str], **columns: Iterable[str | None]) -> None:
    """TaskError for a target that has another part too."""
    for option, names in columns.items():
        if both := set(names) & set(targets):
            raise TaskError(
                f"{option}: {both.pop()!r} is the target, which is not known for new rows. Name another column."
            )


def form_of(metric: str, options: Mapping[str, Any]) -> Form:
    """The form of prediction that the metric scores."""
    return (load_metric(Path(metric)) if metric.endswith(".py") else get_metric(metric, **options)).form


def whole_text(description: Description) -> str:
    """All sections."""
    parts = (description.input_data, description.output_data, description.objective, description.files)
    return "\n".join(parts)


def domain_of(description: Description, workspace: Path) -> Domain:
    """Tabular unless the description says images or texts, or the workspace holds images, or folders of documents, and no table."""
    given = description.options.get("domain")
    if given is not None:
        if given not in list(Domain):
            raise TaskError(
                f"domain {given!r}: is not one of {', '.join(Domain)}.{did_you_mean(str(given), list(Domain))}"
            )
        return Domain(given)
    start = description.input_data.strip().casefold()
    if re.match(r"(tabular|table|csv)", start):
        return Domain.TABULAR
    if re.match(r"\W*(images?|photos?|pictures?)\b", start) or re.search(r"\b(images|photos|pictures) of\b", start):
        return Domain.VISION
    if re.match(r"\W*(texts?|essays?|reviews?|documents?|sentences?|news)\b", start):
        return Domain.TEXT
    if re.search(r"\b(table|csv)", start) or any(p.is_file() and is_table(p) for p in workspace.iterdir()):
        return Domain.TABULAR
    if has_images(workspace):
        return Domain.VISION
    tables = [p for p in own_files(workspace) if is_table(p) and p.suffix != ".txt"]
    return Domain.TEXT if not tables and document_folders(workspace) else Domain.TABULAR


def holds_texts_alone(description: Description, found: Found, targets: tuple[str, ...]) -> bool:
    """True where all there is to learn from are columns of texts, and neither front matter nor text calls it a table."""
    said = "domain" in description.options or re.match(r"\W*(tabular|table|csv)", description.input_data.strip(), re.I)
    kinds = {c.kind for c in found.tables[0].columns if c.name not in (*targets, found.entity)}
    return not said and kinds - {"identifier", "constant"} == {"text"}


def category_of(description: Description, targets: pd.DataFrame) -> Category:
    """From the front matter, the number of target columns, and their values."""
    given = description.options.get("category")
    if given is not None:
        names = {str(c): c for c in Category} | {c.name.casefold(): c for c in Category} | {
            "classification": Category.MULTICLASS, "multiclass": Category.MULTICLASS, "regression": Category.REGRESSION,
            "binary": Category.BINARY, "multilabel": Category.MULTILABEL, "seq2seq": Category.SEQUENCE,
        }  # fmt: skip
        key = str(given).casefold()
        if key not in names:
            raise TaskError(f"category {given!r}: is not known.{did_you_mean(key, list(names))}")
        chosen = names[key]
        if chosen is Category.MULTICLASS and targets.iloc[:, 0].nunique() == 2:
            return Category.BINARY
        return Category.MULTIOUTPUT_REGRESSION if chosen is Category.REGRESSION and targets.shape[1] > 1 else chosen
    if is_sequence(description, targets.iloc[:, 0]):
        return Category.SEQUENCE
    if targets.shape[1] > 1:
        binary = all(set(map(str, targets[c].unique())) <= {"0", "1", "0.0", "1.0", "True", "False"} for c in targets)
        return Category.MULTILABEL if binary else Category.MULTIOUTPUT_REGRESSION
    column = targets.iloc[:, 0]
    distinct = column.nunique()
    text = f"{description.output_data} {description.objective} {description.metric}".casefold()
    if column.dtype.kind not in "iufb" or column.dtype.kind == "b":
        return Category.BINARY if distinct == 2 else Category.MULTICLASS
    named = find_metric(description.metric)
    says_number = bool(re.search(r"regression|real number|continuous|how (much|many)|price|amount of", text))
    says_class = bool(re.search(r"classif|class label|categor|probabilit|species|which of", text))
    if named is not None:
        fits = get_metric(named[0], **named[1]).categories
        says_number |= Category.BINARY not in fits and Category.MULTICLASS not in fits
        says_class |= Category.REGRESSION not in fits
    integral = bool((column == column.round()).all())
    if (says_number and not says_class) or (not integral and distinct > 20):
        return Category.REGRESSION
    if says_class and not says_number:
        return Category.BINARY if distinct == 2 else Category.MULTICLASS
    if integral and distinct == 2:
        return Category.BINARY
    if integral and distinct <= 20 and distinct <= 0.1 * len(column):
        return Category.MULTICLASS
    return Category.REGRESSION


def is_sequence(description: Description, column: pd.Series[Any]) -> bool:
    """True where the target is a text: by its metric, or words of the description and targets that are hardly ever the same."""
    if column.dtype.kind in "iufb":
        return False
    named = find_metric(description.metric)
    if named is not None:
        return get_metric(named[0], **named[1]).categories == {Category.SEQUENCE}
    text = f"{description.output_data} {description.objective}".casefold()
    said = re.search(
        r"translat|summar|paraphras|rewrit|rephras|transliterat|simplif|sequence[- ]to[- ]sequence|generate", text
    )
    return bool(said) and column.nunique() > 0.5 * len(column)


def classes_of(description: Description, category: Category, column: pd.Series[Any]) -> tuple[Any, ...]:
    """Labels in class order: sorted; binary: the positive class last."""
    labels = [v.item() if hasattr(v, "item") else v for v in column.dropna().unique()]
    try:
        labels = sorted(labels)
    except TypeError:
        labels = sorted(labels, key=str)
    if all(isinstance(v, float) and v == int(v) for v in labels):
        labels = [int(v) for v in labels]
    if len(labels) > 2:
        labels = in_stated_order(labels, whole_text(description))
    given = description.options.get("positive")
    if len(labels) == 2:
        words = [str(v).casefold() for v in labels]
        if given is not None and str(given).casefold() not in words:
            raise TaskError(f"positive: {given!r} is not one of the classes {labels[0]!r} and {labels[1]!r}.")
        first = (given is not None and str(given).casefold() == words[0]) or (
            given is None and words[0] in POSITIVE and words[1] not in POSITIVE
        )
        labels = labels[::-1] if first else labels
    return tuple(labels)


def in_stated_order(labels: list[Any], text: str) -> list[Any]:
    """The labels in the order that a text states as low < medium < high; as they are where it states none."""
    for line in text.splitlines():
        parts = [part.split() for part in re.sub(r"[^\w<. -]", " ", line).split("<")]
        words = [p[-1] if i == 0 else p[0] for i, p in enumerate(parts) if p]
        stated = [label for word in words for label in labels if str(label).casefold() == word.casefold().rstrip(".")]
        if len(stated) == len(labels) == len(set(map(str, stated))):
            return stated
    return labels


def numbers_as_text(column: pd.Series[Any]) -> str:
    """An example where nearly all values are numbers with a sign of per cent or money, or with marks between thousands; else ""."""
    if column.dtype.kind in "iufbM":
        return ""
    texts = column.astype(str)
    numbers = are_numbers(texts)
    return str(texts[numbers].iloc[0]) if numbers.mean() > 0.95 else ""


def check_targets(
    category: Category,
    targets: pd.DataFrame,
    classes: tuple[Any, ...],
    key: str,
    most: int = MAX_CLASSES,
    said: Any = None,
) -> None:
    """DataError for one class only, too many classes, constant or unreadable numbers. ``said``: the category of the front matter."""
    name = targets.columns[0]
    if category.is_classification and len(classes) < 2:
        raise DataError(
            f"{key}: the target {name!r} holds one class only ({classes[0]!r}); there is nothing to tell apart."
        )
    if category.is_classification and len(classes) > most:
        raise DataError(
            f"{key}: the target {name!r} holds {len(classes)} classes, more than {most}. If it is a number, say "
            "'category: regression' in the front matter."
        )
    if said is None and len(classes) > MOST_NUMBERS and (written := numbers_as_text(targets.iloc[:, 0])):
        raise DataError(
            f"{key}: the target {name!r} holds numbers written as text, like {written!r}. Write them as plain numbers, or say "
            "'category: classification' in the front matter."
        )
    if category is Category.SEQUENCE and targets.shape[1] > 1:
        raise TaskError(
            f"{key}: sequence-to-sequence has one target column of texts, got {targets.shape[1]}: {', '.join(targets.columns)}. "
            "Name one with 'target:' in the front matter."
        )
    if category is Category.SEQUENCE and targets.iloc[:, 0].nunique() < 2:
        raise DataError(f"{key}: the target {name!r} holds one text only; there is nothing to learn.")
    if category.is_regression:
        import pandas as pd

        for column in targets.columns:
            values = pd.to_numeric(targets[column], errors="coerce")
            if values.isna().any():
                wrong = targets[column][values.isna()].iloc[0]
                raise DataError(f"{key}: the target {column!r} must hold numbers for regression, it holds {wrong!r}.")
            if values.nunique() < 2:
                raise DataError(f"{key}: the target {column!r} holds one value only ({values.iloc[0]}).")


def metric_of(description: Description, workspace: Path, category: Category) -> tuple[str, dict[str, Any]]:
    """The metric's name and options: named in the task, a metric.py, or the category's usual one."""
    if "generated_metric" in description.options:
        return str(description.options["generated_metric"]), {}
    text = description.metric.strip()
    if not text:
        return default_metric(category), {}
    script = re.search(r"[\w./-]+\.py\b", text)
    if script is not None:
        path = workspace / script[0]
        if not path.is_file():
            raise TaskError(
                f"metric {script[0]}: is not in {workspace}. Put it there; it must define score(y_true, y_pred)."
            )
        return str(path), {}
    found = find_metric(text)
    if found is not None:
        return found
    get_metric(text.splitlines()[0].strip(" ."))  # raises, naming the nearest
    raise AssertionError("unreachable")


def numbers_of(options: Any) -> dict[str, Any]:
    """Metric options of the front matter, numbers as numbers (YAML is read as text)."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(v) for v in value]
        try:
            return int(value)
        except (TypeError, ValueError):
            try:
                return float(value)
            except (TypeError, ValueError):
                return value

    return {k: plain(v) for k, v in options.items()} if isinstance(options, dict) else {}


def ids_of(description: Description, found: Found, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Identifier columns of the main table: those that the front matter names, else those that look like it."""
    given = description.options.get("id")
    names = [c.name for c in found.tables[0].columns]
    if given is not None:
        wanted = given if isinstance(given, list) else [x.strip() for x in str(given).split(",")]
        for name in wanted:
            require_column(name, names, "id", found.tables[0].key)
        return tuple(wanted)
    images = {c for t in found.tables for c in names_of_images(t)}
    kinds = [
        c.name
        for c in found.tables[0].columns
        if (c.kind == "identifier" or c.name in images) and c.name not in targets
    ]
    if found.tables[0].reader.function == "read_documents":
        kinds = [str(found.tables[0].reader.options.get("name", "file"))]
    if set(kinds) == {c.name for c in found.tables[0].columns} - {*targets} and not images:
        return ()  # a text of one word can look like an identifier
    return tuple(n for n in kinds if n != found.entity)


def names_of_images(table: Table) -> tuple[str, ...]:
    """The column that names the images of a table, in a sequence."""
    if table.reader.function == "image_table":
        return (name_column(str(table.reader.options["image"])),)
    return (NAME,) if table.reader.function.startswith("image_") else ()


def column_option(description: Description, option: str, found: Found) -> str | None:
    """A column named by an option of the front matter."""
    given = description.options.get(option)
    if given is None:
        return None
    require_column(str(given), [c.name for c in found.tables[0].columns], option, found.tables[0].key)
    return str(given)


def require_column(name: str, names: list[str], option: str, key: str) -> None:
    """TaskError unless the table has this column."""
    if name not in names:
        raise TaskError(f"{option}: {name!r} is not a column of {key}.{did_you_mean(name, names)}")


def kinds_summary(columns: tuple[Column, ...]) -> str:
    """ "13 number, 1 category"."""
    counts: dict[str, int] = {}
    for column in columns:
        counts[column.kind] = counts.get(column.kind, 0) + 1
    return ", ".join(f"{n} {kind}" for kind, n in counts.items())
