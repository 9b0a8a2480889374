"""The Python source in a reply, whatever a language model put around it.

Which block is taken: blocks marked python before unmarked ones before those of another mark, which must define
something. Of several, parts of one module (imports first; definitions only; no name defined twice) are joined. Else the
one with the most definitions is taken, of those the longest, of those the last: a usage example loses against the
module, and a corrected version does not get lost. A block that does not parse is taken too: its error is worth more to
the model than none. Does not run or judge the code.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

from text_to_ml.errors import LLMReplyError
from text_to_ml.syntax import parse

PYTHON = ("python", "py", "python3", "py3", "ipython", "python-repl")
TAGS = "(?:think|thinking|reasoning|thought)"
_THOUGHT = re.compile(rf"\s*<({TAGS})>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(rf"^[^\n]*?</{TAGS}>[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*(?:\{\.?)?([A-Za-z0-9_+#.\-]*)[^\n`]*$")
_DEFINES = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+\w", re.MULTILINE)
_PARTS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and whether its closing fence was there."""

    language: str
    text: str
    closed: bool


def code_of(text: str, finish: str = "stop") -> str:
    """The Python source out of a reply. ``finish`` is the reply's; LLMReplyError is a sentence for the model."""
    body = without_thoughts(text)
    found = [block for block in blocks(body) if block.text.strip()]
    usable = [block for block in found if block.closed or parsed(block.text) is not None]
    marked = [block.text for block in usable if block.language in PYTHON]
    unmarked = [block.text for block in usable if not block.language and weight(block.text)]
    others = [block.text for block in usable if weight(block.text) and parsed(block.text) is not None]
    if marked or unmarked or others:
        best = chosen(marked or unmarked or others)
        whole = outermost(body) if parsed(best) is None else None
        return (whole or best).strip("\n") + "\n"
    if not found and weight(body) and parsed(body.strip()) is not None:
        return body.strip() + "\n"
    raise LLMReplyError(what_is_wrong(found, finish))


def what_is_wrong(found: list[Block], finish: str) -> str:
    """The sentence for the model where no code could be taken."""
    if finish == "length" or (found and not found[-1].closed):
        return (
            "Your reply was cut at its length limit before the code was complete. "
            "Write shorter code, without explanations, in one ```python block."
        )
    if found:
        marks = sorted({block.language or "unmarked text" for block in found})
        return f"Your reply has no Python code: its code block is {', '.join(marks)}. Write it in one ```python block."
    return "Your reply has no code block. Write the whole module in one ```python block."


def chosen(some: list[str]) -> str:
    """The source out of blocks of one rank; see the head of this file."""
    trees = [parsed(text) for text in some]
    first = next((place for place, text in enumerate(some) if weight(text)), 0)
    parts = [
        text
        for place, (text, tree) in enumerate(zip(some, trees, strict=True))
        if tree is not None and is_part(tree) and (weight(text) or (place < first and only_imports(tree)))
    ]
    names = [name for part in parts for name in definitions(part)]
    whole = all(text in parts for text in some if weight(text))
    if len(parts) > 1 and whole and len(names) == len(set(names)):
        return joined(parts)
    return max(enumerate(some), key=lambda pair: (weight(pair[1]), len(pair[1]), pair[0]))[1]


def joined(parts: list[str]) -> str:
    """Parts of one module as one, with every `from __future__` line at the top."""
    lines = [part.splitlines() for part in parts]
    future = dict.fromkeys(line for part in lines for line in part if line.startswith("from __future__ import"))
    bodies = ["\n".join(line for line in part if line not in future).strip("\n") for part in lines]
    return "\n\n\n".join([*(["\n".join(future)] if future else []), *bodies])


def without_thoughts(text: str) -> str:
    """The reply without the thoughts at its start; also where the opening tag stood in the prompt."""
    body = text
    while match := _THOUGHT.match(body):
        body = body[match.end() :]
    end = _THOUGHT_END.search(body)
    if end is not None and not _DEFINES.search(body, 0, end.start()) and len(body) > end.end():
        return body[end.end() :]
    return body


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order; a fence that is longer or indented otherwise belongs to the text."""
    found: list[Block] = []
    fence: str | None = None
    indent = language = ""
    lines: list[str] = []
    for line in text.splitlines():
        match = _FENCE.match(line)
        if fence is None:
            if match:
                indent, fence, language = match[1], match[2], match[3].lower()
                lines = []
        elif match and match[2][0] == fence[0] and len(match[2]) >= len(fence) and not match[3] and match[1] == indent:
            found.append(Block(language, "\n".join(lines), True))
            fence = None
        else:
            lines.append(line.removeprefix(indent))
    if fence is not None:
        found.append(Block(language, "\n".join(lines), False))
    return found


def outermost(text: str) -> str | None:
    """What lies between the first fence and the last one, where that is Python (a fence inside a docstring)."""
    lines = text.splitlines()
    places = [place for place, line in enumerate(lines) if _FENCE.match(line)]
    inside = "\n".join(lines[places[0] + 1 : places[-1]]) if len(places) > 2 else ""
    return inside if weight(inside) and parsed(inside) is not None else None


@lru_cache(maxsize=16)
def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a source; None where it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def weight(text: str) -> int:
    """How many functions and classes a text seems to define at its top level; it need not parse."""
    return len(_DEFINES.findall(text))


def definitions(text: str) -> list[str]:
    """Names of the functions and classes that a source defines at its top level; empty where it is not Python."""
    tree = parsed(text)
    if tree is None:
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def is_part(tree: ast.Module) -> bool:
    """Whether a source only defines: imports, functions, classes, names, docstrings. A usage example does more."""
    return all(
        isinstance(n, _PARTS) or (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in tree.body
    )


def only_imports(tree: ast.Module) -> bool:
    """Whether a source is nothing but imports."""
    return all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
