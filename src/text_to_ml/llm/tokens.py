"""How many tokens a text has, by estimate: every provider counts differently, and none can be asked before a call.

Made to err upwards on code and prose, so that a reservation covers the call. Not for accounting: what a server reports
is used there.
"""

from __future__ import annotations

import json
import re

from text_to_ml.llm.base import Request

_PIECE = re.compile(r"[A-Za-z]+|[0-9]|[ \t]+|\n+|[\x21-\x7e]|[^\x00-\x7f]+")
PER_MESSAGE = 8


def count_tokens(text: str) -> int:
    """Tokens of a text: one per five letters of a word, per digit, sign and indentation; at least a quarter per letter."""
    total = 0
    for piece in _PIECE.findall(text):
        first = piece[0]
        if first.isascii():
            total += (len(piece) + 4) // 5 if first.isalpha() else int(piece != " ")
        else:
            total += (len(piece.encode("utf-8", "replace")) + 1) // 2
    return max(total, -(-len(text) // 4))


def request_tokens(request: Request) -> int:
    """Input tokens of a request, with its schema (which every way of asking for JSON sends at most twice)."""
    total = sum(count_tokens(message.content) + PER_MESSAGE for message in request.messages)
    if request.schema is not None:
        total += 2 * count_tokens(json.dumps(dict(request.schema))) + 100
    return total + PER_MESSAGE
