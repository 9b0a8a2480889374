"""Targets: which columns are to be predicted — by front matter, by name or by position in the text, or by what a test lacks."""

from __future__ import annotations

import re

from text_to_ml.errors import AmbiguousTaskError, TaskError, did_you_mean
from text_to_ml.task.documents import LABEL
from text_to_ml.task.files import Found
from text_to_ml.values import Description

TARGET_NAMES = ("target", "label", "class", "y", "outcome", "response", "output", "labels", "targets", "fine_labels")
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}


def find_targets(description: Description, found: Found) -> tuple[str, ...]:
    """Names of the target columns; TaskError where they are absent, AmbiguousTaskError where several would do."""
    if found.targets is not None:
        return found.targets
    source = found.tables[1] if found.labels is not None else found.tables[0]
    names = [c.name for c in source.columns if c.name != found.entity]
    wanted = given_targets(description, names)
    if wanted:
        for name in wanted:
            if name not in names:
                raise TaskError(f"target: {name!r} is not a column of {source.key}.{did_you_mean(name, names)}")
        return tuple(wanted)
    if found.labels is not None:
        outside = [n for n in names if n not in {c.name for c in found.tables[0].columns}]
        mentioned = in_text(description.output_data, outside)
        return tuple(mentioned or outside)
    sure = (class_of_documents, said_target, by_position)
    likely = (in_output, several_columns, lacking_in_test, in_other_text, usual_name, beside_texts, words_in_output)
    left = possible(found, names)
    for finder in (*sure, *likely):
        targets = finder(description, found, names if finder in sure else left)
        if targets:
            return targets
    if found.pictures is not None and len(left) == 1:
        return (left[0],)
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    raise AmbiguousTaskError(
        f"which column of {source.key} is to be predicted? It has {shown}. Add a line 'target: {names[-1]}' (or another) "
        "between two lines '---' at the top of the task."
    )


def given_targets(description: Description, names: list[str]) -> list[str]:
    """What the front matter names, whether it is there or not: one of these names that may hold commas, or several; [] for nothing."""
    given = description.options.get("target")
    if given is None:
        return []
    if isinstance(given, list):
        return given
    return [str(given)] if str(given) in names else [part.strip() for part in str(given).split(",")]


def possible(found: Found, names: list[str]) -> list[str]:
    """The columns that may be targets: those that a test file lacks, else all, but for what only numbers or names the rows."""
    kinds = {c.name: c.kind for c in found.tables[0].columns}
    telling = [n for n in names if kinds.get(n) != "identifier"] or names
    lacking = [n for n in telling if found.test_columns is not None and n not in found.test_columns]
    return lacking or telling


def class_of_documents(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """The class of documents that came without a header: before a tab, or as the folder's name."""
    reader = found.tables[0].reader
    ours = reader.function == "read_documents" or LABEL in reader.options.get("names", ())
    return (LABEL,) if ours and LABEL in names else ()


def in_text(text: str, names: list[str]) -> list[str]:
    """Names that stand in a text as words, in the text's order; exact case first, then with other capitals, then without what stands in
    brackets at their end: "energy use" for "energy use (kWh)"."""
    bare = {name: re.sub(r"\s*[(\[][^()\[\]]*[)\]]\s*$", "", name).strip() for name in names}
    for flags, said in ((0, {}), (re.I, {}), (re.I, bare)):
        hits = []
        for name in names:
            words = said.get(name) or name.strip()
            match = re.search(rf"(?<![\w]){re.escape(words)}(?![\w])", text, flags)
            if match and (len(words) > 1 or flags == 0):
                hits.append((match.start(), name))
        if hits:
            return [name for _, name in sorted(hits)]
    return []


def said_target(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """ "MEDV is the target", "target column: price", "predict the column price"."""
    text = "\n".join((description.output_data, description.objective, description.files, description.input_data))
    quoted = r"[`'\"“]?([\w .%()/-]+?)[`'\"”]?"
    for pattern in (
        rf"{quoted} is the (?:target|label|class|outcome|response)",
        rf"(?:target|label)s?(?: column| variable)?s?(?: is| are|:| =|,) (?:the )?(?:column )?{quoted}(?:[.,;)\n]|$| \()",
        rf"predicts? (?:the )?(?:column|value of|values of) {quoted}(?:[.,;)\n]|$| \(| from)",
    ):
        for match in re.finditer(pattern, text, re.I):
            words = match[1].split()
            for start in range(len(words)):
                said = " ".join(words[start:])
                exact = [n for n in names if n.strip().casefold() == said.casefold()]
                if exact:
                    return (exact[0],)
    return ()


def by_position(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """ "the last column", "the first column", "column 3"."""
    text = f"{description.output_data} {description.objective} {description.files}".casefold()
    if re.search(r"\b(the )?(last|final|rightmost) column\b", text):
        return (names[-1],)
    if re.search(r"\b(the )?(first|leftmost) column\b", text):
        return (names[0],)
    match = re.search(r"\bcolumn (?:number |no\.? )?(\d+)\b|\b(\d+)(?:st|nd|rd|th) column\b", text)
    if match:
        position = int(match[1] or match[2])
        if not 1 <= position <= len(names):
            raise TaskError(f"column {position}: the table has {len(names)} columns. Say which one is to be predicted.")
        return (names[position - 1],)
    return ()


def in_output(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """Column names in the Output section."""
    return tuple(in_text(description.output_data, names))


def several_columns(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """ "the six score columns": the last six numeric columns."""
    text = f"{description.output_data} {description.files}".casefold()
    match = re.search(
        r"\b(two|three|four|five|six|seven|eight|nine|ten|\d+) (?:\w+ )?(?:columns|targets|scores|outputs)\b", text
    )
    if not match:
        return ()
    count = NUMBERS.get(match[1]) or int(match[1])
    numeric = [c.name for c in found.tables[0].columns if c.kind in ("number", "integer", "boolean")]
    return tuple(numeric[-count:]) if 1 < count <= len(numeric) else ()


def lacking_in_test(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """The columns that a test file lacks."""
    if found.test_columns is None:
        return ()
    return tuple(n for n in names if n not in found.test_columns)


def in_other_text(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """A column named in the objective; or the last one named in the Files section, if it is no feature list."""
    hits = in_text(description.objective, names)
    if len(hits) == 1:
        return (hits[0],)
    predicted = re.search(
        r"(?:predict|estimate|classify|forecast)\w*\s+(.*?)(?:\bfrom\b|\busing\b|[.;]|$)", description.objective, re.I
    )
    if predicted:
        near = in_text(predicted[1], names)
        if len(near) == 1:
            return (near[0],)
    listed = in_text(description.files, names)
    usual = [n for n in listed if n.strip().casefold() in TARGET_NAMES]
    return (usual[0],) if len(usual) == 1 else ()


def usual_name(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """A column that is called what targets are called."""
    usual = [n for n in names if n.strip().casefold() in TARGET_NAMES]
    if len(usual) == 1:
        return (usual[0],)
    if len(found.tables[0].columns) == 1:
        raise TaskError(
            f"{found.tables[0].key}: has the single column {names[0]!r}; there is nothing to predict it from."
        )
    return ()


def words_in_output(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """The only column whose name is made of words of the Output section: individual_id, "the identity of the individual"."""
    said = set(re.findall(r"[^\W\d_]+", description.output_data.casefold()))
    idle = {"id", "name", "no", "number", "code", "image", "file", "col", "column"}
    hits = []
    for name in names:
        words = set(re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+", name))
        telling = {w.casefold() for w in words} - idle
        if telling and telling <= said:
            hits.append(name)
    return (hits[0],) if len(hits) == 1 else ()


def beside_texts(description: Description, found: Found, names: list[str]) -> tuple[str, ...]:
    """The only column that holds a few values again and again, where all others are texts or identify a row."""
    columns = [c for c in found.tables[0].columns if c.name in names]
    repeated = [
        c
        for c in columns
        if c.kind in ("category", "boolean", "integer") and 2 <= c.distinct <= found.tables[0].rows / 5
    ]
    rest = [c for c in columns if c not in repeated]
    texts = any(c.kind == "text" for c in rest) and all(c.kind in ("text", "identifier", "constant") for c in rest)
    return (repeated[0].name,) if len(repeated) == 1 and texts else ()
