"""A language model f_λ behind one method.

Everything else (cache, retry, metering, record and replay) is a wrapper with the same method. Errors: see `LLMError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Usage:
    """Tokens of one reply; None where the server does not say (unknown is never zero)."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Reply:
    """The text of one completion.

    ``finish`` is "stop", "length" or None (the server did not say). ``cost_usd`` is None where the price is unknown.
    """

    text: str
    model: str
    usage: Usage = Usage()
    cost_usd: float | None = None
    finish: str | None = "stop"
    seconds: float = 0.0
    cached: bool = False


class LanguageModel(Protocol):
    """f_λ. ``complete`` may be called from several threads at once."""

    name: str

    def complete(self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None) -> Reply:
        """Return one completion. ``schema``: a JSON schema the reply should follow, if the server can be told so."""
        ...
