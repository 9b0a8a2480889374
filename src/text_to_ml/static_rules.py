"""Static rules: what is wrong with generated code that can be seen without running it.

Covers: syntax, required names, module-level code, imports, names that nothing defines, hyperparameters. The sentence of
each rule stands here once: it goes into the prompt and into the feedback. Does not cover what the rules of a domain check
by running the code.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import symtable
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from text_to_ml.errors import did_you_mean
from text_to_ml.program import Hyperparameter
from text_to_ml.syntax import parse

_LOCK = threading.Lock()
MOST = 5


@dataclass(frozen=True)
class Code:
    """What static rules look at: a text, the names it must define, the hyperparameters that the last of them takes."""

    source: str
    required: tuple[str, ...]
    hyperparameters: tuple[Hyperparameter, ...] = ()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; SyntaxError or ValueError where the text is not Python."""
        return parse(self.source)


@dataclass(frozen=True)
class StaticRule:
    """A requirement: ``find`` gives what is wrong, one line each. ``{required}`` in a sentence becomes the names."""

    name: str
    sentence: str
    find: Callable[[Code], Sequence[str]]

    def text(self, required: Sequence[str]) -> str:
        """The sentence for a module that must define these names."""
        return self.sentence.replace("{required}", ", ".join(f"`{n}`" for n in required))


def code_parses(code: Code) -> list[str]:
    """Syntax."""
    try:
        code.tree  # noqa: B018
        with _LOCK:
            compile(code.source, "<module>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        lines = code.source.splitlines()
        line = getattr(error, "lineno", None)
        text = lines[line - 1].strip() if line and line <= len(lines) else ""
        reason = getattr(error, "msg", None) or str(error)
        return [f"{type(error).__name__}: {reason}" + (f"\nline {line}: {text}" if line else "")]
    return []


def required_names(code: Code) -> list[str]:
    """Functions and classes of the contract."""
    defined = [n.name for n in code.tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return [
        f"{name} is not defined at the top level.{did_you_mean(name, defined)}"
        for name in code.required
        if name not in defined
    ]


def nothing_runs_at_import(code: Code) -> list[str]:
    """Statements at the top level that do something."""
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    wrong = []
    for node in code.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, allowed) and not docstring and not typing_only:
            wrong.append(f"line {node.lineno}: {ast.unparse(node).splitlines()[0][:120]}")
    return wrong


def imports_are_installed(code: Code) -> list[str]:
    """Relative imports, text_to_ml, packages that are not there."""
    wrong = []
    for node in ast.walk(code.tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            wrong.append(f"line {node.lineno}: relative import")
            continue
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top == "text_to_ml":
                wrong.append(f"line {node.lineno}: {top} must not be imported")
            elif top not in sys.stdlib_module_names and importlib.util.find_spec(top) is None:
                wrong.append(f"line {node.lineno}: package {top} is not installed")
    return wrong


def names_are_defined(code: Code) -> list[str]:
    """Names that are read but that nothing defines: typing errors, forgotten imports."""
    if any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in ast.walk(code.tree)):
        return []
    with _LOCK:
        top = symtable.symtable(code.source, "<module>", "exec")
    known = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    known |= {*dir(builtins), "__name__", "__file__", "__doc__", "__annotations__", "__class__", "__qualname__"}
    wanted: set[str] = set()
    waiting = [top]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        for symbol in table.get_symbols():
            outside = symbol.is_global() or table is top
            if outside and symbol.is_assigned():
                known.add(symbol.get_name())
            if outside and symbol.is_referenced():
                wanted.add(symbol.get_name())
    lost = wanted - known
    wrong = []
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Name) and node.id in lost:
            lost.discard(node.id)
            text = code.source.splitlines()[node.lineno - 1].strip()[:120]
            wrong.append(f"line {node.lineno}: {node.id} is not defined.{did_you_mean(node.id, sorted(known))} {text}")
    return sorted(wrong, key=lambda w: int(w.split(":")[0].removeprefix("line ")))


def hyperparameters_are_arguments(code: Code) -> list[str]:
    """Every hyperparameter must be a keyword argument with a default, and must be used."""
    tree = code.tree
    owner = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == code.required[-1])
    function: ast.FunctionDef | None = owner if isinstance(owner, ast.FunctionDef) else None
    if isinstance(owner, ast.ClassDef):
        function = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    wanted = [h.name for h in code.hyperparameters]
    if function is None:
        return [f"{owner.name} has no __init__ that takes {', '.join(wanted)}"] if wanted else []
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    with_default = {a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default |= {a.arg for a in positional[len(positional) - len(arguments.defaults) :]}
    taken = [n for n in wanted if n in names]
    findings = {
        "does not take": [n for n in wanted if n not in names],
        "takes but never uses": [n for n in taken if not _is_used(n, function, tree)],
        "has no default for": [n for n in taken if n not in with_default],
    }
    what = f"{owner.name}.{function.name}" if function is not owner else owner.name
    messages = [f"{what} {fault}: {', '.join(which)}" for fault, which in findings.items() if which]
    known = {"self", "classes", "n_features", "n_outputs", "seed", "threads", "rows", *wanted}
    extra = [n for n in (a.arg for a in arguments.kwonlyargs) if n not in known and n not in with_default]
    if extra:
        messages.append(f"{what} asks for {', '.join(extra)}, which nobody gives: no hyperparameter has this name")
    return messages


def _is_used(name: str, function: ast.FunctionDef, tree: ast.Module) -> bool:
    """True where the argument is read for more than keeping it, or where the attribute that keeps it is read."""
    kept: set[str] = set()
    plain = 0
    for node in ast.walk(function):
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(value, ast.Name) and value.id == name and all(isinstance(t, ast.Attribute) for t in targets):
            kept |= {t.attr for t in targets if isinstance(t, ast.Attribute)}
            plain += 1
    reads = [
        n
        for statement in function.body
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
    ]
    lost = _lost_in_calls(name, function, tree)
    if len(reads) > plain + lost:
        return True
    dynamic = {"getattr", "vars", "get_params", "__dict__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in kept | dynamic:
            return True
        if isinstance(node, ast.Name) and node.id in dynamic:
            return True
    return False


def _lost_in_calls(name: str, function: ast.FunctionDef, tree: ast.Module) -> int:
    """How often the argument is only passed on to a function or class of this text that never uses it."""
    lost = 0
    for call in ast.walk(function):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        owner = next((n for n in tree.body if getattr(n, "name", "") == call.func.id), None)
        if isinstance(owner, ast.ClassDef):
            owner = next((n for n in owner.body if getattr(n, "name", "") == "__init__"), None)
        if not isinstance(owner, ast.FunctionDef) or owner is function:
            continue
        taken = [a.arg for a in owner.args.args if a.arg != "self"]
        passed = dict(zip(taken, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
        mine = [n for n, value in passed.items() if isinstance(value, ast.Name) and value.id == name]
        lost += sum(
            n in (*taken, *(a.arg for a in owner.args.kwonlyargs)) and not _is_used(n, owner, tree) for n in mine
        )
    return lost


RULES = (
    StaticRule("code_parses", "The code is valid Python.", code_parses),
    StaticRule("required_names", "The module defines {required} at its top level.", required_names),
    StaticRule(
        "nothing_runs_at_import",
        "Module-level code only imports and defines functions, classes and constants.",
        nothing_runs_at_import,
    ),
    StaticRule(
        "imports_are_installed",
        "Only installed packages are imported, by absolute imports; never text_to_ml.",
        imports_are_installed,
    ),
    StaticRule("names_are_defined", "Every name that is used is defined or imported.", names_are_defined),
    StaticRule(
        "hyperparameters_are_arguments",
        "Every hyperparameter of the search space is a keyword argument with a default, and is used.",
        hyperparameters_are_arguments,
    ),
)


def findings(code: Code) -> list[tuple[str, str, str]]:
    """(rule, sentence, what was seen) of each broken rule; what cannot be looked at after another broke is left out."""
    broken: list[tuple[str, str, str]] = []
    for item in RULES:
        if broken and item.name in ("required_names", "hyperparameters_are_arguments"):
            continue
        seen = item.find(code)
        if seen:
            more = [f"and {len(seen) - MOST} more"] if len(seen) > MOST else []
            broken.append((item.name, item.text(code.required), "\n".join([*seen[:MOST], *more])))
        if item.name == "code_parses" and seen:
            break
    return broken
