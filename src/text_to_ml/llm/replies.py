"""The Python source in a reply, whatever a language model put around it.

Which block is taken: blocks marked python before unmarked ones before blocks of another language that parse as Python.
Of several, those that parse and define something are joined where no two define the same name (parts of one module);
else the one with the most definitions, then the longest, is taken: a corrected version outweighs a usage example.
Does not run or judge the code.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

from text_to_ml.errors import LLMReplyError
from text_to_ml.syntax import parse

PYTHON = ("python", "py", "python3", "py3", "python-repl")
_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*(?:\{\.?)?([A-Za-z0-9_+#.\-]*)[^\n`]*$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and whether its closing fence was there."""

    language: str
    text: str
    closed: bool


def code_of(text: str, finish: str = "stop") -> str:
    """The Python source out of a reply. ``finish`` is the reply's; LLMReplyError is a sentence for the model."""
    body = without_thoughts(text)
    found = blocks(body)
    usable = [block for block in found if block.closed or parsed(block.text) is not None]
    for wanted in (PYTHON, ("",), None):
        some = [
            b for b in usable
            if (b.language in wanted if wanted is not None else definitions(b.text))
        ]  # fmt: skip
        if wanted == ("",):
            some = [block for block in some if definitions(block.text)] or some
        if some:
            return chosen(some)
    if not found and definitions(body):
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
        languages = ", ".join(sorted({block.language for block in found}))
        return f"Your reply has no Python code: its code block is {languages}. Write Python in one ```python block."
    return "Your reply has no code block. Write the whole module in one ```python block."


def chosen(some: list[Block]) -> str:
    """The source out of blocks of one rank; see the head of this file."""
    parts = [block.text for block in some if definitions(block.text)]
    if len(parts) > 1:
        names = [name for part in parts for name in definitions(part)]
        if len(names) == len(set(names)):
            return joined(parts)
    best = max(some, key=lambda block: (len(definitions(block.text)), len(block.text)))
    return best.text.strip("\n") + "\n"


def joined(parts: list[str]) -> str:
    """Parts of one module as one, with every `from __future__` line at the top."""
    future = [line for part in parts for line in part.splitlines() if line.startswith("from __future__ import")]
    bodies = [
        "\n".join(line for line in part.splitlines() if not line.startswith("from __future__ import")).strip("\n")
        for part in parts
    ]
    return "\n\n\n".join([*(["\n".join(dict.fromkeys(future))] if future else []), *bodies]) + "\n"


def without_thoughts(text: str) -> str:
    """The reply without the model's thoughts; also where only the closing tag is there (the prompt had the other)."""
    body = _THOUGHTS.sub("", text)
    first_fence = re.search(r"^[ \t]*```", body, re.MULTILINE)
    closing = re.search(r"^[ \t]*</(?:think|thinking|reasoning)>[ \t]*$", body, re.MULTILINE | re.IGNORECASE)
    if closing is None:
        closing = re.match(r"[^`]*?</(?:think|thinking|reasoning)>", body, re.IGNORECASE)
        if closing is not None and first_fence is not None and closing.end() > first_fence.start():
            closing = None
    return body[closing.end() :] if closing else body


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order; a fence inside a longer or indented one belongs to its text."""
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


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a source; None where it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def definitions(text: str) -> list[str]:
    """Names of the functions and classes that a source defines at its top level; empty where it is not Python."""
    tree = parsed(text)
    if tree is None:
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
