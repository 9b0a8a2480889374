"""The noisy channel: a writer that knows the right text and errs in each token with probability epsilon.

Errors are those that people and language models make: a token is dropped, doubled, swapped with the next one, or a variable gets
another name (a near spelling, or another name of the same text). Names, numbers, strings and operators are tokens; comments, blank
space and line ends pass unharmed. Self-repair: of the wrong tokens that the feedback points at (by line, by text or by name)
each is set right with probability ``repair``. Then the whole text passes the channel once more, as it is written once more
(``rewrite``, what the theorems assume of every iteration), or only what was pointed at is touched.
"""

from __future__ import annotations

import io
import keyword
import random
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass

KINDS = (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP)
DROPPED, DOUBLED, SWAPPED, RENAMED = "dropped", "doubled", "swapped", "renamed"
NEAR = 2
"""Python notices some errors only on a later line: so many lines before the one that feedback names are looked at too."""
SHORTEST = 6
"""Characters that a line must have to be recognised in feedback by its text."""


@dataclass(frozen=True)
class Edit:
    """One wrong token: what was done, and the name it was given."""

    kind: str
    name: str = ""


@dataclass(frozen=True)
class Noisy:
    """A text that came out of the channel: its wrong tokens by place, and the line where each stands; ``above``: lines that stand
    above the text where it is run."""

    text: str
    edits: Mapping[int, Edit]
    lines: Mapping[int, int]
    above: int = 0

    def seen(self, place: int, feedback: str) -> bool:
        """Whether the feedback points at a wrong token."""
        line = self.lines[place]
        named = [int(n) - self.above for n in re.findall(r"\bline (\d+)\b", feedback)]
        if any(line <= n <= line + NEAR for n in named):
            return True
        written = self.text.splitlines()
        text = written[line - 1].strip() if line <= len(written) else ""
        if len(text) >= SHORTEST and text in feedback:
            return True
        name = self.edits[place].name
        return bool(name) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", feedback) is not None


class Channel:
    """The channel around one right text. Deterministic under ``source``."""

    def __init__(self, text: str, epsilon: float, repair: float, source: random.Random, above: int = 0) -> None:
        self.above = above
        self.text = text
        self.epsilon = epsilon
        self.repair = repair
        self.random = source
        self.gaps, self.tokens = pieces(text)
        self.names = sorted({t for t in self.tokens if is_name(t)})

    def __len__(self) -> int:
        """Tokens: the length of the sequence."""
        return len(self.tokens)

    def write(self, last: Noisy | None = None, feedback: str = "", rewrite: bool = True) -> Noisy:
        """One attempt; after a failed one (``last``) with what the feedback let the writer set right."""
        edits: dict[int, Edit] = {}
        for place, edit in (last.edits if last is not None else {}).items():
            if not (last is not None and last.seen(place, feedback) and self.random.random() < self.repair):
                edits[place] = edit
        for place in range(len(self.tokens) if rewrite or last is None else 0):
            if self.random.random() < self.epsilon:
                edits[place] = self.edit(place)
        return self.rendered(edits)

    def edit(self, place: int) -> Edit:
        """An error at a place, each kind that can happen there being as likely."""
        token = self.tokens[place]
        kinds = [DROPPED, DOUBLED]
        kinds += [SWAPPED] if place + 1 < len(self.tokens) else []
        kinds += [RENAMED] if is_name(token) else []
        kind = self.random.choice(kinds)
        return Edit(kind, self.misnamed(token) if kind == RENAMED else "")

    def misnamed(self, name: str) -> str:
        """Another name of the text, or a near spelling."""
        others = [n for n in self.names if n != name]
        if others and self.random.random() < 0.5:
            return self.random.choice(others)
        return self.random.choice([f"{name}_", f"{name}s", f"new_{name}", name[:-1] or f"{name}_"])

    def rendered(self, edits: Mapping[int, Edit]) -> Noisy:
        """The text with these errors."""
        shown = list(self.tokens)
        for place, edit in edits.items():
            if edit.kind == DROPPED:
                shown[place] = ""
            elif edit.kind == DOUBLED:
                shown[place] = f"{shown[place]} {shown[place]}"
            elif edit.kind == RENAMED:
                shown[place] = edit.name
        for place in sorted(p for p, edit in edits.items() if edit.kind == SWAPPED):
            shown[place], shown[place + 1] = shown[place + 1], shown[place]
        line, lines, parts = 1, {}, []
        for place, (gap, token) in enumerate(zip(self.gaps, shown, strict=False)):
            line += gap.count("\n")
            if place in edits:
                lines[place] = line
            line += token.count("\n")
            parts += [gap, token]
        return Noisy("".join(parts) + self.gaps[-1], dict(edits), lines, self.above)


def is_name(token: str) -> bool:
    """True for what could be a variable."""
    return token.isidentifier() and not keyword.iskeyword(token)


def pieces(text: str) -> tuple[list[str], list[str]]:
    """The tokens of a text, and what stands before each of them and after the last."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    gaps, tokens, end = [], [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in KINDS:
            start = starts[token.start[0] - 1] + token.start[1]
            gaps.append(text[end:start])
            tokens.append(token.string)
            end = start + len(token.string)
    return [*gaps, text[end:]], tokens


def length(text: str) -> int:
    """Tokens of a text."""
    return len(pieces(text)[1])
