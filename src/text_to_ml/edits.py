"""Edit and continue: what a person changed in the modules of a run folder, and what they locked.

A module's file that differs from the recorded text is verified and takes its place; trials of the old text no longer count. A
line `# text-to-ml: lock` in the file, or `--lock STAGE/NAME`, keeps the search to this module at its stage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from text_to_ml.errors import OptionError, did_you_mean
from text_to_ml.generate import Outcome, record_module
from text_to_ml.program import Module, SearchSpace, Stage, candidate_from_json
from text_to_ml.store import RunFolder
from text_to_ml.verify import Verifier

LOCK = re.compile(r"^\s*#\s*text-to-ml:\s*lock\s*$\n?", re.MULTILINE)
BY_HAND = "by hand"


def take_edits(
    store: RunFolder, space: SearchSpace, verifier: Verifier, lock: Sequence[str] = ()
) -> frozenset[tuple[Stage, str]]:
    """Take edited modules up; the pairs of stage and candidate that are locked. OptionError for an edited module that breaks a
    rule, with what the unit tests say, and for a lock that names no module; nothing is changed then."""
    recorded = {}
    for event in store.events("module"):
        data = event.payload["module"]
        if data:
            recorded[(Stage(data["stage"]), str(data["candidate"]))] = event.payload
    locked = {(Stage(e.payload["stage"]), str(e.payload["name"])) for e in store.events("locked")}
    wanted = {place_of(text, [f"{s}/{n}" for s, n in recorded]) for text in lock}
    edited = []
    for (stage, name), payload in recorded.items():
        path = store.folder / "modules" / str(stage) / f"{name}.py"
        if not path.is_file():
            store.write_text(f"modules/{stage}/{name}.py", payload["module"]["source"])
            continue
        text = path.read_text(encoding="utf-8")
        if LOCK.search(text):
            wanted.add((stage, name))
        if plain(text) == plain(payload["module"]["source"]):
            continue
        candidate = candidate_from_json(payload["candidate"])
        module = Module(stage, name, text, BY_HAND, candidate.network)
        report = verifier.verify(module, candidate)
        if not report.passed:
            raise OptionError(
                f"{path}: was edited and does not keep the rules of its stage. Mend it, or delete the file to go back to the recorded "
                f"text.\n{report.feedback()}"
            )
        edited.append((module, candidate, report))
    for module, candidate, report in edited:
        record_module(store, candidate, module, Outcome(module.source, report, 0), report.seconds)
        store.append("edited", {"stage": str(module.stage), "name": module.candidate, "digest": module.digest})
    for stage, name in sorted(wanted - locked):
        space.find(stage, name)
        store.append("locked", {"stage": str(stage), "name": name})
    return frozenset(locked | wanted)


def plain(text: str) -> str:
    """A module's text without lock lines and white space around it."""
    return LOCK.sub("", text).strip()


def place_of(text: str, known: list[str]) -> tuple[Stage, str]:
    """The stage and candidate of "modeling/ridge"; OptionError unless the run holds that module."""
    if text not in known:
        raise OptionError(
            f"--lock {text!r}: is not a verified module of this run.{did_you_mean(text, known)} There are {', '.join(known[:12])}."
        )
    stage, _, name = text.partition("/")
    return Stage(stage), name
