"""Names of a source text: what it defines and imports at its top level, and renaming that by scope.

Works on texts alone; runs nothing. What was found is remembered, for a search assembles the same texts again and again.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache

from text_to_ml.syntax import parse

TEXTS = 256
"""Texts that are remembered."""


@lru_cache(TEXTS)
def top_level_names(source: str) -> frozenset[str]:
    """Names that a module defines at its top level, imports left out."""
    names: set[str] = set()
    for node in parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return frozenset(names)


@lru_cache(TEXTS)
def imported_names(source: str) -> Mapping[str, str]:
    """Name → what it stands for ("numpy", "sklearn.svm:SVC") of the top-level imports."""
    names: dict[str, str] = {}
    for node in parse(source).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            names.update({a.asname or a.name: f"{node.module}:{a.name}" for a in node.names})
    return names


def rename(source: str, names: Mapping[str, str]) -> str:
    """Rename top-level names of a source text wherever the name means the top-level one and not a local one."""
    edits: list[tuple[int, int, str]] = []
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def edit(line: int, column: int, old: str) -> None:
        at = starts[line - 1] + column
        edits.append((at, at + len(old.encode()), names[old]))

    def name_at(node: ast.AST, name: str, keyword: bytes) -> None:
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        text = source.encode()[starts[line - 1] + column :]
        edit(line, column + text.index(name.encode(), text.index(keyword) + len(keyword)), name)

    def visit(node: ast.AST, hidden: frozenset[str]) -> None:
        if isinstance(node, ast.Name) and node.id in names and node.id not in hidden:
            edit(node.lineno, node.col_offset, node.id)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names and node.col_offset == 0:
            name_at(node, node.name, b"class" if isinstance(node, ast.ClassDef) else b"def")
        if isinstance(node, ast.ClassDef):
            visit_class(node, hidden)
        elif isinstance(node, ast.FunctionDef | ast.Lambda):
            visit_function(node, hidden, hidden)
        else:
            for child in ast.iter_child_nodes(node):
                visit(child, hidden)

    def visit_function(node: ast.FunctionDef | ast.Lambda, outside: frozenset[str], inside: frozenset[str]) -> None:
        """Defaults, decorators and annotations belong to the scope around the function, its body to its own."""
        around: list[ast.AST | None] = [*node.args.defaults, *node.args.kw_defaults]
        if isinstance(node, ast.FunctionDef):
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            around += [*node.decorator_list, node.returns, *(a.annotation for a in arguments)]
        for child in around:
            if child is not None:
                visit(child, outside)
        body: list[ast.AST] = list(node.body) if isinstance(node.body, list) else [node.body]
        for part in body:
            visit(part, inside | _local_names(node))

    def visit_class(node: ast.ClassDef, hidden: frozenset[str]) -> None:
        """Names assigned in a class body are its attributes; its methods do not see them."""
        assigned = [n for s in node.body for n in ast.walk(s) if not isinstance(s, ast.FunctionDef | ast.ClassDef)]
        own = hidden | {n.id for n in assigned if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for child in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            visit(child, hidden)
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                visit_function(statement, own, hidden)
            else:
                visit(statement, own)

    visit(parse(source), frozenset())
    data = source.encode()
    for start, end, new in sorted(edits, reverse=True):
        data = data[:start] + new.encode() + data[end:]
    return data.decode()


@lru_cache(TEXTS)
def renamed(source: str, names: tuple[tuple[str, str], ...]) -> str:
    """`rename`, remembered."""
    return rename(source, dict(names))


def _local_names(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """Names that are local to a function: its arguments, and what its body assigns unless declared global."""
    arguments = node.args
    names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    names |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    body = node.body if isinstance(node.body, list) else [node.body]
    declared: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        item = stack.pop()
        if isinstance(item, ast.FunctionDef | ast.ClassDef):
            names.add(item.name)
            continue
        if isinstance(item, ast.Global):
            declared |= set(item.names)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store | ast.Del):
            names.add(item.id)
        if isinstance(item, ast.Import | ast.ImportFrom):
            names |= {a.asname or a.name.partition(".")[0] for a in item.names}
        if not isinstance(item, ast.Lambda):
            stack.extend(ast.iter_child_nodes(item))
    return frozenset(names - declared)


def rename_imports(source: str, names: Mapping[str, str]) -> str:
    """Give top-level imports another bound name."""
    if not names:
        return source
    tree, lines = parse(source), source.splitlines()
    for node in reversed(tree.body):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            bound = alias.asname or alias.name
            if bound in names:
                alias.asname = names[bound]
        lines[node.lineno - 1 : node.end_lineno] = [ast.unparse(node)]
    return "\n".join(lines) + "\n"


@lru_cache(TEXTS)
def split_imports(source: str) -> tuple[tuple[str, ...], str]:
    """The top-level imports of a source text, and the rest of it without its docstring."""
    tree = parse(source)
    lines = source.splitlines()
    imports: list[str] = []
    for number, node in reversed(list(enumerate(tree.body))):
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        is_docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_import and not is_docstring:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            if module and not module.startswith(("text_to_ml", "__future__")):
                imports.append(ast.unparse(node))
        del lines[node.lineno - 1 : node.end_lineno]
    return tuple(imports), "\n".join(lines).strip("\n")
