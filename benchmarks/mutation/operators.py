"""Mutation operators: real mistakes, made one at a time in the text of a sound module.

Every operator goes over the syntax tree and yields the places where it applies; `mutants` gives the changed texts. What a
mistake does to a program is not known here: see `oracle.py`.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.mutation.wrappers import wrapped

Place = tuple[int, str, Callable[[], None]]
"""Line, what is changed, and the change itself (in place)."""


@dataclass(frozen=True)
class Mutant:
    """One changed text."""

    operator: str
    line: int
    what: str
    source: str


def short(node: ast.AST) -> str:
    """A piece of code on one short line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "…"


def put(parent: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Replace a child of a node."""
    for name, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, name, new)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if item is old:
                    value[i] = new


def replaced(parent: ast.AST, old: ast.expr, new: ast.expr | str) -> Place:
    """The place where a child is replaced by an expression."""
    node = ast.parse(new, mode="eval").body if isinstance(new, str) else new
    return old.lineno, f"{short(old)} → {short(node)}", lambda: put(parent, old, node)


def pairs(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """(parent, child) of all nodes."""
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            yield parent, child


def functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def named(tree: ast.AST, *names: str) -> list[ast.FunctionDef]:
    return [f for f in functions(tree) if f.name in names]


# ------------------------------------------------------------------------------------------------ operators


def wrong_axis(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Constant):
            value = 1 if node.value.value == 0 else 0
            yield replaced(node, node.value, str(value))


def off_by_one(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        if isinstance(node, ast.Slice):
            for bound in (node.lower, node.upper):
                if bound is not None and not isinstance(bound, ast.UnaryOp):
                    for sign in "+-":
                        yield replaced(node, bound, f"{ast.unparse(bound)} {sign} 1")
        if isinstance(parent, ast.Subscript) and node is parent.slice:
            parts = node.elts if isinstance(node, ast.Tuple) else [node]
            owner = node if isinstance(node, ast.Tuple) else parent
            for part in parts:
                if isinstance(part, ast.Constant) and type(part.value) is int:
                    yield replaced(owner, part, str(part.value + 1))
                    if part.value > 0:
                        yield replaced(owner, part, str(part.value - 1))
        if isinstance(node, ast.Call) and short(node.func) in ("range", "np.arange", "np.linspace") and node.args:
            last = node.args[-1]
            for sign in "+-":
                yield replaced(node, last, f"{ast.unparse(last)} {sign} 1")


def dropped_column(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.List) or len(node.elts) < 2:
            continue
        for item in node.elts:

            def drop(node: ast.List = node, item: ast.expr = item) -> None:
                node.elts.remove(item)

            yield item.lineno, f"{short(item)} dropped from a list", drop


def rows_at_hand(tree: ast.Module) -> Iterator[Place]:
    """What is learnt in fit is learnt again from the rows being transformed."""
    for parent, node in pairs(tree):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "transform"
        if called and short(node.func.value).startswith("self.") and node.args:  # type: ignore[attr-defined]
            yield replaced(parent, node, f"{short(node.func.value)}.fit_transform({ast.unparse(node.args[0])})")
    fits = [s for f in named(tree, "fit") for s in f.body]
    for target in named(tree, "transform", "predict", "predict_proba"):
        for statement in fits:
            learns = isinstance(statement, ast.Assign) and short(statement.targets[0]).startswith("self.")
            learns |= isinstance(statement, ast.Expr) and ".fit(" in ast.unparse(statement)
            place = bound_after(target, statement) if learns else None
            if place is not None:

                def insert(target: ast.FunctionDef = target, place: int = place, new: ast.stmt = statement) -> None:
                    target.body.insert(place, new)

                yield target.lineno, f"{short(statement)} again in {target.name}", insert


def bound_after(function: ast.FunctionDef, statement: ast.stmt) -> int | None:
    """Where in a function all local names of a statement are bound; None if they never are."""
    wanted = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    wanted &= {
        "numbers",
        "categories",
        "features",
        "texts",
        "weights",
        "samples",
        "X",
        "outputs",
        "columns",
        "table",
        "self",
    }
    have = {a.arg for a in function.args.args}
    for position, line in enumerate(function.body):
        if wanted <= have:
            return position
        have |= {n.id for n in ast.walk(line) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return None


def wrong_dtype(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "astype":
            yield replaced(parent, node, node.func.value)
            for other in ("float32", "int64"):
                yield replaced(node, node.args[0], repr(other)) if node.args else (node.lineno, "", lambda: None)
        if isinstance(node, ast.keyword) and node.arg == "dtype":
            for other in ("'float32'", "'int64'", "object"):
                if short(node.value) != other:
                    yield replaced(node, node.value, other)


def missing_state(tree: ast.Module) -> Iterator[Place]:
    for function in named(tree, "fit"):
        for parent, node in pairs(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                name = node.targets[0].attr

                def local(parent: ast.AST = parent, node: ast.Assign = node, name: str = name) -> None:
                    put(parent, node, ast.parse(f"{name} = {ast.unparse(node.value)}").body[0])

                yield node.lineno, f"self.{name} is not kept", local
                if isinstance(node.targets[0].value, ast.Name):

                    def shared(node: ast.Assign = node, name: str = name) -> None:
                        node.value = ast.parse(
                            f"CACHE.setdefault({name!r}, {ast.unparse(node.value)})", mode="eval"
                        ).body
                        tree.body.append(ast.parse("CACHE = {}").body[0])

                    yield node.lineno, f"self.{name} is kept in a global for all later fits", shared


def ignored_hyperparameter(tree: ast.Module) -> Iterator[Place]:
    for owner in named(tree, "__init__", "build_model"):
        for argument, default in zip(owner.args.kwonlyargs, owner.args.kw_defaults, strict=True):
            if default is None or argument.arg in ("seed", "threads"):
                continue
            for parent, node in pairs(ast.Module(owner.body, [])):
                if isinstance(node, ast.Name) and node.id == argument.arg and isinstance(node.ctx, ast.Load):
                    yield replaced(parent, node, default)
            for parent, node in pairs(tree):
                if isinstance(node, ast.Attribute) and node.attr == argument.arg and isinstance(node.ctx, ast.Load):
                    yield replaced(parent, node, default)


def swapped(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        if isinstance(parent, ast.Return) and isinstance(node, ast.Tuple) and len(node.elts) == 2:
            yield replaced(parent, node, ast.Tuple(node.elts[::-1], ast.Load(), lineno=node.lineno, col_offset=0))
        if isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords:

            def swap(node: ast.Call = node) -> None:
                node.args = node.args[::-1]

            yield node.lineno, f"{short(node)} with its arguments swapped", swap
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div):
            new = ast.BinOp(node.right, node.op, node.left, lineno=node.lineno, col_offset=0)
            yield replaced(parent, node, new)


def unseeded(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("random_state", "seed", "random_seed"):
            yield replaced(node, node.value, "None")
        if isinstance(node, ast.Call) and short(node.func).endswith(("default_rng", "RandomState")) and node.args:
            yield replaced(node, node.args[0], "None")


CALLS = ("fillna", "clip", "replace", "reindex", "where", "copy", "drop_duplicates", "ravel", "reshape", "sort_index", "dropna",
         "reset_index", "to_numpy", "map", "astype", "std", "mean", "unique")  # fmt: skip


def dropped_call(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        if not isinstance(node, ast.Call):
            continue
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in CALLS
            and short(node.func.value) not in ("np", "pd")
        ):
            yield replaced(parent, node, node.func.value)
        if short(node.func) in (
            "np.clip",
            "np.nan_to_num",
            "np.log",
            "np.exp",
            "np.log1p",
            "np.expm1",
            "pd.to_numeric",
            "sorted",
        ):
            yield replaced(parent, node, node.args[0])
        if short(node.func) in ("max", "min") and len(node.args) == 2:
            yield replaced(parent, node, node.args[1])


def dropped_keyword(tree: ast.Module) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg:

                    def drop(node: ast.Call = node, keyword: ast.keyword = keyword) -> None:
                        node.keywords.remove(keyword)

                    yield node.lineno, f"{short(keyword)} dropped", drop


def negated_condition(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        if isinstance(parent, ast.If | ast.IfExp | ast.While) and node is parent.test:
            yield replaced(parent, node, f"not ({ast.unparse(node)})")
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            other = {ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Eq: ast.NotEq}.get(
                type(node.ops[0])
            )
            if other is not None:
                new = ast.Compare(node.left, [other()], node.comparators, lineno=node.lineno, col_offset=0)
                yield replaced(parent, node, new)


def wrong_arithmetic(tree: ast.Module) -> Iterator[Place]:
    swap = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
    for parent, node in pairs(tree):
        if isinstance(node, ast.BinOp) and type(node.op) in swap:
            yield replaced(
                parent, node, ast.BinOp(node.left, swap[type(node.op)](), node.right, lineno=node.lineno, col_offset=0)
            )
        if (
            isinstance(node, ast.UnaryOp)
            and isinstance(node.op, ast.USub)
            and not isinstance(node.operand, ast.Constant)
        ):
            yield replaced(parent, node, node.operand)


def dropped_statement(tree: ast.Module) -> Iterator[Place]:
    for function in functions(tree):
        for parent, node in pairs(function):
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.If | ast.Return) and not docstring:

                def drop(parent: ast.AST = parent, node: ast.stmt = node) -> None:
                    put(parent, node, ast.Pass())

                yield node.lineno, f"{short(node)} dropped", drop


def wrong_constant(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        if (
            isinstance(node, ast.Constant)
            and type(node.value) in (int, float)
            and not isinstance(parent, ast.arguments)
        ):
            for value in {0: (1,), 1: (0, 2)}.get(node.value, (node.value * 10, 0)):
                yield replaced(parent, node, repr(type(node.value)(value)))
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield replaced(parent, node, repr(not node.value))


def wrong_name(tree: ast.Module) -> Iterator[Place]:
    for parent, node in pairs(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 40
        if text and not isinstance(parent, ast.Expr | ast.JoinedStr):
            yield replaced(parent, node, repr(node.value + "x"))  # type: ignore[attr-defined]


OPERATORS: dict[str, Callable[[ast.Module], Iterator[Place]]] = {
    "wrong axis": wrong_axis,
    "off by one": off_by_one,
    "dropped column": dropped_column,
    "statistics of the rows at hand": rows_at_hand,
    "wrong dtype": wrong_dtype,
    "missing state": missing_state,
    "ignored hyperparameter": ignored_hyperparameter,
    "swapped": swapped,
    "unseeded": unseeded,
    "dropped call": dropped_call,
    "dropped keyword": dropped_keyword,
    "negated condition": negated_condition,
    "wrong arithmetic": wrong_arithmetic,
    "dropped statement": dropped_statement,
    "wrong constant": wrong_constant,
    "wrong name": wrong_name,
}


def mutants(source: str, stage: str, classification: bool, most: int | None = None, seed: int = 0) -> list[Mutant]:
    """All mutants of a module, each other text once; at most ``most`` of each operator, drawn by ``seed``."""
    found: dict[str, list[Mutant]] = {name: [] for name in OPERATORS}
    plain = ast.unparse(ast.parse(source))
    seen = {plain}
    for name, operator in OPERATORS.items():
        for number in range(len(list(operator(ast.parse(source))))):
            tree = ast.parse(source)
            line, what, change = list(operator(tree))[number]
            change()
            text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
            if text.strip() not in seen:
                seen.add(text.strip())
                found[name].append(Mutant(name, line, what, text))
    for name, what, text in wrapped(source, stage, classification):
        found.setdefault(name, []).append(Mutant(name, 0, what, text))
    kept: list[Mutant] = []
    for name, items in found.items():
        order = random.Random(f"{seed} {name} {plain}").sample(range(len(items)), len(items))
        kept += [items[i] for i in sorted(order[:most])]
    return kept
